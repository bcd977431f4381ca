"""Footprints: the polygon of each cluster, by one method a module."""
