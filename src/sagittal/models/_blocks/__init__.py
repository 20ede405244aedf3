"""Building blocks for any number of axes."""
