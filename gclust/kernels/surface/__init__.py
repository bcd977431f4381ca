"""Kernels of DBSCAN at all thresholds at once: component tree and border search."""
