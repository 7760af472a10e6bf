"""Training: the only home of Lightning."""
