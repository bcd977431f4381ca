"""Kernels of HDBSCAN: core distances, spanning tree, condensed tree, nearest members."""
