"""Sequences to integer tokens and back."""
