"""Tables of the folder of ``gclust null``."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.shared import CLUSTER, CLUSTER_OR_NOISE, ECONOMIES, LAT, LON, NAME
from gclust.results.columns.table import Table, by_name, flag, number, text

OBSERVED = number("observed", "Weight of the listings within the radius of the place", "listings")
EXPECTED = number(
    "expected",
    "Expectation of this weight if units lie where the baseline does",
    "listings",
    "sum over strata of the units' weight times the part of the baseline within the radius",
)
OF_DRAWS = "(1 + draws with as much) / (1 + draws)"
EXCESSES = (
    OBSERVED,
    EXPECTED,
    number(
        "sd",
        "Standard deviation of this weight, at least the mean weight of a unit, weighed by weight",
        "listings",
    ),
    number("excess", "Standardised excess", "standard deviations", "(observed - expected) / sd"),
    number(
        "family_p",
        "p value of the excess for all places together",
        "part of one",
        "(1 + draws whose largest excess is as large) / (1 + draws)",
    ),
)
PLACE_LAT = replace(LAT, description="Latitude of the centre of the place")
PLACE_LON = replace(LON, description="Longitude of the centre of the place, from -180 to below 180")
NULL_MODEL = (
    CLUSTER,
    NAME,
    ECONOMIES,
    number("density", "Weight of the units that forms the cluster", "listings"),
    replace(PLACE_LAT, description="Latitude of its place with the largest excess"),
    replace(PLACE_LON, description="Longitude of its place with the largest excess"),
    *EXCESSES,
    flag("significant", "Whether family_p is at most [null] level"),
    number(
        "peak_pointwise_p",
        "Part of the draws with as much weight there; descriptive, since the peak was chosen",
        "part of one",
        OF_DRAWS,
    ),
    text("peak_pointwise_note", "What peak_pointwise_p is: descriptive; or why there is none"),
)
NULL_PLACES = (
    PLACE_LAT,
    PLACE_LON,
    *EXCESSES,
    number("pointwise_p", "p value of this place alone", "part of one", OF_DRAWS),
    replace(CLUSTER_OR_NOISE, description="Cluster with most weight in the place's cell; -1: none"),
)

NULL_DRAWS = (
    number("largest_excess", "Largest excess of all places in the draw", "standard deviations"),
)

TABLES = by_name(
    Table("null_model", "Excess of clusters over a null model", NULL_MODEL, ("cluster_id",)),
    Table("null_places", "Excess of places over a null model", NULL_PLACES, ("lat", "lon")),
    Table("null_draws", "Draws of the null model", NULL_DRAWS),
)
"""Tables by name."""
