"""Population rasters: checked, joined from tiles, summed within footprints."""
