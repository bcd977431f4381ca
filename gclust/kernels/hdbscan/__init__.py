"""Kernels of HDBSCAN: core distances, spanning tree, condensed tree, nearest cluster members."""
