"""Studies, which say what to compute: their sections, defaults, checks and TOML files."""
