"""What a trained model has learnt, read from its weights."""
