"""Shelf of windowings: what the model sees at once."""
