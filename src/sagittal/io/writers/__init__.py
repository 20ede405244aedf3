"""Shelf of writers: a file a format."""
