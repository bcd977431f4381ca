"""Tables of listings on any engine: read, validate, fold, attribute, count."""
