"""Ours against the peers, side by side in one process."""
