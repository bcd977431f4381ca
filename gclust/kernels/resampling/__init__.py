"""Resampling with counter-based random numbers: Poisson bootstrap and positional jitter."""
