"""Shelf of tasks: a row each."""
