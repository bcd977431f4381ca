"""Scores and ranks of clusters, computed from tables."""
