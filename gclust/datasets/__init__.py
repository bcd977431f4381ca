"""Simulated worlds, published figures, and real data to fetch."""
