"""Shelf of losses."""
