"""CSV files: encoding, dialect and every row, decided before DuckDB reads them."""
