"""Shelf of augmentations: random, for training only."""
