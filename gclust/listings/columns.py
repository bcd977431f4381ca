"""gclust's own names for the columns of listings."""

COLUMNS = ("record", "lat", "lon", "weight", "year")
FURTHER = ("year", "organisation", "field", "country", "precision", "citations")
"""Columns that are kept only for indicators that need them; ``year`` also for windows of years."""
KNOWN = tuple(dict.fromkeys((*COLUMNS, *FURTHER)))
