"""Shelf of explainers."""
