"""Localisation of kinds or fields: K-densities by distance, and an index over given areas."""
