"""Columns of the ranking of clusters."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.shared import (
    AREA,
    AREA_90,
    CENTRE,
    CENTRE_FORMULA,
    CLUSTER,
    ECONOMIES,
    INTENSITY,
    INTENSITY_RANK,
    LAT,
    LON,
    NAME,
    POPULATION,
    RANK,
    SCORE,
    UNCOVERED,
)
from gclust.results.columns.table import FRACTIONAL, PER_CENT, RECORDS, Column, integer, number

OF_KINDS = (
    number("<kind>_count", "Records of kind <kind> in the cluster", RECORDS, FRACTIONAL),
    number(
        "<kind>_share",
        "Records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count / world total of <kind>",
    ),
    integer("<kind>_rank", "Rank by <kind>_share", formula="rank of <kind>_share"),
    number(
        "<kind>_per_million",
        "Records of kind <kind> per million inhabitants (those inside the footprint, where"
        " <kind>_inside is given)",
        "records per million persons",
        "1e6 * <kind>_count / population",
    ),
    number("<kind>_inside", "Records of kind <kind> in the cluster and its footprint", RECORDS),
)

RANKING = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    replace(LAT, description=f"Latitude {CENTRE}", formula=CENTRE_FORMULA),
    replace(LON, description=f"Longitude {CENTRE}", formula=CENTRE_FORMULA),
    *OF_KINDS,
    number("total", "Sum of the shares of all kinds", PER_CENT, "sum of <kind>_share"),
    SCORE,
    POPULATION,
    INTENSITY,
    INTENSITY_RANK,
    AREA,
    AREA_90,
    UNCOVERED,
    number(
        "outside_share",
        "Records of the cluster outside its footprint; kinds weigh by shares",
        PER_CENT,
        "100 * shares of its records outside / total",
    ),
    number(
        "foreign_share",
        "Records in the footprint that are not the cluster's, of its own",
        PER_CENT,
        "100 * shares of other records inside / total",
    ),
)
GEOMETRY = Column("geometry", "any", "Footprint in EPSG:4326, as well-known binary")
CONTRIBUTIONS = (
    RANK,
    CLUSTER,
    NAME,
    SCORE,
    number(
        "<column>_part",
        "Contribution of the column to the score",
        "see [score] combine",
        "sum, mean: parts of one; zscore, borda: terms that add up to the score; geometric: terms"
        " of its logarithm",
    ),
)
