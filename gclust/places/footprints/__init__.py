"""Footprints, the polygons of clusters: one module per method; `outlines` registers them."""
