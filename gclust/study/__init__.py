"""A study, which says what to compute: its sections, defaults, validation and TOML."""
