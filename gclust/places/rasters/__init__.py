"""Population rasters: checks, joining of tiles, and sums within footprints."""
