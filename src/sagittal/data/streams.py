"""Streams of random numbers that do not disturb one another: the last key of a generator."""

GEOMETRIC, INTENSITY, MIXING, ORDER, WINDOW = range(5)
