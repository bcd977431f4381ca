"""Clustering methods with the scikit-learn interface, and the merging of clusters."""
