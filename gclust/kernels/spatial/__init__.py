"""Spatial indexes: folding of rows onto locations, bands and cells of points, ball trees."""
