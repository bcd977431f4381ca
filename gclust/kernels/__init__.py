"""Numba functions that compute densities and clusters from arrays and return arrays.

They depend on Numba only, take no tables and no strings, and set no defaults for analyses.
"""
