"""Indicators: one number per cluster."""
