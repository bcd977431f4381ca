"""Processing of listings in DuckDB: reading, validation, sums by location, labels, counts."""
