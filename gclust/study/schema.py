"""``study.toml`` as frozen dataclasses: every choice a named option with a default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.listings.columns import FURTHER, KNOWN
from gclust.ranking.columns import OF_KINDS, column_weights, kind_columns, scored
from gclust.study.indicators import IndicatorEntry, read_entries, resolve_indicators
from gclust.study.parse import parse_section, read_toml
from gclust.units import LARGEST_TOTAL

LARGEST_WGS84_EPS_KM = 1000.0
LARGEST_BANDWIDTH_KM = 1000.0
LEAST_RESOLUTION_KM = 0.05
LARGEST_SPREAD_KM = 1000.0
ISLAND = ("reject", "keep")
METHODS = ("dbscan", "hdbscan", "contour")
BORDERS = ("nearest", "first", "noise")
METRICS = ("haversine", "wgs84")
OUTLINES = ("discs", "concave", "convex", "alpha", "cells", "raster")
LARGEST_CELL_KM = 1000.0
DISC_KM = 5.0
"""Radius of discs with methods that have no eps_km: that of DBSCAN's own default."""
KIND = re.compile(r"[^\W_][\w .&-]*")
TAKEN_KINDS = {"intensity", "total", "score", "population", "uncovered"}
TAKEN_COLUMNS = {
    "rank", "cluster_id", "name", "economies", "total", "score", "population", "intensity",
    "intensity_rank", "area_km2", "uncovered_share", "geometry", "geom", "fid",
}  # fmt: skip
"""Columns of rankings and GeoPackages that are no indicator's."""


def choice(default: str, *options: str) -> Any:
    """A text that must be one of a few."""
    return field(default=default, metadata={"options": options})


def number(
    default: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """A number with a lower bound, inclusive (``least``) or not (``above``), and an upper one."""
    return field(default=default, metadata={"least": least, "above": above, "most": most})


class Section:
    """A section of a study, whose values are checked wherever they come from.

    Raises
    ------
    StudyError
        If a value is of a wrong type or out of bounds; the message names the section and
        the key.
    """

    def __post_init__(self) -> None:
        given = {
            item.name: getattr(self, item.name)
            for item in fields(self)  # type: ignore[arg-type]
            if getattr(self, item.name) is not item.default
        }
        checked = parse_section(given, type(self), f"{type(self).__name__}:")
        for key, value in checked.items():
            object.__setattr__(self, key, value)


@dataclass(frozen=True, kw_only=True)
class Source(Section):
    """``[[sources]]``: where the listings of one kind of record are.

    One of ``path``, ``sql`` and ``data`` says it.

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
    delimiter, quote, encoding : str, optional
        Of CSV files. Delimiter and quote are found where they are not given; ``quote = ""``
        says that quotes are characters like others. The encoding is UTF-8 if not given.
    layer : str, optional
        Of a GeoPackage.
    missing : tuple of str, optional
        Texts that stand for no value, in place of gclust's own list.
    null_island : {"reject", "keep"}, optional
        What becomes of rows within 1 km of latitude 0, longitude 0; as ``[study]`` says if not
        given.
    sql : str, optional
        One ``SELECT`` in DuckDB's SQL, whose result is read in place of files.
    sql_paths : tuple of str, optional
        Folders that ``sql`` may read, the study's own by default. A study with SQL is code:
        it runs what it says.
    data : table, optional
        A table in memory: of pandas, Polars, PyArrow, GeoPandas, DuckDB, or any that
        narwhals knows. Of a study that was written to a file, what the table was.

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
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    layer: str | None = None
    missing: tuple[str, ...] | None = None
    null_island: str | None = field(default=None, metadata={"options": ISLAND})
    sql: str | None = None
    sql_paths: tuple[str, ...] = ()
    data: Any = None

    @property
    def called(self) -> str:
        """What messages call the source: its path, or what it is."""
        if self.path is not None:
            return self.path
        return f"the query of {self.kind}" if self.sql is not None else f"the table of {self.kind}"


@dataclass(frozen=True, kw_only=True)
class Density(Section):
    """``[density]``: what counts for the density of listings."""

    kinds: tuple[str, ...] | None = None
    weight: str = choice("listings", "listings", "fractional", "equal")
    decimals: int | str = 5

    @property
    def rounding(self) -> int | None:
        """Decimals to which coordinates are rounded, None for none."""
        return None if isinstance(self.decimals, str) else self.decimals


@dataclass(frozen=True, kw_only=True)
class Clusters(Section):
    """``[clusters]`` of ``method = "dbscan"``: how locations form clusters."""

    method: str = choice("dbscan", *METHODS)
    eps_km: float = number(15.0, above=0)
    min_samples: float = number(4500, least=1, most=LARGEST_TOTAL)
    border: str = choice("nearest", *BORDERS)
    metric: str = choice("haversine", *METRICS)

    @property
    def least_weight(self) -> float:
        """Weight from which on there can be a cluster."""
        return self.min_samples


@dataclass(frozen=True, kw_only=True)
class HierarchyClusters(Section):
    """``[clusters]`` of ``method = "hdbscan"``; see `gclust.HDBSCAN`.

    ``min_samples`` is ``min_cluster_size`` by default; ``selection`` and
    ``selection_eps_km`` are what HDBSCAN calls ``cluster_selection_method`` and
    ``cluster_selection_epsilon_km``. The others have its names.
    """

    method: str = choice("hdbscan", *METHODS)
    min_cluster_size: float = number(4500, least=2, most=LARGEST_TOTAL)
    min_samples: float | None = number(None, least=1, most=LARGEST_TOTAL)
    selection: str = choice("eom", "eom", "leaf")
    selection_eps_km: float = number(0.0, least=0)
    max_cluster_size: float | None = number(None, least=2, most=LARGEST_TOTAL)
    allow_single_cluster: bool = False
    metric: str = choice("haversine", *METRICS)

    @property
    def least_weight(self) -> float:
        """Least weight of a cluster."""
        return self.min_cluster_size


@dataclass(frozen=True, kw_only=True)
class ContourClusters(Section):
    """``[clusters]`` of ``method = "contour"``; see `gclust.DensityContour`."""

    method: str = choice("contour", *METHODS)
    bandwidth_km: float = number(7.5, above=0, most=LARGEST_BANDWIDTH_KM)
    threshold: float = number(4500, above=0, most=LARGEST_TOTAL)
    kernel: str = choice("gaussian", "gaussian", "epanechnikov")
    resolution_km: float | None = number(None, least=LEAST_RESOLUTION_KM)
    level: float | None = number(None, above=0)
    share: float | None = number(None, above=0, most=1)

    @property
    def least_weight(self) -> float:
        """Least weight of a cluster."""
        return self.threshold

    @property
    def metric(self) -> str:
        """Distances of contours are great circles."""
        return "haversine"


ClusteringOptions = Clusters | HierarchyClusters | ContourClusters
CLUSTERING_METHODS: dict[str, type[ClusteringOptions]] = {
    "dbscan": Clusters,
    "hdbscan": HierarchyClusters,
    "contour": ContourClusters,
}
"""What reads ``[clusters]``, by its ``method``: each has its own keys."""


@dataclass(frozen=True, kw_only=True)
class Merge(Section):
    """``[merge]``: which neighbouring clusters become one."""

    max_gap_km: float = number(5.0, least=0)
    rule: str = choice("mutual", "mutual", "one-sided", "none")
    ties: str = choice("fractional", "fractional", "pairs")
    noise_partner: bool = True


@dataclass(frozen=True, kw_only=True)
class Footprint(Section):
    """``[footprint]``: the polygon of a cluster.

    Lengths that are not given follow from eps_km, with methods other than DBSCAN from 15
    km: ``radius_km`` and ``cell_km`` are a third of it, ``edge_km`` is as much,
    ``alpha_km`` half. ``ratio`` bends concave hulls by each cluster's own longest side
    instead of ``edge_km``. ``raster`` takes the cells of the population raster that hold core
    locations, ``contour`` is the contour that the method of that name found.
    """

    method: str = choice("discs", *OUTLINES, "contour")
    radius_km: float | None = number(None, above=0)
    edge_km: float | None = number(None, above=0)
    ratio: float | None = number(None, least=0, most=1)
    alpha_km: float | None = number(None, above=0)
    cell_km: float | None = number(None, least=LEAST_RESOLUTION_KM, most=LARGEST_CELL_KM)


@dataclass(frozen=True, kw_only=True)
class OtherFootprint(Footprint):
    """One of ``[intensity] footprints``; its name is made of method and size if not given.

    ``raster`` means the cells of the study's own raster, or of the first one of
    ``[intensity] rasters``.
    """

    name: str | None = None
    method: str = choice("discs", *OUTLINES)


@dataclass(frozen=True, kw_only=True)
class OtherRaster(Section):
    """One of ``[intensity] rasters``, as in ``[population]``.

    Called by its file, or by the folder of its tiles, by default.
    """

    raster: str | tuple[str, ...]
    unit: str = choice("count", "count", "per_km2")
    band: int | None = number(None, least=1)
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Intensity(Section):
    """``[intensity]``: footprints and rasters under which the intensity is ranked too.

    The study's own footprint and raster are always the first. ``usual`` adds discs of half
    and one and a half times the study's radius, and each other method once.
    """

    usual: bool = False
    footprints: tuple[OtherFootprint, ...] = ()
    rasters: tuple[OtherRaster, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether there is anything to compare."""
        return self.usual or bool(self.footprints or self.rasters)


@dataclass(frozen=True, kw_only=True)
class Names(Section):
    """``[names]``: how many cities name a cluster, each with what share of its weight."""

    most: int = number(3, least=1)
    least_share: float = number(0.1, least=0, most=1)


@dataclass(frozen=True, kw_only=True)
class Counting(Section):
    """``[counting]``: how records are counted, and what the world's totals are."""

    method: str = choice("fractional", "fractional", "whole")
    unlocated: str = choice("drop", "drop", "keep")
    totals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Score(Section):
    """``[score]``: how columns of the ranking become a score.

    ``of`` names the columns, by default the shares of all kinds, and ``lower_is_better`` those
    of them of which less is better; see
    `gclust.ranking.score.score` and `gclust.ranking.columns.column_weights`.
    """

    combine: str = choice("sum", "sum", "mean", "geometric", "zscore", "borda", "copeland")
    of: tuple[str, ...] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    lower_is_better: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CentroidGeocodes(Section):
    """``[centroid_geocodes]``: whether locations of city-level addresses are looked for, and how.

    ``least_weight`` is a twentieth of what a cluster needs by default; see
    `gclust.places.cities.centroid_geocodes.find_centroid_geocodes`. ``precision`` is what the column of that name says of
    addresses that are known to the city only; without it the gazetteer says what is at a
    city's point.
    """

    on: bool = False
    precision: str | None = None
    radius_km: float = number(5.0, least=1)
    near_km: float = number(1.0, above=0)
    least_ratio: float = number(10.0, above=0)
    least_weight: float | None = number(None, above=0)


@dataclass(frozen=True, kw_only=True)
class Population(Section):
    """``[population]``: a raster of persons per cell (``count``) or per km2.

    ``raster`` is a file, or the tiles of one raster: a folder, a pattern such as ``tiles/*.tif``
    or a list of files. ``band`` is the band to use, the first by default.
    """

    raster: str | tuple[str, ...] | None = None
    unit: str = choice("count", "count", "per_km2")
    band: int | None = number(None, least=1)


@dataclass(frozen=True, kw_only=True)
class Members(Section):
    """``[members]``: whether clusters are divided among their cities, and from what share on."""

    on: bool = False
    least_share: float = number(0.05, least=0, most=1)


@dataclass(frozen=True, kw_only=True)
class Grid(Section):
    """``[sweep]``: which pairs of parameters a sweep tries, and how many clusters are wanted."""

    eps_km: tuple[float, ...] | None = number(None, above=0)
    min_samples: tuple[float, ...] | None = number(None, least=1, most=LARGEST_TOTAL)
    target_clusters: int | None = number(None, least=1)


DRAWN = ("records", "addresses", "parameters", "weights")
"""What a study may draw to measure the uncertainty of its ranks."""


@dataclass(frozen=True, kw_only=True)
class Draws(Section):
    """``[uncertainty]``: what is drawn, how often, and what ranks are derived from the draws.

    ``sources`` are drawn alone or together: ``records`` (a Poisson bootstrap, with the study's
    clusters, ``clusters = "fixed"``, or with those of each draw, ``"reclustered"``), ``addresses`` (those whose column ``precision`` says that
    their city alone is known, ``precision``, or that ``spread_km`` has a radius for, lie anywhere
    in a disc round their place, that of a city by its inhabitants; see
    `gclust.places.cities.city_radii.city_radii_km`; locations are then clustered again in each draw), ``parameters``
    (pairs of eps_km and min_samples, all as likely: those of ``eps_km`` and ``min_samples``, else
    of the plateau on which a sweep's folder ``sweep`` has the study's own, else of a sweep that
    is made) and ``weights`` of the score (a Dirichlet distribution round the study's own: the
    share of the sum that a weight has, with a standard error that falls as ``concentration``
    rises).
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
    sweep: str | None = None
    eps_km: tuple[float, ...] | None = number(None, above=0)
    min_samples: tuple[float, ...] | None = number(None, least=1, most=LARGEST_TOTAL)

    @property
    def moves(self) -> bool:
        """Whether draws put listings elsewhere."""
        return "addresses" in self.sources

    @property
    def reclusters(self) -> bool:
        """Whether the locations of each draw are clustered again."""
        return self.moves or ("records" in self.sources and self.clusters == "reclustered")


@dataclass(frozen=True, kw_only=True)
class General(Section):
    """``[study]``: the name, how many clusters are ranked, how strict to be.

    ``title`` (the name if not given) and ``note`` stand above and below figures.
    """

    name: str = "study"
    title: str | None = None
    top: int = number(100, least=1)
    strict: bool = False
    max_rejects: float = number(0.05, least=0, most=1)
    null_island: str = choice("reject", *ISLAND)
    note: str = ""


@dataclass(frozen=True)
class Need:
    """A column of listings that something needs: of one kind, or (None) of any."""

    by: str
    column: str
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """What to compute: a study in Python, or what was read from ``study.toml``.

    Sections are given as their classes or as mappings with the keys of ``study.toml``.

    Attributes
    ----------
    sources : tuple of Source
    study, density, clusters, merge, footprint, names, counting, score, population, members, sweep,
    intensity
        The sections of ``study.toml``.
    indicators : tuple of IndicatorEntry
        In the order of their columns.
    folder : Path
        Relative paths are relative to it; the folder of ``study.toml``, in Python the current
        one.

    Raises
    ------
    StudyError
        If a key is unknown, or a value of a wrong type or out of bounds.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.Study(
    ...     sources=[{"kind": "patent", "path": "patents.csv"}],
    ...     clusters={"eps_km": 10, "min_samples": 500},
    ... )
    >>> study.clusters.eps_km
    10.0
    """

    sources: tuple[Source, ...]
    study: General = General()
    density: Density = Density()
    clusters: ClusteringOptions = Clusters()
    merge: Merge = Merge()
    footprint: Footprint = Footprint()
    names: Names = Names()
    counting: Counting = Counting()
    score: Score = Score()
    population: Population = Population()
    members: Members = Members()
    sweep: Grid = Grid()
    centroid_geocodes: CentroidGeocodes = CentroidGeocodes()
    intensity: Intensity = Intensity()
    uncertainty: Draws = Draws()
    indicators: tuple[IndicatorEntry, ...] = ()
    folder: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        for key, value in _as_sections(self).items():
            object.__setattr__(self, key, value)
        _check_study(self, "study")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of record, in the order of their first source."""
        return tuple(dict.fromkeys(source.kind for source in self.sources))

    @property
    def density_kinds(self) -> tuple[str, ...]:
        """The kinds that form clusters; all by default."""
        return self.kinds if self.density.kinds is None else self.density.kinds

    @property
    def needs(self) -> tuple[Need, ...]:
        """Columns of listings that the study needs beyond place, record and weight.

        StudyError for indicators that there are not, or options that are none of theirs.
        """
        by = {
            "[centroid_geocodes] precision": self.centroid_geocodes.on
            and self.centroid_geocodes.precision is not None,
            "[uncertainty] sources: 'addresses'": self.uncertainty.moves,
        }
        return (
            *(Need(name, "precision") for name, wanted in by.items() if wanted),
            *(
                Need(f"indicator {resolved.indicator.name!r}", column, resolved.options.get("kind"))
                for resolved in resolve_indicators(self.indicators)
                for column in resolved.needs
            ),
        )

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The further columns of listings that are read; see `needs`."""
        named = {need.column for need in self.needs}
        return tuple(column for column in FURTHER if column in named)

    @property
    def dbscan(self) -> Clusters:
        """The options of DBSCAN; StudyError where the method is another."""
        if not isinstance(self.clusters, Clusters):
            raise StudyError(
                "eps_km and min_samples can be varied with method = 'dbscan' only; [clusters]"
                f" method is {self.clusters.method!r}"
            )
        return self.clusters

    @property
    def radius_km(self) -> float:
        """Radius of the footprint's discs: a third of eps_km, if there is one, unless set."""
        given = self.footprint.radius_km
        if given is not None:
            return given
        return self.clusters.eps_km / 3 if isinstance(self.clusters, Clusters) else DISC_KM

    def sizes(self, footprint: Footprint) -> dict[str, Any]:
        """Lengths of a footprint, those that are not given by the study's own radius or eps."""
        eps = self.clusters.eps_km if isinstance(self.clusters, Clusters) else 3 * DISC_KM
        defaults = {
            "radius_km": self.radius_km,
            "edge_km": eps,
            "ratio": None,
            "alpha_km": eps / 2,
            "cell_km": min(max(eps / 3, LEAST_RESOLUTION_KM), LARGEST_CELL_KM),
        }
        given = {key: getattr(footprint, key) for key in defaults}
        return {
            key: default if given[key] is None else given[key] for key, default in defaults.items()
        }


SECTIONS: dict[str, type] = {
    "study": General,
    "density": Density,
    "clusters": Clusters,
    "merge": Merge,
    "footprint": Footprint,
    "names": Names,
    "counting": Counting,
    "score": Score,
    "population": Population,
    "members": Members,
    "sweep": Grid,
    "centroid_geocodes": CentroidGeocodes,
    "intensity": Intensity,
    "uncertainty": Draws,
}

RENAMED = {"heaps": "centroid_geocodes"}
"""Sections by the names that they had."""


def _as_sections(study: Study) -> dict[str, Any]:
    """Sections that were given as mappings, as their classes."""
    found: dict[str, Any] = {"folder": Path(study.folder).absolute()}
    sources = []
    for position, entry in enumerate(study.sources, start=1):
        where = f"study: [[sources]] number {position}:"
        is_source = isinstance(entry, Source)
        sources.append(entry if is_source else Source(**parse_section(entry, Source, where)))
    found["sources"] = tuple(sources)
    for key, kind in SECTIONS.items():
        value = getattr(study, key)
        if isinstance(value, Mapping):
            where = f"study: [{key}]"
            if key == "clusters":
                found[key] = _clusters(value, where)
            else:
                found[key] = kind(**parse_section(value, kind, where))
    if any(isinstance(entry, Mapping) for entry in study.indicators):
        found["indicators"] = read_entries(list(study.indicators), "study")
    return found


def read_study(path: str | Path, listings: Mapping[str, Any] | None = None) -> Study:
    """Read a study from a TOML file.

    Parameters
    ----------
    path : path-like
    listings : mapping, optional
        Kind -> table in memory, in place of the sources of that kind.

    Raises
    ------
    StudyError
        If the file cannot be read, a key is unknown or of a wrong type, or a
        value is out of bounds; the message names the file, the key, what was
        expected and the nearest name.
    """
    path = Path(path)
    folder = path.resolve().parent
    return study_from(read_toml(path), folder=folder, name=str(path), listings=listings)


def study_from(
    table: Mapping[str, Any],
    *,
    folder: Path,
    name: str,
    listings: Mapping[str, Any] | None = None,
) -> Study:
    """Build a study from nested mappings, as ``study.toml`` nests them.

    ``listings`` are tables in memory by kind, which stand for the sources of that kind.
    """
    for old, new in RENAMED.items():
        if old in table:
            raise StudyError(f"{name}: [{old}] is called [{new}] now")
    parse_section(table, {}, f"{name}:", known=("sources", *SECTIONS, "indicators"))
    listed = table.get("sources", [])
    if not listed and not listings:
        raise StudyError(f"{name}: has no [[sources]]; expected at least one with kind and path")
    if not isinstance(listed, list):
        raise StudyError(f"{name}: [sources] must be written [[sources]], one for each source")
    sources = []
    for position, entry in enumerate(listed, start=1):
        where = f"{name}: [[sources]] number {position}:"
        sources.append(Source(**parse_section(entry, Source, where)))
    sources = list(_with_tables(sources, listings or {}, name))
    sections = {
        key: kind(**parse_section(table.get(key, {}), kind, f"{name}: [{key}]"))
        for key, kind in SECTIONS.items()
        if key != "clusters"
    }
    sections["clusters"] = _clusters(table.get("clusters", {}), f"{name}: [clusters]")
    try:
        return Study(
            sources=tuple(sources),
            indicators=read_entries(table.get("indicators", []), name),
            folder=folder,
            **sections,
        )
    except StudyError as error:
        raise StudyError(f"{name}{str(error).removeprefix('study')}") from None


def with_listings(study: Study, listings: Mapping[str, Any]) -> Study:
    """Return a study whose sources of some kinds are tables in memory.

    Parameters
    ----------
    study : Study
    listings : mapping
        Kind -> table. Columns and years of the kind's source still hold; a kind without a
        source gets one.

    Raises
    ------
    StudyError
        If a kind has several sources.
    """
    return replace(study, sources=tuple(_with_tables(study.sources, listings, "study")))


def _with_tables(
    sources: Sequence[Source], listings: Mapping[str, Any], name: str
) -> Iterator[Source]:
    kinds = [source.kind for source in sources]
    for kind in listings:
        if kinds.count(kind) > 1:
            raise StudyError(
                f"{name}: kind {kind!r} has {kinds.count(kind)} sources, so that one table cannot"
                " stand for them; give each source its own: Source(data=...)"
            )
    for source in sources:
        if source.kind in listings:
            yield Source(
                kind=source.kind,
                columns=source.columns,
                years=source.years,
                missing=source.missing,
                null_island=source.null_island,
                data=listings[source.kind],
            )
        else:
            yield source
    for kind, data in listings.items():
        if kind not in kinds:
            yield Source(kind=kind, data=data)


def _clusters(table: Any, where: str) -> ClusteringOptions:
    """Read ``[clusters]`` as its method would have it."""
    method = table.get("method", "dbscan") if isinstance(table, Mapping) else "dbscan"
    method_options = (
        CLUSTERING_METHODS.get(method, Clusters) if isinstance(method, str) else Clusters
    )
    if method_options is not Clusters:
        where = f"{where} of method = {method!r}:"
    return method_options(**parse_section(table, method_options, where))


def _check_study(study: Study, name: str) -> None:
    """Refuse what no single key shows to be wrong."""
    for position, source in enumerate(study.sources, start=1):
        where = f"{name}: [[sources]] number {position}:"
        if not KIND.fullmatch(source.kind) or source.kind in TAKEN_KINDS:
            raise StudyError(
                f"{where} kind = {source.kind!r} cannot name columns; expected a word that is not"
                f" one of {', '.join(sorted(TAKEN_KINDS))}"
            )
        _check_source(source, where)
        if source.years is not None and source.years[0] > source.years[1]:
            raise StudyError(f"{where} years = {list(source.years)} run backwards")
        columns = dict.fromkeys(KNOWN, str)
        parse_section(source.columns, columns, f"{where} columns:")
    folded = {kind.casefold() for kind in study.kinds}
    if len(folded) < len(study.kinds):
        raise StudyError(
            f"{name}: the kinds {', '.join(study.kinds)} differ by case alone, which tables of"
            " GeoPackages do not tell apart"
        )
    if not study.density_kinds:
        raise StudyError(f"{name}: [density] kinds = []; expected at least one kind")
    _check_clusters(study, name)
    decimals = study.density.decimals
    if decimals != "none" and not (isinstance(decimals, int) and 0 <= decimals <= 9):
        raise StudyError(
            f'{name}: [density] decimals = {decimals!r}; expected a number from 0 to 9, or "none"'
        )
    for key, kinds in (
        ("[density] kinds", study.density_kinds),
        ("[counting] totals", study.counting.totals),
    ):
        parse_section(dict.fromkeys(kinds, ""), {}, f"{name}: {key}:", known=study.kinds)
    for kind, total in study.counting.totals.items():
        if not total > 0:
            raise StudyError(f"{name}: [counting] totals: {kind} = {total}; expected more than 0")
    _check_indicators(study, name)
    _check_score(study, name)
    for level, radius_km in study.uncertainty.spread_km.items():
        if not 0 <= radius_km <= LARGEST_SPREAD_KM:
            raise StudyError(
                f"{name}: [uncertainty] spread_km: {level} = {radius_km:g}; expected 0 to"
                f" {LARGEST_SPREAD_KM:g} km"
            )
    if not study.uncertainty.level < 1:
        raise StudyError(
            f"{name}: [uncertainty] level = {study.uncertainty.level:g}; expected less than 1"
        )


def _check_source(source: Source, where: str) -> None:
    """Refuse a source that is nothing, or several things."""
    given = [key for key in ("path", "sql", "data") if getattr(source, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none of them"
        raise StudyError(
            f"{where} expected path (files), sql (a query) or, in Python, data (a table); found"
            f" {found}"
        )
    if source.sql_paths and source.sql is None:
        raise StudyError(f"{where} sql_paths belongs to sql, which the source does not have")
    own = [
        key
        for key in ("delimiter", "quote", "encoding", "layer")
        if getattr(source, key) is not None
    ]
    if own and source.path is None:
        raise StudyError(f"{where} {own[0]} belongs to files, which the source does not read")


def _check_indicators(study: Study, name: str) -> None:
    """Refuse indicators of no kind, and columns that are taken."""
    of_kinds = {f"{kind}_{what}" for kind in study.kinds for what in (*OF_KINDS, "rank")}
    taken = {column.casefold() for column in TAKEN_COLUMNS | of_kinds}
    for position, entry in enumerate(study.indicators, start=1):
        where = f"{name}: [[indicators]] number {position}:"
        if entry.kind is not None:
            parse_section({entry.kind: ""}, {}, f"{where} kind:", known=study.kinds)
        if not KIND.fullmatch(entry.heading):
            raise StudyError(f"{where} column = {entry.heading!r} cannot name a column")
        if entry.heading.casefold() in taken:
            raise StudyError(
                f"{where} there is a column {entry.heading!r} already; give this one another"
                ' name: column = "..."'
            )
        taken.add(entry.heading.casefold())


def _check_score(study: Study, name: str) -> None:
    """Refuse columns that a score cannot be made of, and weights of what it is not made of."""
    options, of_kinds = study.score, kind_columns(study.kinds)
    columns = scored(study.kinds, options.of)
    known = [*of_kinds, *(entry.heading for entry in study.indicators)]
    parse_section(dict.fromkeys(columns, ""), {}, f"{name}: [score] of:", known=known)
    if not columns:
        raise StudyError(f"{name}: [score] of = []; expected at least one column")
    if len(set(columns)) < len(columns):
        raise StudyError(f"{name}: [score] of = {list(columns)} names a column twice")
    where = f"{name}: [score] lower_is_better:"
    parse_section(dict.fromkeys(options.lower_is_better, ""), {}, where, known=columns)
    per_head = [column for column in columns if column.endswith("_per_million")]
    if per_head and study.population.raster is None:
        raise StudyError(
            f"{name}: [score] of: {per_head[0]!r} needs inhabitants; expected [population] raster"
        )
    weighable = dict.fromkeys([*columns, *(of_kinds[c] for c in columns if c in of_kinds)])
    where = f"{name}: [score] weights:"
    parse_section(dict.fromkeys(options.weights, ""), {}, where, known=weighable)
    for key, weight in options.weights.items():
        if not weight >= 0:
            raise StudyError(f"{where} {key} = {weight}; expected 0 or more")
    if not any(column_weights(columns, options.weights, study.kinds).values()):
        raise StudyError(f"{name}: [score] weights are all 0; expected one above 0")


def _check_clusters(study: Study, name: str) -> None:
    """Refuse options of ``[clusters]`` and ``[footprint]`` that do not go together."""
    options, footprint = study.clusters, study.footprint
    listed = {"[footprint]": footprint}
    for position, other in enumerate(study.intensity.footprints, start=1):
        listed[f"[intensity] footprints number {position}"] = other
    for where, each in listed.items():
        if each.ratio is not None and each.edge_km is not None:
            raise StudyError(
                f"{name}: {where}: ratio = {each.ratio:g} and edge_km = {each.edge_km:g};"
                " expected one of them, for each says how far concave hulls are indented"
            )
    if footprint.method == "raster" and study.population.raster is None:
        raise StudyError(
            f"{name}: [footprint] method = 'raster' takes the cells of the population raster;"
            " expected [population] raster"
        )
    if isinstance(options, Clusters):
        if options.metric == "wgs84" and options.eps_km > LARGEST_WGS84_EPS_KM:
            raise StudyError(
                f"{name}: [clusters] eps_km = {options.eps_km:g}; metric 'wgs84' holds up to"
                f" {LARGEST_WGS84_EPS_KM:g} km, expected at most that or metric = 'haversine'"
            )
        if footprint.method == "discs" and study.radius_km > options.eps_km / 2:
            raise StudyError(
                f"{name}: [footprint] radius_km = {study.radius_km:g}; expected at most eps_km / 2"
                f" = {options.eps_km / 2:g}, so that discs of different clusters cannot overlap"
            )
    if isinstance(options, ContourClusters):
        if options.level is not None and options.share is not None:
            raise StudyError(
                f"{name}: [clusters] level = {options.level:g} and share = {options.share:g};"
                " expected one of them, for each says where the contour runs"
            )
        if (options.resolution_km or 0.0) > options.bandwidth_km:
            raise StudyError(
                f"{name}: [clusters] resolution_km = {options.resolution_km:g}; expected at most"
                f" bandwidth_km = {options.bandwidth_km:g}"
            )
    elif footprint.method == "contour":
        raise StudyError(
            f"{name}: [footprint] method = 'contour' needs contours; expected"
            f" {', '.join(map(repr, OUTLINES))} with [clusters] method = {options.method!r}"
        )
