"""Shelf of layouts: how data sets lie on disk."""
