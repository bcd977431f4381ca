"""Readers of listings, one for each format; `gclust.listings.open_sources` lists them all."""
