"""Shelf of networks: a family a file."""
