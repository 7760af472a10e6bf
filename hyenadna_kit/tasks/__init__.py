"""Labelled tables made from a genome and its annotation, on sides that do not leak into each other."""
