"""Spatial indexes: points folded, sorted into bands and cells, ball trees."""
