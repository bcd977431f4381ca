"""Places: footprints, names, population, geodesic areas, the 180th meridian."""
