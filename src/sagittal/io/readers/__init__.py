"""Shelf of readers: a file a family of formats."""
