"""Scores and ranks: pure tables."""
