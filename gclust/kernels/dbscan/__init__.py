"""Kernels of DBSCAN: neighbour counts, core points, their components, border labels."""
