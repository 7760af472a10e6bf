"""Variants to scores: how much less, or more, likely a model finds the changed sequence."""
