"""What all sources of listings share: options, files, columns, values; formats are in `readers`."""
