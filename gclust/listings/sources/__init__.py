"""Options, files, columns and values of sources of listings; formats are in `readers`."""
