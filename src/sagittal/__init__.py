"""One deep-learning system for medical images. Not a medical device."""

__version__ = "0.1.0"
