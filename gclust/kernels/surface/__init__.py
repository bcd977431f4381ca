"""DBSCAN at every threshold at once: component tree and border search."""
