"""Indicators: one value per cluster. What plug-ins need is named here."""

from gclust.indicators.labelled_listings import AttributedListings
from gclust.indicators.protocol import Indicator, indicator

__all__ = ["AttributedListings", "Indicator", "indicator"]
