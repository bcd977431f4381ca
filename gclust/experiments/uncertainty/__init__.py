"""Rank uncertainty: bootstrap draws, rank sets, intervals."""
