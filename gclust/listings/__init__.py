"""Processing of listings in DuckDB: read, validate, fold onto locations, label and count."""
