"""Tables in, files out: figures and terminal tables."""
