"""Spatial indexes: rows grouped by location, points in latitude bands and cells, ball trees."""
