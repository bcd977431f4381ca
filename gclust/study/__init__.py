"""A study: what to compute. Sections with defaults, parsing, validation, TOML."""
