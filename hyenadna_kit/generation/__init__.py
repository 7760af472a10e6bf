"""Sequences token by token: drawn from a language model, or read as a stream of any length."""
