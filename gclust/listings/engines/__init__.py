"""Engines: databases that hold the listings of a study and compute the stages over them."""
