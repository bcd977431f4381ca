"""Every column of every table that a run writes, with its unit and formula: the one source.

The data dictionary of a run (`gclust.results.datapackage`) and the readers of its tables are made
from it. In names, ``<kind>`` stands for a kind of record, ``<column>`` for a column of the score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TYPES = ("integer", "number", "string", "boolean", "any")
"""Types of columns, by the names of the Table Schema of Frictionless Data."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its type (of `TYPES`), and what it says, with unit and formula."""

    name: str
    type: str
    description: str
    unit: str = ""
    formula: str = ""


@dataclass(frozen=True)
class Table:
    """A table that a run writes: its name without ending, and its columns."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """Columns that together identify a row."""


def _integer(name: str, description: str, unit: str = "", formula: str = "") -> Column:
    return Column(name, "integer", description, unit, formula)


def _number(name: str, description: str, unit: str = "", formula: str = "") -> Column:
    return Column(name, "number", description, unit, formula)


def _text(name: str, description: str) -> Column:
    return Column(name, "string", description)


def _flag(name: str, description: str) -> Column:
    return Column(name, "boolean", description)


RECORDS, PER_CENT, DEGREES = "records", "per cent", "degrees"
FIXED_POINT = "1/232792560 record"
FRACTIONAL = "sum over records of the part of the record's listings that lie in it"
WHOLE = "number of records with a listing in it, each spread over these listings by weight"
FIELD_YEAR = (
    "sum over listings of their part of the record, times the mean total of all field-years over"
    " the total of their own"
)
"""Formulas of counts with ``[counting] method = "fractional"`` and ``"whole"``."""
OF_RECORD = "weight / weight of all listings of the record; its weight without a record"
OF_RECORD_HERE = "weight / weight of the record's listings in the cluster; else its weight"

RANK = _integer("rank", "Rank by score; equal scores share a rank", formula="rank of score")
CLUSTER = _integer("cluster_id", "Number of the cluster in this run, from 0")
CLUSTER_OR_NOISE = replace(CLUSTER, description="Number of the cluster; -1 for noise")
NAME = _text("name", "Name of the cluster: its heaviest cities")
ECONOMIES = _text("economies", "Codes (ISO 3166-1 alpha-2) of its economies, the heaviest first")
KIND = _text("kind", "Kind of record, as the study names it")
SCORE = _number(
    "score", "Score, as [score] of the study combines columns", formula="total by default"
)
LAT = _number("lat", "Latitude", DEGREES)
LON = _number("lon", "Longitude, from -180 to below 180", DEGREES)
CENTRE = "of the weighted centre on the sphere"
CENTRE_FORMULA = "direction of the sum of weight times unit vector over the locations"
AREA = _number("area_km2", "Area of the footprint on the WGS 84 ellipsoid", "km2")
AREA_90 = _number(
    "area_90",
    "Area of the densest region that holds 90 % of the weight that forms clusters, a measure of"
    " compactness; empty where one location holds more than half",
    "km2",
    "highest-density region (Hyndman 1996) of a Gaussian kernel density with bandwidth 1.25 s"
    " n^(-1/6)",
)
POPULATION = _number(
    "population",
    "Inhabitants of the footprint",
    "persons",
    "sum over raster cells of inhabitants times the part of the cell inside",
)
INTENSITY = _number(
    "intensity",
    "Score (total, if the score is no amount) per million inhabitants",
    "score per million persons",
    "1e6 * score / population",
)
INTENSITY_RANK = _integer(
    "intensity_rank", "Rank by intensity among the first clusters ([study] top)"
)
UNCOVERED = _number(
    "uncovered_share",
    "Part of the footprint without population data",
    "part of one",
    "area of cells without data / area_km2",
)
UNITS = _integer(
    "units", "The count in fixed point, whose sums are exact", FIXED_POINT, "232792560 * count"
)

OF_KINDS = (
    _number("<kind>_count", "Records of kind <kind> in the cluster", RECORDS, FRACTIONAL),
    _number(
        "<kind>_share",
        "Records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count / world total of <kind>",
    ),
    _integer("<kind>_rank", "Rank by <kind>_share", formula="rank of <kind>_share"),
    _number(
        "<kind>_per_million",
        "Records of kind <kind> per million inhabitants (those inside the footprint, where"
        " <kind>_inside is given)",
        "records per million persons",
        "1e6 * <kind>_count / population",
    ),
    _number("<kind>_inside", "Records of kind <kind> in the cluster and its footprint", RECORDS),
)

RANKING = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    replace(LAT, description=f"Latitude {CENTRE}", formula=CENTRE_FORMULA),
    replace(LON, description=f"Longitude {CENTRE}", formula=CENTRE_FORMULA),
    *OF_KINDS,
    _number("total", "Sum of the shares of all kinds", PER_CENT, "sum of <kind>_share"),
    SCORE,
    POPULATION,
    INTENSITY,
    INTENSITY_RANK,
    AREA,
    AREA_90,
    UNCOVERED,
    _number(
        "outside_share",
        "Records of the cluster outside its footprint; kinds weigh by shares",
        PER_CENT,
        "100 * shares of its records outside / total",
    ),
    _number(
        "foreign_share",
        "Records in the footprint that are not the cluster's, of its own",
        PER_CENT,
        "100 * shares of other records inside / total",
    ),
)
GEOMETRY = Column("geometry", "any", "Footprint in EPSG:4326, as well-known binary")
WEIGHT = _number("weight", "Weight of all listings at the location", "listings")

LOCATIONS = (
    LAT,
    LON,
    WEIGHT,
    _number("density", "Weight that counts for the density ([density])", "listings"),
    CLUSTER_OR_NOISE,
    _flag("core", "Whether footprints of core locations are drawn from it"),
    _number("city_share", "Part of the weight that is known to the city only", "part of one"),
)

MERGES = (
    _integer("round", "Round of merging, from 1"),
    _integer("cluster_a", "Smallest label of the first cluster before the round"),
    _integer("cluster_b", "Smallest label of the second cluster before the round"),
    _number("gap_km", "Least distance between locations of the two", "km"),
    _number("ties", "Ties of the two, as [merge] ties says", "records or pairs of listings"),
    _text("runner_up_a", "The first cluster's strongest other partner"),
    _number("runner_up_a_ties", "Ties with it", "as ties"),
    _text("runner_up_b", "The second cluster's strongest other partner"),
    _number("runner_up_b_ties", "Ties with it", "as ties"),
    _number("lat_a", f"Latitude {CENTRE} of the first cluster", DEGREES, CENTRE_FORMULA),
    _number("lon_a", f"Longitude {CENTRE} of the first cluster", DEGREES, CENTRE_FORMULA),
    _number("lat_b", f"Latitude {CENTRE} of the second cluster", DEGREES, CENTRE_FORMULA),
    _number("lon_b", f"Longitude {CENTRE} of the second cluster", DEGREES, CENTRE_FORMULA),
    _integer("cluster_id", "The cluster that both are in after all rounds"),
    _text("name_a", "Name of the first cluster before the round"),
    _text("name_b", "Name of the second cluster before the round"),
)

REJECTS = (
    _text("source", "Path of the file, relative to the study's folder"),
    _integer("line", "Line of the file, or row of a table, from 1"),
    KIND,
    *(
        _text(name, f"The {name} as it was given")
        for name in ("record", "lat", "lon", "year", "weight")
    ),
    _text("reason", "Why the row could not be used"),
    _text("value", "The column and value that the reason is about"),
    _text("text", "The beginning of a row with a wrong number of fields"),
)

MEMBERSHIPS = (
    _integer("source", "Number of the source in the study, from 1"),
    _text("file", "Path of the file, relative to the study's folder"),
    _integer(
        "row",
        "Row of the file from 1, without the header and rows of a wrong number of fields",
    ),
    KIND,
    Column("record", "any", "Id of the record; missing for listings without one"),
    _integer("cluster_id", "Cluster of the listing; -1 in no cluster"),
    _number(
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
    _flag("located", "Whether the place of the listing can be used"),
    _integer("location", "Row of its place in locations.parquet, from 0; missing without a place"),
    _number("weight", "Weight of the listing", "listings"),
)

COUNT = _number("count", "Records in the cluster", RECORDS, FRACTIONAL)
WORLD_COUNT = _number("world_count", "Records in the sources, noise included", RECORDS)


def _of_clusters(column: str, what: str) -> tuple[Column, ...]:
    """Return the columns of the counts of clusters by a column of the listings."""
    return (
        CLUSTER,
        NAME,
        KIND,
        _text(column, f"{what}; missing where it is unknown"),
        replace(COUNT, description=f"Records of the kind and {column} in the cluster"),
        _number(
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
    _integer("year", "Year of the listings; missing where it is unknown"),
    KIND,
    replace(COUNT, description="Records of the kind and year in the cluster; 0 without any"),
    _number(
        "share",
        "Records of the kind and year, of the world's; missing where the study gives its total",
        PER_CENT,
        "100 * count / world_count",
    ),
    _integer("rank", "Rank by count among all clusters, of a kind and year"),
    replace(WORLD_COUNT, description="Records of the kind and year in the sources, with noise"),
    UNITS,
    _text("boundary_kinds", "Kinds whose listings formed the clusters, the same in all years"),
    _text("boundary_years", "Years of the listings that formed the clusters"),
)

TIES = (
    _integer("cluster_a", "Number of a cluster; -1 all noise, -2 listings without a place"),
    _integer("cluster_b", "Number of the other cluster, not smaller; the same: ties within it"),
    _text("name_a", "Name of the first"),
    _text("name_b", "Name of the second"),
    _integer("records", "Records with a tie: listings in both, or two in the same", RECORDS),
    _number(
        "fractional",
        "Ties; each record has one in all",
        RECORDS,
        "sum over records of n_a n_b / (n (n - 1) / 2); within: n_a (n_a - 1) / (n (n - 1))",
    ),
    _number(
        "pairs",
        "Pairs of listings of one record",
        "pairs of listings",
        "sum over records of n_a n_b; within: n_a (n_a - 1) / 2",
    ),
    _number(
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
    _text("city", "Name of the member city"),
    _text("country", "Code (ISO 3166-1 alpha-2) of its country"),
    _number("<kind>_count", "Records of kind <kind> in the member", RECORDS, FRACTIONAL),
    _number(
        "<kind>_share",
        "Records of kind <kind>, of the cluster's members",
        PER_CENT,
        "100 * <kind>_count / sum of it over the cluster",
    ),
)
MEMBER_TIES = (
    CLUSTER,
    _text("city_a", "The heavier member city"),
    _text("city_b", "The other member city"),
    _number("ties", "Ties of the two", RECORDS, "sum over records of n_a n_b / (n (n - 1) / 2)"),
)

CENTROID_GEOCODES = (
    LAT,
    LON,
    _text("city", "City at whose point the location is"),
    _text("country", "Code (ISO 3166-1 alpha-2) of its country"),
    _number("distance_km", "Distance from the city's point", "km"),
    _number("weight", "Weight that forms clusters", "listings"),
    _number("weight_around", "Weight of the other locations within radius_km", "listings"),
    _number(
        "ratio",
        "Weight, as a multiple of what a location as dense as its surroundings would have",
        "ratio",
        "weight / e; e = weight_around / (pi radius_km^2 - 1)",
    ),
    _number("excess", "Weight beyond that", "listings", "weight - e"),
    CLUSTER_OR_NOISE,
    _text("cluster", "Name of the cluster"),
    _number("share_of_cluster", "Part of the cluster's weight", "part of one"),
    _flag("only_by_geocode", "Whether the cluster exists only because of this geocode"),
    _flag("only_by_geocodes", "Whether the cluster exists only because of centroid geocodes"),
)

SPREAD = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    SCORE,
    replace(INTENSITY_RANK, description="Rank by intensity under the study's own combination"),
    _integer("least_intensity_rank", "Least rank over the combinations"),
    _integer("largest_intensity_rank", "Largest rank over the combinations"),
    _integer(
        "intensity_rank_range",
        "Range of the ranks",
        formula="largest_intensity_rank - least_intensity_rank",
    ),
    _integer("ranked_under", "Number of combinations under which there is a rank"),
    _number("largest_uncovered_share", "Largest uncovered_share", "part of one"),
    _integer("<combination>", "Rank by intensity under this footprint and raster"),
)
DETAIL = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    SCORE,
    _text("combination", "Name of the footprint and raster"),
    _text("footprint", "Name of the footprint"),
    _text("raster", "Name of the raster"),
    AREA,
    POPULATION,
    UNCOVERED,
    INTENSITY,
    replace(INTENSITY_RANK, description="Rank by intensity under the combination"),
)

AREA_ID = _integer("area_id", "Number of the given area in this run, from 0, by name")
AREA_NAME = _text("name", "Name of the given area")
AREA_CODE = _text("area_code", "The user's code of the given area")
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
    _integer("cluster_id", "Number of the cluster; -1: noise in the area"),
    _text("cluster", "Name of the cluster, or noise"),
    _integer("area_id", "Number of the given area; -1: the cluster's rest outside of all"),
    _text("area", "Name of the given area, or outside"),
    _number("<kind>_count", "Records of kind <kind> in both", RECORDS, FRACTIONAL),
    _number("total", "Sum of the shares in both, of the world's", PER_CENT, "sum over kinds"),
    _number("share_of_cluster", "The part in both, of the cluster's total", PER_CENT),
    _number("share_of_area", "The part in both, of the area's total", PER_CENT),
    _number("overlap_km2", "Ground that the footprint and the area share", "km2"),
)

CONTRIBUTIONS = (
    RANK,
    CLUSTER,
    NAME,
    SCORE,
    _number(
        "<column>_part",
        "Contribution of the column to the score",
        "see [score] combine",
        "sum, mean: parts of one; zscore, borda: terms that add up to the score; geometric: terms"
        " of its logarithm",
    ),
)

OBSERVED = _number("observed", "Weight of the listings within the radius of the place", "listings")
EXPECTED = _number(
    "expected",
    "Expectation of this weight if units lie where the baseline does",
    "listings",
    "sum over strata of the units' weight times the part of the baseline within the radius",
)
OF_DRAWS = "(1 + draws with as much) / (1 + draws)"
EXCESSES = (
    OBSERVED,
    EXPECTED,
    _number(
        "sd",
        "Standard deviation of this weight, at least the mean weight of a unit, weighed by weight",
        "listings",
    ),
    _number("excess", "Standardised excess", "standard deviations", "(observed - expected) / sd"),
    _number(
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
    _number("density", "Weight of the units that forms the cluster", "listings"),
    replace(PLACE_LAT, description="Latitude of its place with the largest excess"),
    replace(PLACE_LON, description="Longitude of its place with the largest excess"),
    *EXCESSES,
    _flag("significant", "Whether family_p is at most [null] level"),
    _number(
        "peak_pointwise_p",
        "Part of the draws with as much weight there; descriptive, since the peak was chosen",
        "part of one",
        OF_DRAWS,
    ),
    _text("peak_pointwise_note", "What peak_pointwise_p is: descriptive; or why there is none"),
)
NULL_PLACES = (
    PLACE_LAT,
    PLACE_LON,
    *EXCESSES,
    _number("pointwise_p", "p value of this place alone", "part of one", OF_DRAWS),
    replace(CLUSTER_OR_NOISE, description="Cluster with most weight in the place's cell; -1: none"),
)

NORMALISED = (
    CLUSTER,
    NAME,
    RANK,
    _integer("rank_without", "Rank by the score of counts that are not normalised"),
    SCORE,
    _number("score_without", "Score of counts that are not normalised"),
    _number(
        "<kind>_count", "Normalised records of kind <kind> in the cluster", RECORDS, FIELD_YEAR
    ),
    _number("<kind>_count_without", "Records of kind <kind> in the cluster", RECORDS, FRACTIONAL),
    _number(
        "<kind>_share",
        "Normalised records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count / world total of <kind>",
    ),
    _number(
        "<kind>_share_without",
        "Records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count_without / world total of <kind>",
    ),
)
BY = _text("<by>", "Kind or field, as [localisation] by says; the column has that name")
SITES = _integer("sites", "Number of sites: organisations, or locations")
PER_KM = "pairs of sites, as a part of all, per km"
K_DENSITY = (
    BY,
    SITES,
    _integer("sites_used", "Number of these whose pairs are counted"),
    _number("bandwidth_km", "Bandwidth of the kernel", "km", "0.9 A m^(-1/5), m pairs"),
    _number(
        "localisation",
        "Integral of the K-density above its upper global band",
        "part of all pairs",
    ),
    _number(
        "dispersion",
        "Integral of the K-density below its lower global band; 0 if it is localised",
        "part of all pairs",
    ),
    _flag("localised", "Whether the K-density lies above its upper global band anywhere"),
    _flag("dispersed", "Whether it lies below the lower one anywhere, and is not localised"),
    _number("p_localised", "p value for all distances together", "part of one"),
    _number("p_dispersed", "p value of dispersion for all distances together", "part of one"),
    _number("most_localised_km", "Distance of its largest excess over the upper band", "km"),
)
K_DENSITY_CURVES = (
    BY,
    _number("distance_km", "Distance between two sites", "km"),
    _number("k_density", "K-density", PER_KM),
    *(
        _number(f"{what}_{end}", f"{side} band of random sites for {at}", PER_KM)
        for what, at in (("local", "this distance"), ("global", "all distances together"))
        for end, side in (("low", "Lower"), ("high", "Upper"))
    ),
)
ELLISON_GLAESER = (
    BY,
    _integer("plants", "Number of plants: organisations at their sites"),
    _number("weight", "Sum of their records", RECORDS),
    _integer("areas", "Number of areas with one of them"),
    _number("herfindahl", "Concentration of sizes (H)", "part of one", "sum of squared shares"),
    _number("raw", "Raw concentration (G)", "part of one", "sum of (s - x)^2 over areas"),
    _number("raw_expected", "Expectation of G if plants choose areas at random", "part of one"),
    _number("raw_sd", "Standard deviation of G if they do", "part of one"),
    _number(
        "gamma",
        "Index of Ellison and Glaeser",
        "part of one",
        "(G / (1 - sum x^2) - H) / (1 - H)",
    ),
    _number("p_value", "Share of random choices with as large a G", "part of one"),
)

TABLES = {
    table.name: table
    for table in (
        Table("ranking", "Clusters, the best first", RANKING, ("cluster_id",)),
        Table("clusters", "The ranking with footprints", (*RANKING, GEOMETRY), ("cluster_id",)),
        Table("contributions", "Columns' contributions to scores", CONTRIBUTIONS, ("cluster_id",)),
        Table("locations", "Locations with weight and cluster", LOCATIONS, ("lat", "lon")),
        Table("noise", "Locations in no cluster", LOCATIONS, ("lat", "lon")),
        Table("merges", "Pairs of clusters that were merged", MERGES),
        Table("rejects", "Rows that could not be used", REJECTS),
        Table("members", "Member cities of clusters", MEMBERS),
        Table("member_ties", "Ties between the cities of a cluster", MEMBER_TIES),
        Table("centroid_geocodes", "Locations of city-level addresses", CENTROID_GEOCODES),
        Table("intensity", "Ranks by intensity under several footprints", SPREAD, ("cluster_id",)),
        Table("intensity_detail", "Intensities under several footprints", DETAIL),
        Table("memberships", "Every listing with its cluster", MEMBERSHIPS),
        Table("panel", "Clusters by year and kind", PANEL),
        Table("fields", "Clusters by kind and field", _of_clusters("field", "Field")),
        Table(
            "organisations",
            "Clusters by kind and organisation",
            _of_clusters("organisation", "Organisation"),
        ),
        Table("ties", "Ties (records in common) of clusters", TIES, ("cluster_a", "cluster_b")),
        Table("given_areas", "Given areas, the best first", (*GIVEN, GEOMETRY), ("area_id",)),
        Table("normalised", "The ranking with and without normalised counts", NORMALISED),
        Table("given_overlaps", "Overlaps of clusters and given areas", OVERLAPS),
        Table("null_model", "Excess of clusters over a null model", NULL_MODEL, ("cluster_id",)),
        Table("k_density", "Localisation by distance", K_DENSITY, ("<by>",)),
        Table("k_density_curves", "K-densities", K_DENSITY_CURVES, ("<by>", "distance_km")),
        Table("ellison_glaeser", "Localisation over given areas", ELLISON_GLAESER, ("<by>",)),
        Table("null_places", "Excess of places over a null model", NULL_PLACES, ("lat", "lon")),
    )
}
"""Tables by name."""
