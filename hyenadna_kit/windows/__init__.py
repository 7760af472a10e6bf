"""Genomes to windows: where they lie, in which order they come, and how they become batches."""
