"""Tables of the folder of ``gclust run``."""

from __future__ import annotations

from gclust.results.columns.ranking import CONTRIBUTIONS, GEOMETRY, RANKING
from gclust.results.columns.sections import (
    CENTROID_GEOCODES,
    DETAIL,
    GIVEN,
    MEMBER_TIES,
    MEMBERS,
    MEMBERSHIPS,
    NORMALISED,
    OVERLAPS,
    PANEL,
    SPREAD,
    TIES,
    of_clusters,
)
from gclust.results.columns.shared import (
    CENTRE,
    CENTRE_FORMULA,
    CLUSTER_OR_NOISE,
    KIND,
    LAT,
    LON,
    WEIGHT,
)
from gclust.results.columns.table import DEGREES, Table, by_name, flag, integer, number, text

LOCATIONS = (
    LAT,
    LON,
    WEIGHT,
    number("density", "Weight that counts for the density ([density])", "listings"),
    CLUSTER_OR_NOISE,
    flag("core", "Whether footprints of core locations are drawn from it"),
    number("city_share", "Part of the weight that is known to the city only", "part of one"),
)
NOISE = tuple(column for column in LOCATIONS if column.name not in ("cluster_id", "core"))

MERGES = (
    integer("round", "Round of merging, from 1"),
    integer("cluster_a", "Smallest label of the first cluster before the round"),
    integer("cluster_b", "Smallest label of the second cluster before the round"),
    number("gap_km", "Least distance between locations of the two", "km"),
    number("ties", "Ties of the two, as [merge] ties says", "records or pairs of listings"),
    text("runner_up_a", "The first cluster's strongest other partner"),
    number("runner_up_a_ties", "Ties with it", "as ties"),
    text("runner_up_b", "The second cluster's strongest other partner"),
    number("runner_up_b_ties", "Ties with it", "as ties"),
    number("lat_a", f"Latitude {CENTRE} of the first cluster", DEGREES, CENTRE_FORMULA),
    number("lon_a", f"Longitude {CENTRE} of the first cluster", DEGREES, CENTRE_FORMULA),
    number("lat_b", f"Latitude {CENTRE} of the second cluster", DEGREES, CENTRE_FORMULA),
    number("lon_b", f"Longitude {CENTRE} of the second cluster", DEGREES, CENTRE_FORMULA),
    integer("cluster_id", "The cluster that both are in after all rounds"),
    text("name_a", "Name of the first cluster before the round"),
    text("name_b", "Name of the second cluster before the round"),
)

REJECTS = (
    text("source", "Path of the file, relative to the study's folder"),
    integer("line", "Line of the file, or row of a table, from 1"),
    KIND,
    *(
        text(name, f"The {name} as it was given")
        for name in ("record", "lat", "lon", "year", "weight")
    ),
    text("reason", "Why the row could not be used"),
    text("value", "The column and value that the reason is about"),
    text("text", "The beginning of a row with a wrong number of fields"),
)

TABLES = by_name(
    Table("ranking", "Clusters, the best first", RANKING, ("cluster_id",)),
    Table("clusters", "The ranking with footprints", (*RANKING, GEOMETRY), ("cluster_id",)),
    Table("contributions", "Columns' contributions to scores", CONTRIBUTIONS, ("cluster_id",)),
    Table("locations", "Locations with weight and cluster", LOCATIONS, ("lat", "lon")),
    Table("noise", "Locations in no cluster", NOISE, ("lat", "lon")),
    Table("merges", "Pairs of clusters that were merged", MERGES),
    Table("rejects", "Rows that could not be used", REJECTS),
    Table("members", "Member cities of clusters", MEMBERS),
    Table("member_ties", "Ties between the cities of a cluster", MEMBER_TIES),
    Table("centroid_geocodes", "Locations of city-level addresses", CENTROID_GEOCODES),
    Table("intensity", "Ranks by intensity under several footprints", SPREAD, ("cluster_id",)),
    Table("intensity_detail", "Intensities under several footprints", DETAIL),
    Table("memberships", "Every listing with its cluster", MEMBERSHIPS),
    Table("panel", "Clusters by year and kind", PANEL),
    Table("fields", "Clusters by kind and field", of_clusters("field", "Field")),
    Table(
        "organisations",
        "Clusters by kind and organisation",
        of_clusters("organisation", "Organisation"),
    ),
    Table("ties", "Ties (records in common) of clusters", TIES, ("cluster_a", "cluster_b")),
    Table("given_areas", "Given areas, the best first", (*GIVEN, GEOMETRY), ("area_id",)),
    Table("normalised", "The ranking with and without normalised counts", NORMALISED),
    Table("given_overlaps", "Overlaps of clusters and given areas", OVERLAPS),
)
"""Tables by name."""
