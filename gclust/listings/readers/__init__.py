"""Readers of listings, one for each format; a new one is named in `gclust.listings.open_sources`."""
