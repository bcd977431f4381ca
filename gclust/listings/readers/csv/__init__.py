"""CSV reader: finds encoding, dialect and rows of a file before DuckDB reads it."""
