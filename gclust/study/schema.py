"""The class `Study`, read from ``study.toml`` or written in Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.listings.columns import FURTHER
from gclust.study import validate
from gclust.study.clustering_methods import (
    CLUSTERING_METHODS,
    LEAST_RESOLUTION_KM,
    ClusteringOptions,
    Clusters,
)
from gclust.study.indicators import IndicatorEntry, read_entries, resolve_indicators
from gclust.study.localisation import LocalisationOptions, NullModelOptions
from gclust.study.parse import parse_section, read_toml
from gclust.study.record_variation import (
    COLUMN_OF_VARIATION,
    RecordVariation,
    record_variation,
)
from gclust.study.sections import (
    DEFAULT_NAME,
    LARGEST_CELL_KM,
    CentroidGeocodes,
    Counting,
    Density,
    Draws,
    EngineOptions,
    Footprint,
    General,
    Intensity,
    Members,
    Merge,
    Names,
    Outputs,
    Places,
    Population,
    Score,
    Source,
    SweepGrid,
)

COLUMN_OF_OUTPUT = {"panel": "year", "fields": "field", "organisations": "organisation"}
"""Key of ``[outputs]`` -> the column of listings that its file needs."""


@dataclass(frozen=True)
class Need:
    """A column that at least one source of a kind must have (``kind = None``: of any kind).

    An ``optional`` one is read if it is there.
    """

    by: str
    column: str
    kind: str | None = None
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study, which says what to compute: made in Python or read from ``study.toml``.

    Sections are given as their classes or as mappings with the keys of ``study.toml``.

    Attributes
    ----------
    sources : tuple of Source
    study, density, clusters, merge, footprint, names, counting, score, population, members, sweep,
    intensity, uncertainty, null, localisation, places, outputs, engine
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
    study: General = field(default_factory=General)
    density: Density = field(default_factory=Density)
    clusters: ClusteringOptions = field(default_factory=Clusters)
    merge: Merge = field(default_factory=Merge)
    footprint: Footprint = field(default_factory=Footprint)
    names: Names = field(default_factory=Names)
    counting: Counting = field(default_factory=Counting)
    score: Score = field(default_factory=Score)
    population: Population = field(default_factory=Population)
    members: Members = field(default_factory=Members)
    sweep: SweepGrid = field(default_factory=SweepGrid)
    centroid_geocodes: CentroidGeocodes = field(default_factory=CentroidGeocodes)
    intensity: Intensity = field(default_factory=Intensity)
    uncertainty: Draws = field(default_factory=Draws)
    null: NullModelOptions = field(default_factory=NullModelOptions)
    localisation: LocalisationOptions = field(default_factory=LocalisationOptions)
    places: Places = field(default_factory=Places)
    outputs: Outputs = field(default_factory=Outputs)
    engine: EngineOptions = field(default_factory=EngineOptions)
    indicators: tuple[IndicatorEntry, ...] = ()
    folder: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        for key, value in _as_sections(self).items():
            object.__setattr__(self, key, value)
        self._check("study")

    def _check(self, name: str) -> None:
        """Check each section as a whole; ``name`` begins each message."""
        kinds, has_raster = self.kinds, self.population.raster is not None
        validate.check_sources(self.sources, name)
        validate.check_density(self.density, kinds, name)
        if (wrong := self.clusters.contradiction) is not None:
            raise StudyError(f"{name}: [clusters] {wrong}")
        validate.check_footprint(self.footprint, f"{name}: [footprint]")
        for position, other in enumerate(self.intensity.footprints, start=1):
            validate.check_footprint(other, f"{name}: [intensity] footprints number {position}")
        formed_on = self.clusters.formed_on
        if formed_on is None or formed_on.run is None:  # the method is that of the run
            validate.check_method_of_footprint(self.footprint, self.clusters, has_raster, name)
        validate.check_formed_on(formed_on, self.counting, self.density_kinds, name)
        validate.check_merge(self.merge, name)
        validate.check_counting(self.counting, kinds, self.amounts, name)
        validate.check_indicators(self.indicators, kinds, name)
        validate.check_score(self.score, kinds, self.indicators, has_raster, name)
        validate.check_draws(self.uncertainty, kinds, self.amounts, name)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of record, in the order of their first source."""
        return tuple(dict.fromkeys(source.kind for source in self.sources))

    @property
    def heading(self) -> str:
        """Title of figures and pages: the study's title or name, else the kinds of its listings."""
        if self.study.title or self.study.name != DEFAULT_NAME:
            return self.study.title or self.study.name
        return f"Clusters of {_listed(self.kinds)} listings"

    @property
    def density_kinds(self) -> tuple[str, ...]:
        """Kinds whose listings form clusters; all by default."""
        return self.kinds if self.density.kinds is None else self.density.kinds

    @property
    def amounts(self) -> tuple[str, ...]:
        """Kinds whose weights are amounts, not numbers of records."""
        measured = {source.kind for source in self.sources if source.measure == "amount"}
        return tuple(kind for kind in self.kinds if kind in measured)

    @property
    def drawn_amounts(self) -> dict[str, float]:
        """The ``cv`` of each kind whose amounts vary in draws; 0 if organisations are resampled."""
        drawn = {}
        for kind in self.amounts:
            if (cv := self.uncertainty.cv_of(kind)) is not None:
                drawn[kind] = cv
            elif self.uncertainty.resamples(kind):
                drawn[kind] = 0.0
        return drawn

    @property
    def variation(self) -> RecordVariation:
        """Kinds of records that draws of ``[uncertainty]`` vary beyond record by record."""
        records = [kind for kind in self.kinds if kind not in self.amounts]
        return record_variation(self.uncertainty, records)

    @property
    def numbers_organisations(self) -> bool:
        """Whether draws of ``[uncertainty]`` vary organisations, by amounts or by records."""
        return bool(self.drawn_amounts) or self.variation.is_by_organisation

    @property
    def not_resampled(self) -> tuple[str, ...]:
        """Kinds whose listings are the same in all draws of ``[uncertainty]``."""
        if "records" not in self.uncertainty.sources:
            return self.kinds
        drawn = self.drawn_amounts
        return tuple(kind for kind in self.amounts if kind not in drawn)

    @property
    def needs(self) -> tuple[Need, ...]:
        """Columns of listings that the study needs besides coordinates, record and weight."""
        by = {
            "[centroid_geocodes] precision": self.centroid_geocodes.on
            and self.centroid_geocodes.precision is not None,
            "[uncertainty] sources: 'addresses'": self.uncertainty.moves,
        }
        formed_on = self.clusters.formed_on
        of_years = formed_on is not None and formed_on.years is not None
        of_counts = ["field", "year", *(["citations"] if self.counting.weight != "records" else [])]
        return (
            *(Need(name, "precision") for name, wanted in by.items() if wanted),
            *(
                Need("[clusters] formed_on", "year", kind)
                for kind in (self.density_kinds if of_years else ())
            ),
            *(
                Need(f"[outputs] {name}", column)
                for name, column in COLUMN_OF_OUTPUT.items()
                if getattr(self.outputs, name)
            ),
            *(
                Need("[counting] normalise", column, kind)
                for kind in self.normalised_kinds
                for column in of_counts
            ),
            *(
                Need("[uncertainty] resample", "organisation", kind, optional=cv > 0)
                for kind, cv in self.drawn_amounts.items()
            ),
            *(
                Need(f"[uncertainty] {key}", column, kind)
                for key, column in COLUMN_OF_VARIATION.items()
                for kind in getattr(self.variation, key)
            ),
            *(
                Need(f"indicator {resolved.indicator.name!r}", column, resolved.options.get("kind"))
                for resolved in resolve_indicators(self.indicators)
                for column in resolved.needs
            ),
        )

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Names of the optional columns of listings that are read; see `needs`."""
        named = {need.column for need in self.needs}
        return tuple(column for column in FURTHER if column in named)

    @property
    def normalised_kinds(self) -> tuple[str, ...]:
        """Kinds whose counts are normalised by field and year."""
        given = self.counting.normalise
        if given is None:
            return ()
        return tuple(kind for kind in self.kinds if isinstance(given, str) or kind in given)

    @property
    def normalises(self) -> bool:
        """Whether the counts of any kind are normalised."""
        return bool(self.normalised_kinds)

    @property
    def count_method(self) -> str:
        """The method of ``[counting]``; ``given`` if each listing has what it counts."""
        return "given" if self.normalises else self.counting.method

    @property
    def listing_columns(self) -> tuple[str, ...]:
        """Names of the optional columns that listings carry: those read, and what they count."""
        return (*self.needed_columns, *(["counted"] if self.normalises else []))

    @property
    def dbscan(self) -> Clusters:
        """Options of DBSCAN; StudyError is raised if the study has another method."""
        if not isinstance(self.clusters, Clusters):
            raise StudyError(
                "eps_km and min_samples can be varied with method = 'dbscan' only; [clusters]"
                f" method is {self.clusters.method!r}"
            )
        return self.clusters

    @property
    def radius_km(self) -> float:
        """Radius of the footprint's discs: a third of eps_km by default."""
        given = self.footprint.radius_km
        return self.clusters.scale_km / 3 if given is None else given

    def sizes(self, footprint: Footprint) -> dict[str, Any]:
        """Return a footprint's options in km, and its ratio; missing lengths follow from eps_km."""
        scale = self.clusters.scale_km
        defaults = {
            "radius_km": self.radius_km,
            "edge_km": scale,
            "ratio": None,
            "alpha_km": scale / 2,
            "cell_km": min(max(scale / 3, LEAST_RESOLUTION_KM), LARGEST_CELL_KM),
        }
        given = {key: getattr(footprint, key) for key in defaults}
        return {key: each if given[key] is None else given[key] for key, each in defaults.items()}


SECTIONS: dict[str, Any] = {
    item.name: item.default_factory
    for item in fields(Study)
    if item.name not in ("sources", "indicators", "folder")
}
"""Class of each section, for ``[clusters]`` that of its default method."""

RENAMED = {"heaps": "centroid_geocodes"}
"""Names of sections in earlier versions, with their present names."""


def _listed(kinds: tuple[str, ...]) -> str:
    """Return kinds in words, the last one after "and"."""
    *others, last = kinds
    return f"{', '.join(others)} and {last}" if others else last


def _as_sections(study: Study) -> dict[str, Any]:
    """Convert sections that are given as mappings to their classes."""
    found: dict[str, Any] = {"folder": Path(study.folder).absolute()}
    found["sources"] = tuple(_sources(study.sources, "study"))
    for key, kind in SECTIONS.items():
        value = getattr(study, key)
        if key == "clusters":
            found[key] = value if isinstance(value, ClusteringOptions) else _clusters(value)
        elif not isinstance(value, kind):
            found[key] = kind(**parse_section(value, kind, f"study: [{key}]"))
    if any(not isinstance(entry, IndicatorEntry) for entry in study.indicators):
        found["indicators"] = read_entries(list(study.indicators), "study")
    return found


def _sources(entries: Iterable[Any], name: str) -> Iterator[Source]:
    for position, entry in enumerate(entries, start=1):
        where = f"{name}: [[sources]] number {position}:"
        is_source = isinstance(entry, Source)
        yield entry if is_source else Source(**parse_section(entry, Source, where))


def _clusters(table: Any) -> ClusteringOptions:
    """Read ``[clusters]`` with the keys of its method."""
    method, where = table.get("method") if isinstance(table, Mapping) else None, "study: [clusters]"
    if not isinstance(method, str) or method not in CLUSTERING_METHODS:
        method = "dbscan"
    if method != "dbscan":
        where = f"{where} of method = {method!r}:"
    options = CLUSTERING_METHODS[method]
    return options(**parse_section(table, options, where))


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

    Examples
    --------
    >>> import gclust
    >>> gclust.read_study(gclust.datasets.example_study()).clusters.eps_km
    5.0
    """
    path = Path(path)
    folder = path.resolve().parent
    return study_from(read_toml(path), folder=folder, name=str(path), listings=listings)


def study_from(
    table: Mapping[str, Any], *, folder: Path, name: str, listings: Mapping[str, Any] | None = None
) -> Study:
    """Make a study from nested mappings, with the structure of ``study.toml``.

    ``listings`` maps kinds to tables in memory, which replace the sources of these kinds.
    """
    for old, new in RENAMED.items():
        if old in table:
            raise StudyError(f"{name}: [{old}] is called [{new}] now; rename it")
    parse_section(table, {}, f"{name}:", known=("sources", *SECTIONS, "indicators"))
    listed = table.get("sources", [])
    if not listed and not listings:
        raise StudyError(f"{name}: has no [[sources]]; expected at least one with kind and path")
    if not isinstance(listed, list):
        raise StudyError(f"{name}: [sources] must be written [[sources]], one for each source")
    sources = _with_tables(tuple(_sources(listed, name)), listings or {}, name)
    try:
        return Study(
            sources=tuple(sources),
            indicators=read_entries(table.get("indicators", []), "study"),
            folder=folder,
            **{key: table[key] for key in SECTIONS if key in table},
        )
    except StudyError as error:
        raise StudyError(f"{name}{str(error).removeprefix('study')}") from None


def with_listings(study: Study, listings: Mapping[str, Any]) -> Study:
    """Return a study that reads the kinds in ``listings`` from tables in memory.

    Columns and years of the kind's source still apply; a kind without a source gets one. Raises
    StudyError if a kind has several sources.
    """
    return replace(study, sources=tuple(_with_tables(study.sources, listings, "study")))


def _with_tables(
    sources: Sequence[Source], listings: Mapping[str, Any], name: str
) -> Iterator[Source]:
    kinds = [source.kind for source in sources]
    for kind in listings:
        if kinds.count(kind) > 1:
            raise StudyError(
                f"{name}: kind {kind!r} has {kinds.count(kind)} sources, which one table cannot"
                " replace; give each source its own table: Source(data=...)"
            )
    for source in sources:
        if source.kind in listings:
            kept = ("kind", "columns", "years", "measure", "missing", "null_island")
            options = {key: getattr(source, key) for key in kept}
            yield Source(data=listings[source.kind], **options)
        else:
            yield source
    for kind, data in listings.items():
        if kind not in kinds:
            yield Source(kind=kind, data=data)
