"""Footprints: the polygon of each cluster, one method a module; `outlines` registers them."""
