"""Sources of listings: their options, files, columns and values; formats are in `readers`."""
