"""Columns that several tables have."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.table import DEGREES, FIXED_POINT, integer, number, text

RANK = integer("rank", "Rank by score; equal scores share a rank", formula="rank of score")
CLUSTER = integer("cluster_id", "Number of the cluster in this run, from 0")
CLUSTER_OR_NOISE = replace(CLUSTER, description="Number of the cluster; -1 for noise")
NAME = text("name", "Name of the cluster: its heaviest cities")
ECONOMIES = text("economies", "Codes (ISO 3166-1 alpha-2) of its economies, the heaviest first")
KIND = text("kind", "Kind of record, as the study names it")
SCORE = number(
    "score", "Score, as [score] of the study combines columns", formula="total by default"
)
LAT = number("lat", "Latitude", DEGREES)
LON = number("lon", "Longitude, from -180 to below 180", DEGREES)
CENTRE = "of the weighted centre on the sphere"
CENTRE_FORMULA = "direction of the sum of weight times unit vector over the locations"
AREA = number("area_km2", "Area of the footprint on the WGS 84 ellipsoid", "km2")
AREA_90 = number(
    "area_90",
    "Area of the densest region that holds 90 % of the weight that forms clusters, a measure of"
    " compactness; empty where one location holds more than half",
    "km2",
    "highest-density region (Hyndman 1996) of a Gaussian kernel density with bandwidth 1.25 s"
    " n^(-1/6)",
)
POPULATION = number(
    "population",
    "Inhabitants of the footprint",
    "persons",
    "sum over raster cells of inhabitants times the part of the cell inside",
)
INTENSITY = number(
    "intensity",
    "Score (total, if the score is no amount) per million inhabitants",
    "score per million persons",
    "1e6 * score / population",
)
INTENSITY_RANK = integer(
    "intensity_rank", "Rank by intensity among the first clusters ([study] top)"
)
UNCOVERED = number(
    "uncovered_share",
    "Part of the footprint without population data",
    "part of one",
    "area of cells without data / area_km2",
)
UNITS = integer(
    "units", "The count in fixed point, whose sums are exact", FIXED_POINT, "232792560 * count"
)

WEIGHT = number("weight", "Weight of all listings at the location", "listings")
