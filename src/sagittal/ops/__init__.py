"""Pure functions and kernels on arrays, for any number of axes."""
