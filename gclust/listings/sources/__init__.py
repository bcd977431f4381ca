"""Sources of listings: CSV, Parquet and geometry files, tables in memory, queries."""
