"""Cluster formation: estimators with the scikit-learn contract, and merging."""
