"""Cities: the gazetteer, names of clusters, member cities, centroid geocodes."""
