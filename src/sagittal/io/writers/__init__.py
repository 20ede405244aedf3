"""Shelf of writers: a file a family of formats."""
