"""Density kernels: arrays in, arrays out. Numba only; no tables, no defaults, no strings."""
