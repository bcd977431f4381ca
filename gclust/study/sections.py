"""The sections of ``study.toml`` as frozen dataclasses, with every option and default.

``[clusters]`` has other options with each method; see `gclust.study.clustering_methods`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gclust.errors import StudyError
from gclust.memory import LEAST_MEMORY, PROCESS_BYTES, parse_amount, shown_amount
from gclust.ranking.columns import ScoreOptions
from gclust.study.clustering_methods import LEAST_RESOLUTION_KM
from gclust.study.parse import Section, choice, number, shown
from gclust.units import LARGEST_TOTAL

DEFAULT_NAME = "study"
LARGEST_CELL_KM = 1000.0
NULL_ISLAND = ("reject", "keep")
ENGINES = ("duckdb", "spark")
OUTLINES = ("discs", "concave", "convex", "alpha", "cells", "raster")
"""Methods that draw footprints from locations."""
DRAWN = ("records", "addresses", "parameters", "weights")
"""Sources of uncertainty that may be drawn at random to measure that of ranks."""
MEASURES = ("records", "amount")
"""What the weights of a source without records are: numbers of records, or amounts."""
RESAMPLED = ("records", "organisations")
"""Units by which draws resample a kind."""
DISPERSIONS = ("years", "windows")
"""Periods whose differences may measure how much more than records at random a count varies."""
PlaceName = str | tuple[float, float]
"""A place of ``[merge] pairs``: a city's name, or its latitude and longitude in degrees."""
NORMALISED = ("field-year",)
"""Groups of records that may be given the same total."""
LARGEST_CV = 1.0
"""Largest coefficient of variation of an amount. Larger ones are per cent by mistake."""


def place_text(place: PlaceName) -> str:
    """Return a place of ``[merge] pairs`` as text."""
    return place if isinstance(place, str) else f"[{place[0]:g}, {place[1]:g}]"


@dataclass(frozen=True, kw_only=True)
class Source(Section):
    """An entry of ``[[sources]]``: the listings of one kind of record.

    One of ``path``, ``sql`` and ``data`` says where they are.

    Parameters
    ----------
    kind : str
        What the records are: ``patent``, ``publication``, ``deal``, or any other name.
    path : str, optional
        A file, a folder of files or a pattern, relative to the study's folder.
    columns : mapping, optional
        gclust's name of a column -> the name that it has in the files.
    years : (int, int), optional
        First and last year that count.
    measure : {"records", "amount"}, optional
        What the weights of listings without a record are: numbers of records, or amounts (of
        money, people, hours), whose unit is arbitrary. The uncertainty of ranks depends on it,
        and it must be given there if such listings have weights other than one; no count does.
        Amounts that form clusters with records are warned of, unless ``[density]`` names kinds.
    delimiter, quote, encoding : str, optional
        Of CSV files. Delimiter and quote are found where they are not given; ``quote = ""``
        says that quotes are ordinary characters. The encoding is UTF-8 if not given.
    layer : str, optional
        Of a GeoPackage.
    missing : tuple of str, optional
        Texts that mean a missing value, instead of gclust's own list.
    null_island : {"reject", "keep"}, optional
        Treatment of rows within 1 km of latitude 0, longitude 0; by default that of
        ``[study]``.
    sql : str, optional
        One ``SELECT`` in DuckDB's SQL, whose result is read in place of files.
    sql_paths : tuple of str, optional
        Folders that ``sql`` may read, the study's own by default. A study with SQL is code:
        its query is executed.
    data : table, optional
        A table in memory: of pandas, Polars, PyArrow, GeoPandas, DuckDB, or any that
        narwhals knows. In a study that was read from a file, a description of the table.

    Examples
    --------
    >>> from gclust import Source
    >>> Source(kind="patent", path="patents.csv", columns={"record": "appln_id"}).kind
    'patent'
    """

    kind: str
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    years: tuple[int, int] | None = None
    measure: str | None = field(default=None, metadata={"options": MEASURES})
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    layer: str | None = None
    missing: tuple[str, ...] | None = None
    null_island: str | None = field(default=None, metadata={"options": NULL_ISLAND})
    sql: str | None = None
    sql_paths: tuple[str, ...] = ()
    data: Any = None

    @property
    def called(self) -> str:
        """Name of the source in messages: its path or a description."""
        if self.path is not None:
            return self.path
        return f"the query of {self.kind}" if self.sql is not None else f"the table of {self.kind}"


@dataclass(frozen=True, kw_only=True)
class Density(Section):
    """The section ``[density]``: the kinds and weights of listings that form the density.

    The GII 2024 counts inventors and authors; whether deals count in 2025 is not published.

    Parameters
    ----------
    kinds : tuple of str, optional
        Kinds whose listings form clusters; all by default.
    weight : {"listings", "fractional", "equal"}
        What a listing weighs: its own weight; its part of its record; or its own weight, scaled so
        that all kinds have the same total.
    decimals : int or "none"
        Decimals of degrees to which coordinates are rounded before the listings at one location
        are summed.

    Examples
    --------
    >>> import gclust
    >>> gclust.Density(kinds=["patent"]).kinds
    ('patent',)
    """

    kinds: tuple[str, ...] | None = None
    weight: str = choice("listings", "listings", "fractional", "equal")
    decimals: int | str = 5

    @property
    def rounding(self) -> int | None:
        """Decimals to which coordinates are rounded; None without rounding."""
        return None if isinstance(self.decimals, str) else self.decimals


@dataclass(frozen=True, kw_only=True)
class Merge(Section):
    """The section ``[merge]``: the rule that merges neighbouring clusters.

    ``max_gap_km`` is by default that of the GII 2024: a cluster within 5 km of another is merged
    with it (Korean patent office, release of 2024-08-28). That source names no rule of ties: the
    other defaults follow descriptions of earlier editions, from memory.

    Parameters
    ----------
    max_gap_km : float
        Largest gap in km, between the nearest locations of two clusters, across which they merge.
    rule : {"mutual", "one-sided", "list", "none"}
        Whether each of two clusters, or one of them, must have stronger ties with the other than
        with any third; ``list``: the clusters of ``pairs`` merge, whatever their gap and ties;
        ``none``: no clusters merge.
    pairs : tuple of pairs, optional
        Pairs of places whose clusters ``rule = "list"`` merges. A place is a city of the gazetteer
        (``"Hong Kong"``; ``"Cambridge (GB)"`` or ``"Portland (OR, US)"`` where several have the
        name) or ``[latitude, longitude]`` in degrees. Its cluster is the one that has the nearest
        location, at most 15 km away.
    ties : {"fractional", "pairs"}
        What counts as a tie: records in common, each spreading one over its pairs of listings,
        or pairs of listings of one record.
    noise_partner : bool
        Whether all noise together counts as one more partner.

    Examples
    --------
    >>> import gclust
    >>> gclust.Merge(rule="one-sided").max_gap_km
    5.0
    """

    max_gap_km: float = number(5.0, least=0)
    rule: str = choice("mutual", "mutual", "one-sided", "list", "none")
    pairs: tuple[tuple[PlaceName, PlaceName], ...] | None = None
    ties: str = choice("fractional", "fractional", "pairs")
    noise_partner: bool = True

    def may_merge(self, has_records: bool) -> bool:
        """Return whether any clusters may merge; by ties they do only if listings have records."""
        return self.rule == "list" or (self.rule != "none" and has_records)


@dataclass(frozen=True, kw_only=True)
class Footprint(Section):
    """The section ``[footprint]``: how the polygon of a cluster is drawn.

    Lengths that are not given are derived from eps_km, with methods other than DBSCAN from
    15 km.

    Parameters
    ----------
    method : {"discs", "concave", "convex", "alpha", "cells", "raster", "contour"}
        ``discs`` joins discs round the locations; ``concave`` and ``convex`` are hulls, ``alpha``
        is an alpha shape; ``cells`` joins cells of an equal-area grid that hold locations,
        ``raster`` those of the population raster; ``contour`` is the contour that the clustering
        method of that name found.
    of : {"members", "cores"}
        Which locations of a cluster the footprint is drawn round: all (``members``), so that
        records and inhabitants are of one area, or only its core locations (``cores``), so that
        the area depends less on the number of listings. Then intensities count only the records
        inside the footprint.
    radius_km : float, optional
        Radius of the discs; a third of eps_km by default.
    edge_km : float, optional
        Longest edge of a concave hull; eps_km by default.
    ratio : float, optional
        Longest edge of a concave hull as a part of each cluster's own longest side, instead of
        ``edge_km``.
    alpha_km : float, optional
        Radius of the disc that carves an alpha shape; half of eps_km by default.
    cell_km : float, optional
        Side of the cells; a third of eps_km by default.

    Examples
    --------
    >>> import gclust
    >>> gclust.Footprint(method="concave", edge_km=8).of
    'members'
    """

    method: str = choice("discs", *OUTLINES, "contour")
    of: str = choice("members", "members", "cores")
    radius_km: float | None = number(None, above=0)
    edge_km: float | None = number(None, above=0)
    ratio: float | None = number(None, least=0, most=1)
    alpha_km: float | None = number(None, above=0)
    cell_km: float | None = number(None, least=LEAST_RESOLUTION_KM, most=LARGEST_CELL_KM)


@dataclass(frozen=True, kw_only=True)
class OtherFootprint(Footprint):
    """A further footprint to compare: an entry of ``[intensity] footprints``.

    It is drawn round all locations of a cluster. ``raster`` means the cells of the study's own
    raster, or of the first one of ``[intensity] rasters``. The other keys are those of
    ``[footprint]``.

    Parameters
    ----------
    name : str, optional
        The method and size by default.
    """

    name: str | None = None
    method: str = choice("discs", *OUTLINES)
    of: str = choice("members", "members")


@dataclass(frozen=True, kw_only=True)
class OtherRaster(Section):
    """A further raster to compare: an entry of ``[intensity] rasters``.

    The options are those of ``[population]``.

    Parameters
    ----------
    name : str, optional
        Name in tables and figures; that of the file or of the folder of tiles by default.
    """

    raster: str | tuple[str, ...]
    unit: str = choice("count", "count", "per_km2")
    band: int | None = number(None, least=1)
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Intensity(Section):
    """The section ``[intensity]``: further footprints and rasters to rank clusters by intensity.

    The study's own footprint and raster are always the first.

    Parameters
    ----------
    usual : bool
        Whether discs of 0.5 and 1.5 times the study's radius, and each other method once, are
        added.
    footprints : tuple of OtherFootprint
        Further footprints, with the keys of ``[footprint]`` and a ``name``.
    rasters : tuple of OtherRaster
        Further rasters, with the keys of ``[population]`` and a ``name``.

    Examples
    --------
    >>> import gclust
    >>> gclust.Intensity(usual=True).wanted
    True
    """

    usual: bool = False
    footprints: tuple[OtherFootprint, ...] = ()
    rasters: tuple[OtherRaster, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether the section has further footprints or rasters to compare."""
        return self.usual or bool(self.footprints or self.rasters)


@dataclass(frozen=True, kw_only=True)
class Names(Section):
    """The section ``[names]``: how clusters are named after their cities.

    Parameters
    ----------
    most : int
        Most cities in a name.
    least_share : float
        Least part of the cluster's weight that a city in its name has.

    Examples
    --------
    >>> import gclust
    >>> gclust.Names(most=2).least_share
    0.1
    """

    most: int = number(3, least=1)
    least_share: float = number(0.1, least=0, most=1)


@dataclass(frozen=True, kw_only=True)
class Counting(Section):
    """The section ``[counting]``: how records are counted, and the world's totals.

    Parameters
    ----------
    method : {"fractional", "whole"}
        Whether a record is divided among the places of its listings, or counts as one in each.
    unlocated : {"drop", "keep"}
        Whether listings without a place that can be used take no part, or keep their part of
        their record, outside all clusters.
    totals : mapping
        Kind -> the world's total of records, in place of the sum of the sources.
    normalise : {"field-year"} or mapping, optional
        Of all kinds, or of those that it names: each field of each year has the same total. A
        listing counts its fraction of the record, times the mean total of all field-years over the
        total of its own. The listings need a ``field`` and a ``year``; records with listings in
        several fields count in each by their fractions. Fractional counting only.
    weight : {"records", "citations"}
        Whether each record of the kinds that are normalised weighs one, or its ``citations``.

    Examples
    --------
    >>> import gclust
    >>> gclust.Counting(method="whole").unlocated
    'drop'
    """

    method: str = choice("fractional", "fractional", "whole")
    unlocated: str = choice("drop", "drop", "keep")
    totals: Mapping[str, float] = field(default_factory=dict)
    normalise: str | Mapping[str, str] | None = None
    weight: str = choice("records", "records", "citations")


@dataclass(frozen=True, kw_only=True)
class Score(Section, ScoreOptions):
    """The section ``[score]``: how columns of the ranking are combined into a score.

    See `gclust.ranking.score.score` and `gclust.ranking.columns.column_weights`.

    Parameters
    ----------
    combine : {"sum", "mean", "geometric", "zscore", "borda", "copeland"}
        How the columns are combined.
    of : tuple of str, optional
        Names of the columns; by default the shares of all kinds.
    weights : mapping
        Column -> its weight; equal by default.
    lower_is_better : tuple of str
        Columns whose low values are good.

    Examples
    --------
    >>> import gclust
    >>> gclust.Score(combine="geometric", weights={"patent": 2}).weights
    {'patent': 2.0}
    """

    combine: str = choice("sum", "sum", "mean", "geometric", "zscore", "borda", "copeland")
    of: tuple[str, ...] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    lower_is_better: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CentroidGeocodes(Section):
    """The section ``[centroid_geocodes]``: how locations of city-level addresses are found.

    See `gclust.places.cities.centroid_geocodes.find_centroid_geocodes`.

    Parameters
    ----------
    on : bool
        Whether they are looked for.
    precision : str, optional
        The text in the column of that name for addresses that are known to the city only;
        without it the gazetteer says what is at a city's point.
    radius_km : float
        Radius in km of the surroundings that a location is compared with.
    near_km : float
        Largest distance in km of such a location from the point of its city.
    least_ratio : float
        Least weight, as a multiple of what a location as dense as its surroundings would have.
    least_weight : float, optional
        Least weight; a twentieth of what a cluster needs by default.
    """

    on: bool = False
    precision: str | None = None
    radius_km: float = number(5.0, least=1)
    near_km: float = number(1.0, above=0)
    least_ratio: float = number(10.0, above=0)
    least_weight: float | None = number(None, above=0)


@dataclass(frozen=True, kw_only=True)
class Population(Section):
    """The section ``[population]``: a raster of inhabitants.

    Parameters
    ----------
    raster : str or tuple of str, optional
        A file, or the tiles of one raster: a folder, a pattern such as ``tiles/*.tif`` or a list
        of files.
    unit : {"count", "per_km2"}
        What its values are: persons per cell, or persons per km2.
    band : int, optional
        The band to use, the first by default.

    Examples
    --------
    >>> import gclust
    >>> gclust.Population(raster="ghs_pop.tif").unit
    'count'
    """

    raster: str | tuple[str, ...] | None = None
    unit: str = choice("count", "count", "per_km2")
    band: int | None = number(None, least=1)


@dataclass(frozen=True, kw_only=True)
class Members(Section):
    """The section ``[members]``: the member cities of clusters.

    Parameters
    ----------
    on : bool
        Whether they are listed.
    least_share : float
        Least part of the cluster that a member has.

    Examples
    --------
    >>> import gclust
    >>> gclust.Members(on=True).least_share
    0.05
    """

    on: bool = False
    least_share: float = number(0.05, least=0, most=1)


@dataclass(frozen=True, kw_only=True)
class SweepGrid(Section):
    """The section ``[sweep]``: the pairs of parameters of a sweep.

    Parameters
    ----------
    eps_km : tuple of float, optional
        Values of eps_km; chosen from the data by default.
    min_samples : tuple of float, optional
        Values of min_samples; chosen from the data by default.
    target_clusters : int, optional
        Wanted number of clusters, which the suggestions come near.
    """

    eps_km: tuple[float, ...] | None = number(None, above=0)
    min_samples: tuple[float, ...] | None = number(None, least=1, most=LARGEST_TOTAL)
    target_clusters: int | None = number(None, least=1)


@dataclass(frozen=True, kw_only=True)
class Multiplier(Section):
    """The multiplier of ``[uncertainty]``: how much the volume of an organisation may vary.

    Parameters
    ----------
    cv : float
        Coefficient of variation of the gamma number of mean one by which each organisation's
        number of records is multiplied in each draw.
    kinds : tuple of str, optional
        Kinds of records to which it applies; all of them by default.
    """

    cv: float
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Draws(Section):
    """The section ``[uncertainty]``: random draws that measure the uncertainty of ranks.

    It says what is drawn, how often, and which ranks are computed. Amounts (sources with
    ``measure = "amount"``) are not resampled with the records: they are the same in all draws,
    unless ``cv`` or ``resample`` says otherwise, for all amounts or by kind.

    Parameters
    ----------
    sources : tuple of {"records", "addresses", "parameters", "weights"}
        What is drawn, alone or together. ``records``: a Poisson bootstrap. ``addresses`` are moved
        at random within a disc round their place, if their column ``precision`` says that only
        their city is known or ``spread_km`` has a radius for them; each draw is then reclustered.
        ``parameters``: pairs of eps_km and min_samples, all equally likely, from ``eps_km`` and
        ``min_samples``; else from the sweep in the folder ``sweep``, the plateau that contains
        the study's own pair; else from a new sweep. ``weights`` of the score: a Dirichlet
        distribution round the study's own.
    draws : int
        Number of draws.
    seed : int
        Seed of the random numbers.
    level : float
        Probability with which the rank sets jointly hold the true ranks of these clusters, and
        each interval its value.
    clusters : {"fixed", "reclustered"}
        Whether the draws of records have the study's own clusters, or each its own.
    precision : str
        The text in the column of that name for addresses that are known to the city only; the
        disc of a city follows from its inhabitants (see
        `gclust.places.cities.city_radii.city_radii_km`).
    spread_km : mapping
        Text in the column ``precision`` -> radius in km within which such addresses are moved.
    inhabitants_per_km2 : float
        Density of inhabitants from which the disc of a city follows.
    concentration : float
        Of the Dirichlet distribution of weights, which is narrower the larger it is.
    cv : float or mapping, optional
        Each organisation's amount (each listing's, where the organisation is unknown) is
        multiplied by a gamma number of mean one and this coefficient of variation.
    resample : {"records", "organisations"} or mapping, optional
        Of all kinds, or by kind: ``records`` (the default) are drawn one by one; with
        ``organisations``, each of these is drawn a Poisson number of times, with all its records
        and amounts. A record of several organisations belongs to the one with its largest part.
    multiplier : Multiplier, optional
        Each organisation's number of records is multiplied by a gamma number of mean one in each
        draw: ``{ cv = 0.3 }``, with ``kinds`` for some kinds alone.
    dispersion : {"years", "windows"} or mapping, optional
        Of all kinds of records, or by kind: the number of records of each cluster is multiplied by
        a gamma number of mean one, whose variance follows from differences between the years
        within the source's ``years``, or between windows of as many years that end with them.
    sweep : str, optional
        Folder of a sweep from which parameters are drawn.
    eps_km : tuple of float, optional
        Values of eps_km that are drawn.
    min_samples : tuple of float, optional
        Values of min_samples that are drawn.
    factor : float, optional
        Both parameters are drawn from the study's own, divided and multiplied by this factor.
    """

    sources: tuple[str, ...] = field(default=("records",), metadata={"options": DRAWN})
    draws: int = number(1000, least=1)
    seed: int = number(1, least=0)
    level: float = number(0.9, above=0)
    clusters: str = field(
        default="fixed",
        metadata={
            "options": ("fixed", "reclustered"),
            "was": "formed",
            "were": {"held": "fixed", "anew": "reclustered"},
        },
    )
    precision: str = "city"
    spread_km: Mapping[str, float] = field(default_factory=dict)
    inhabitants_per_km2: float = number(2500.0, above=0)
    concentration: float = number(100.0, above=0)
    cv: float | Mapping[str, float] | None = None
    resample: str | Mapping[str, str] | None = None
    multiplier: Multiplier | None = None
    dispersion: str | Mapping[str, str] | None = None
    sweep: str | None = None
    eps_km: tuple[float, ...] | None = number(None, above=0)
    min_samples: tuple[float, ...] | None = number(None, least=1, most=LARGEST_TOTAL)
    factor: float | None = number(None, above=1)

    def cv_of(self, kind: str) -> float | None:
        """Return the coefficient of variation for a kind of amounts, None if none is given."""
        return self.cv.get(kind) if isinstance(self.cv, Mapping) else self.cv

    def resamples(self, kind: str) -> bool:
        """Whether the random draws resample the organisations of a kind."""
        given = self.resample
        return (given.get(kind) if isinstance(given, Mapping) else given) == "organisations"

    @property
    def moves(self) -> bool:
        """Whether each draw moves addresses at random."""
        return "addresses" in self.sources

    @property
    def varies_clusters(self) -> bool:
        """Whether the clusters of a random draw can differ from the study's."""
        return self.reclusters or "parameters" in self.sources

    @property
    def reclusters(self) -> bool:
        """Whether each draw is clustered again."""
        return self.moves or ("records" in self.sources and self.clusters == "reclustered")


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Section):
    """The section ``[engine]``: the program that holds the listings, and what it may use.

    Results do not depend on it, so it is not part of a study that a result's folder keeps.

    Parameters
    ----------
    name : {"duckdb", "spark"}, optional
        DuckDB works on this machine and spills to disk; Spark works on a cluster, or on this
        machine. By default Spark if a source is a Spark DataFrame, else DuckDB.
    memory : str, optional
        Memory that a run may take, such as ``8GB``; by default 70 % of what the machine, or a
        container's limit, has. The listings take about half of it and go to disk beyond that.
    temp_dir : str, optional
        Folder for temporary files, relative to the study's folder; the system's by default. On a
        cluster it must be given, and all workers of Spark must see it under the same path.
    threads : int, optional
        Threads; all by default. The argument ``n_jobs`` and the option ``--threads`` come first.
        Those of Spark are part of ``master``.
    master : str, optional
        Spark's master, such as ``spark://host:7077``, ``yarn`` or ``local[4]``. By default that of
        the Spark session that runs already, or that of Spark's own settings, or else all threads
        of this machine.
    options : mapping, optional
        Spark's settings, such as ``"spark.executor.memory" = "8g"``.
    """

    name: str | None = field(default=None, metadata={"options": ENGINES})
    memory: str | None = None
    temp_dir: str | None = None
    threads: int | None = number(None, least=1)
    master: str | None = None
    options: Mapping[str, str | bool | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("master", "options"):
            if self.name == "duckdb" and getattr(self, key):
                raise StudyError(f"[engine] {key} belongs to name = 'spark'; remove it")
        if self.memory is None:
            return
        try:
            amount = parse_amount(self.memory)
        except ValueError as error:
            raise StudyError(f"[engine] memory = {shown(self.memory)}; {error}") from None
        if amount < LEAST_MEMORY:
            raise StudyError(
                f"[engine] memory = {shown(self.memory)}; expected"
                f" {shown_amount(LEAST_MEMORY)} or more: gclust and its libraries alone take"
                f" {shown_amount(PROCESS_BYTES)}"
            )


@dataclass(frozen=True, kw_only=True)
class Outputs(Section):
    """The section ``[outputs]``: files of a run's folder that are written only on request.

    Parameters
    ----------
    memberships : bool or {"parquet", "csv"}
        One row for each listing with its cluster: ``memberships.parquet``, or as CSV.
    panel : bool
        Counts, shares and ranks by cluster, year and kind: ``panel.csv``. The listings need a
        ``year``.
    fields : bool
        Counts by cluster and field: ``fields.csv``.
    organisations : bool
        Counts by cluster and organisation: ``organisations.csv``.
    ties : bool
        Ties (records in common) of clusters: ``ties.csv``.
    report : bool
        One page that shows the run in a browser without a network: ``report.html``. It needs
        Bokeh.
    csv_encoding : {"utf-8", "utf-8-sig"}
        Of all CSV files; ``utf-8-sig`` begins with a mark by which Excel knows UTF-8.

    Examples
    --------
    >>> import gclust
    >>> gclust.Outputs(panel=True, ties=True).crosswalks
    ('panel', 'ties')
    """

    memberships: bool | str = field(
        default=False, metadata={"options": (False, True, "parquet", "csv")}
    )
    panel: bool = False
    fields: bool = False
    organisations: bool = False
    ties: bool = False
    report: bool = False
    csv_encoding: str = choice("utf-8", "utf-8", "utf-8-sig")

    @property
    def crosswalks(self) -> tuple[str, ...]:
        """Names of the tables of sums that are wanted."""
        names = ("panel", "fields", "organisations", "ties")
        return tuple(name for name in names if getattr(self, name))

    @property
    def membership_format(self) -> str | None:
        """Format of the file of memberships, None without one."""
        if isinstance(self.memberships, bool):
            return "parquet" if self.memberships else None
        return self.memberships


@dataclass(frozen=True, kw_only=True)
class Places(Section):
    """The section ``[places]``: areas of the user's that are counted and ranked as clusters are.

    Parameters
    ----------
    given : str, optional
        File of polygons (GeoPackage, GeoJSON, Shapefile, GeoParquet), relative to the study's
        folder. They may not overlap.
    name : str, optional
        Its column of names; found if it is called ``name`` or one of a few usual names.
    code : str, optional
        Its column of codes, which are kept with the results.
    layer : str, optional
        Of a file with several layers.
    where : str, optional
        Features to read, as a condition of SQL such as ``LEVL_CODE = 3``.

    Examples
    --------
    >>> import gclust
    >>> gclust.Places(given="metros.gpkg", name="eFUA_name", code="eFUA_id").given
    'metros.gpkg'
    """

    given: str | None = None
    name: str | None = None
    code: str | None = None
    layer: str | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("name", "code", "layer", "where"):
            if self.given is None and getattr(self, key) is not None:
                raise StudyError(f"[places] {key} belongs to given; add given, or remove it")


@dataclass(frozen=True, kw_only=True)
class General(Section):
    """The section ``[study]``: name, number of ranked clusters, and what input is refused.

    Parameters
    ----------
    name : str
        Name of the study, after which folders are named.
    title : str, optional
        Printed above figures; by default the name, or the kinds of the listings.
    top : int
        Number of clusters that are ranked by intensity, and named first in figures.
    strict : bool
        Whether suspicious listings or options are errors, and not only warned of.
    max_rejects : float
        Largest part of the rows, or of the weight, of a source that may be rejected.
    null_island : {"reject", "keep"}
        Treatment of rows within 1 km of latitude 0, longitude 0.
    note : str
        Printed below figures.
    """

    name: str = DEFAULT_NAME
    title: str | None = None
    top: int = number(100, least=1)
    strict: bool = False
    max_rejects: float = number(0.05, least=0, most=1)
    null_island: str = choice("reject", *NULL_ISLAND)
    note: str = ""
