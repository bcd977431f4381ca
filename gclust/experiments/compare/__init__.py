"""Comparison of two runs: matched clusters, and the decomposition of changes."""
