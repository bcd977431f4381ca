"""Columns of the tables that sections of a study add to a run."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.ranking import RANKING
from gclust.results.columns.shared import (
    AREA,
    CLUSTER,
    CLUSTER_OR_NOISE,
    ECONOMIES,
    INTENSITY,
    INTENSITY_RANK,
    KIND,
    LAT,
    LON,
    NAME,
    POPULATION,
    RANK,
    SCORE,
    UNCOVERED,
    UNITS,
)
from gclust.results.columns.table import (
    FIELD_YEAR,
    FRACTIONAL,
    OF_RECORD,
    PER_CENT,
    RECORDS,
    Column,
    flag,
    integer,
    number,
    text,
)

MEMBERSHIPS = (
    integer("source", "Number of the source in the study, from 1"),
    text("file", "Path of the file, relative to the study's folder"),
    integer(
        "row",
        "Row of the file from 1, without the header and rows of a wrong number of fields",
    ),
    KIND,
    Column("record", "any", "Id of the record; missing for listings without one"),
    integer("cluster_id", "Cluster of the listing; -1 in no cluster"),
    number(
        "fraction",
        "Part of its record that the listing adds to the count of its cluster",
        RECORDS,
        OF_RECORD,
    ),
    replace(
        UNITS,
        description="The fraction in fixed point; those of a cluster and kind add up to its count",
        formula="232792560 * fraction",
    ),
    flag("located", "Whether the place of the listing can be used"),
    integer("location", "Row of its place in locations.parquet, from 0; missing without a place"),
    number("weight", "Weight of the listing", "listings"),
)

COUNT = number("count", "Records in the cluster", RECORDS, FRACTIONAL)
WORLD_COUNT = number("world_count", "Records in the sources, noise included", RECORDS)


def of_clusters(column: str, what: str) -> tuple[Column, ...]:
    """Return the columns of the counts of clusters by a column of the listings."""
    return (
        CLUSTER,
        NAME,
        KIND,
        text(column, f"{what}; missing where it is unknown"),
        replace(COUNT, description=f"Records of the kind and {column} in the cluster"),
        number(
            "share",
            f"Records of the {column}, of the cluster's of that kind",
            PER_CENT,
            "100 * count / sum of count over the cluster and kind",
        ),
        replace(
            WORLD_COUNT,
            description=f"Records of the kind and {column} in the sources, noise included",
        ),
        UNITS,
    )


PANEL = (
    CLUSTER,
    NAME,
    integer("year", "Year of the listings; missing where it is unknown"),
    KIND,
    replace(COUNT, description="Records of the kind and year in the cluster; 0 without any"),
    number(
        "share",
        "Records of the kind and year, of the world's; missing where the study gives its total",
        PER_CENT,
        "100 * count / world_count",
    ),
    integer("rank", "Rank by count among all clusters, of a kind and year"),
    replace(WORLD_COUNT, description="Records of the kind and year in the sources, with noise"),
    UNITS,
    text("boundary_kinds", "Kinds whose listings formed the clusters, the same in all years"),
    text("boundary_years", "Years of the listings that formed the clusters"),
)

TIES = (
    integer("cluster_a", "Number of a cluster; -1 all noise, -2 listings without a place"),
    integer("cluster_b", "Number of the other cluster, not smaller; the same: ties within it"),
    text("name_a", "Name of the first"),
    text("name_b", "Name of the second"),
    integer("records", "Records with a tie: listings in both, or two in the same", RECORDS),
    number(
        "fractional",
        "Ties; each record has one in all",
        RECORDS,
        "sum over records of n_a n_b / (n (n - 1) / 2); within: n_a (n_a - 1) / (n (n - 1))",
    ),
    number(
        "pairs",
        "Pairs of listings of one record",
        "pairs of listings",
        "sum over records of n_a n_b; within: n_a (n_a - 1) / 2",
    ),
    number(
        "expected",
        "Fractional ties under proportional mixing",
        RECORDS,
        "s_a s_b / S, within s_a^2 / (2 S); s: all ties of a cluster, those within twice; S: sum"
        " of s",
    ),
    replace(
        UNITS, description="The fractional ties in fixed point", formula="232792560 * fractional"
    ),
)

MEMBERS = (
    CLUSTER,
    NAME,
    text("city", "Name of the member city"),
    text("country", "Code (ISO 3166-1 alpha-2) of its country"),
    number("<kind>_count", "Records of kind <kind> in the member", RECORDS, FRACTIONAL),
    number(
        "<kind>_share",
        "Records of kind <kind>, of the cluster's members",
        PER_CENT,
        "100 * <kind>_count / sum of it over the cluster",
    ),
)
MEMBER_TIES = (
    CLUSTER,
    text("city_a", "The heavier member city"),
    text("city_b", "The other member city"),
    number("ties", "Ties of the two", RECORDS, "sum over records of n_a n_b / (n (n - 1) / 2)"),
)

CENTROID_GEOCODES = (
    LAT,
    LON,
    text("city", "City at whose point the location is"),
    text("country", "Code (ISO 3166-1 alpha-2) of its country"),
    number("distance_km", "Distance from the city's point", "km"),
    number("weight", "Weight that forms clusters", "listings"),
    number("weight_around", "Weight of the other locations within radius_km", "listings"),
    number(
        "ratio",
        "Weight, as a multiple of what a location as dense as its surroundings would have",
        "ratio",
        "weight / e; e = weight_around / (pi radius_km^2 - 1)",
    ),
    number("excess", "Weight beyond that", "listings", "weight - e"),
    CLUSTER_OR_NOISE,
    text("cluster", "Name of the cluster"),
    number("share_of_cluster", "Part of the cluster's weight", "part of one"),
    flag("only_by_geocode", "Whether the cluster exists only because of this geocode"),
    flag("only_by_geocodes", "Whether the cluster exists only because of centroid geocodes"),
)

SPREAD = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    SCORE,
    replace(INTENSITY_RANK, description="Rank by intensity under the study's own combination"),
    integer("least_intensity_rank", "Least rank over the combinations"),
    integer("largest_intensity_rank", "Largest rank over the combinations"),
    integer(
        "intensity_rank_range",
        "Range of the ranks",
        formula="largest_intensity_rank - least_intensity_rank",
    ),
    integer("ranked_under", "Number of combinations under which there is a rank"),
    number("largest_uncovered_share", "Largest uncovered_share", "part of one"),
    integer("<combination>", "Rank by intensity under this footprint and raster"),
)
DETAIL = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    SCORE,
    text("combination", "Name of the footprint and raster"),
    text("footprint", "Name of the footprint"),
    text("raster", "Name of the raster"),
    AREA,
    POPULATION,
    UNCOVERED,
    INTENSITY,
    replace(INTENSITY_RANK, description="Rank by intensity under the combination"),
)

AREA_ID = integer("area_id", "Number of the given area in this run, from 0, by name")
AREA_NAME = text("name", "Name of the given area")
AREA_CODE = text("area_code", "The user's code of the given area")
GIVEN = (
    RANK,
    AREA_ID,
    AREA_NAME,
    AREA_CODE,
    *(
        column
        for column in RANKING
        if column.name
        not in ("rank", "cluster_id", "name", "outside_share", "foreign_share", "<kind>_inside")
    ),
)
OVERLAPS = (
    integer("cluster_id", "Number of the cluster; -1: noise in the area"),
    text("cluster", "Name of the cluster, or noise"),
    integer("area_id", "Number of the given area; -1: the cluster's rest outside of all"),
    text("area", "Name of the given area, or outside"),
    number("<kind>_count", "Records of kind <kind> in both", RECORDS, FRACTIONAL),
    number("total", "Sum of the shares in both, of the world's", PER_CENT, "sum over kinds"),
    number("share_of_cluster", "The part in both, of the cluster's total", PER_CENT),
    number("share_of_area", "The part in both, of the area's total", PER_CENT),
    number("overlap_km2", "Ground that the footprint and the area share", "km2"),
)

NORMALISED = (
    CLUSTER,
    NAME,
    RANK,
    integer("rank_without", "Rank by the score of counts that are not normalised"),
    SCORE,
    number("score_without", "Score of counts that are not normalised"),
    number("<kind>_count", "Normalised records of kind <kind> in the cluster", RECORDS, FIELD_YEAR),
    number("<kind>_count_without", "Records of kind <kind> in the cluster", RECORDS, FRACTIONAL),
    number(
        "<kind>_share",
        "Normalised records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count / world total of <kind>",
    ),
    number(
        "<kind>_share_without",
        "Records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count_without / world total of <kind>",
    ),
)
