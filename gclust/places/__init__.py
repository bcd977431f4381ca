"""Places: footprints, cities, population rasters, geodesic areas, the 180th meridian."""
