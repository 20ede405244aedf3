"""Shelf of metrics: each names its convention and its interval."""
