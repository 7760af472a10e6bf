"""Tokens to hidden states: embedding, blocks of mixer and MLP, final norm."""
