"""Names of the columns of listings."""

COLUMNS = ("record", "lat", "lon", "weight", "year")
FURTHER = ("year", "organisation", "field", "country", "precision")
"""Columns that are kept only where something asks for them; years also say what is inside a
window."""
KNOWN = tuple(dict.fromkeys((*COLUMNS, *FURTHER)))
