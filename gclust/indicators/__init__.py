"""Indicators: one value per cluster. What plug-ins need is named here."""

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import Indicator, indicator

__all__ = ["Indicator", "LabelledListings", "indicator"]
