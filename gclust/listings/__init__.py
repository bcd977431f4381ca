"""Listings on DuckDB: read, validate, fold onto locations, label, count."""
