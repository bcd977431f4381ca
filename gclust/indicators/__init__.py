"""Indicators: functions that give one value per cluster; plug-ins import names from here."""

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import Indicator, indicator

__all__ = ["Indicator", "LabelledListings", "indicator"]
