"""Shelf of synthetic patients."""
