"""Resampling by counter-based random numbers: Poisson bootstrap and positional jitter."""
