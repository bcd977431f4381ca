"""Rank uncertainty: a bootstrap that gives rank sets and intervals of scores and ranks."""
