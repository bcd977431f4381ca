"""Checks of each section of a study as a whole, and of sections against each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gclust.errors import StudyError
from gclust.listings.columns import KNOWN
from gclust.ranking.columns import OF_KINDS, column_weights, kind_columns, scored
from gclust.spelling import did_you_mean
from gclust.study.clustering_methods import ClusteringOptions, FormedOn
from gclust.study.indicators import IndicatorEntry
from gclust.study.parse import parse_section
from gclust.study.record_variation import check_variation
from gclust.study.sections import (
    NORMALISED,
    OUTLINES,
    Counting,
    Density,
    Draws,
    Footprint,
    Merge,
    Score,
    Source,
)

LARGEST_SPREAD_KM = 1000.0
KIND = re.compile(r"[^\W_][\w .&-]*")
TAKEN_KINDS = {"intensity", "total", "score", "population", "uncovered", "outside", "foreign"}
TAKEN_COLUMNS = {
    "rank", "cluster_id", "name", "economies", "lat", "lon", "total", "score", "population",
    "intensity", "intensity_rank", "area_km2", "area_90", "uncovered_share", "outside_share",
    "foreign_share", "geometry", "geom", "fid",
}  # fmt: skip
"""Column names of rankings and GeoPackages that no indicator may have."""


def check_sources(sources: Sequence[Source], name: str) -> None:
    """Refuse sources without listings, and kinds that cannot name columns or tables.

    ``name`` begins the messages of all checks.
    """
    for position, source in enumerate(sources, start=1):
        where = f"{name}: [[sources]] number {position}:"
        if not KIND.fullmatch(source.kind) or source.kind in TAKEN_KINDS:
            raise StudyError(
                f"{where} kind = {source.kind!r} cannot name columns; expected a word that is not"
                f" one of {', '.join(sorted(TAKEN_KINDS))}"
            )
        _check_source(source, where)
        if source.years is not None and source.years[0] > source.years[1]:
            raise StudyError(f"{where} years = {list(source.years)} run backwards; swap the years")
        parse_section(source.columns, dict.fromkeys(KNOWN, str), f"{where} columns:")
    kinds = dict.fromkeys(source.kind for source in sources)
    if len({kind.casefold() for kind in kinds}) < len(kinds):
        raise StudyError(
            f"{name}: the kinds {', '.join(kinds)} differ by case alone, which GeoPackages ignore;"
            " rename one of them"
        )
    _check_measures(sources, name)


def _check_measures(sources: Sequence[Source], name: str) -> None:
    """Refuse a kind that is an amount in some of its sources only."""
    amounts = {source.kind for source in sources if source.measure == "amount"}
    for position, source in enumerate(sources, start=1):
        if source.kind in amounts and source.measure != "amount":
            found = "is not given" if source.measure is None else f"= {source.measure!r}"
            raise StudyError(
                f"{name}: [[sources]] number {position}: measure {found}, but another source of"
                f" kind {source.kind!r} has measure = 'amount'; expected the same, because the"
                " counts of a kind are added up"
            )


def _check_source(source: Source, where: str) -> None:
    """Refuse a source without exactly one of path, sql and data, or with keys of another."""
    given = [key for key in ("path", "sql", "data") if getattr(source, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none of them"
        raise StudyError(
            f"{where} expected path (files), sql (a query) or, in Python, data (a table); found"
            f" {found}"
        )
    if source.sql_paths and source.sql is None:
        raise StudyError(f"{where} sql_paths belongs to sql; add sql, or leave sql_paths out")
    of_files = ("delimiter", "quote", "encoding", "layer")
    own = [key for key in of_files if getattr(source, key) is not None]
    if own and source.path is None:
        raise StudyError(f"{where} {own[0]} is only for sources with path; remove it")


def check_density(density: Density, kinds: Sequence[str], name: str) -> None:
    """Refuse unknown kinds and decimals out of bounds in ``[density]``."""
    if density.kinds is not None:
        if not density.kinds:
            raise StudyError(f"{name}: [density] kinds = []; expected at least one kind")
        parse_section(dict.fromkeys(density.kinds), {}, f"{name}: [density] kinds:", known=kinds)
    decimals = density.decimals
    if decimals != "none" and not (isinstance(decimals, int) and 0 <= decimals <= 9):
        raise StudyError(
            f'{name}: [density] decimals = {decimals!r}; expected a number from 0 to 9, or "none"'
        )


def check_footprint(footprint: Footprint, where: str) -> None:
    """Refuse a footprint with both ``ratio`` and ``edge_km``, which set the same length."""
    if footprint.ratio is not None and footprint.edge_km is not None:
        raise StudyError(
            f"{where}: ratio = {footprint.ratio:g} and edge_km = {footprint.edge_km:g}; expected"
            " one of them, because both set how far concave hulls are indented"
        )


def check_method_of_footprint(
    footprint: Footprint, options: ClusteringOptions, has_raster: bool, name: str
) -> None:
    """Refuse a footprint method that does not fit the clusters or lacks a population raster."""
    if footprint.method == "raster" and not has_raster:
        raise StudyError(
            f"{name}: [footprint] method = 'raster' takes the cells of the population raster;"
            " set raster in [population]"
        )
    if footprint.method == "contour" and options.method != "contour":
        raise StudyError(
            f"{name}: [footprint] method = 'contour' needs contours; choose one of"
            f" {', '.join(map(repr, OUTLINES))} with [clusters] method = {options.method!r}"
        )
    if footprint.method == "contour" and footprint.of == "cores":
        raise StudyError(
            f"{name}: [footprint] of = 'cores' does not apply to contours, which are drawn from the"
            " density of all listings; expected of = 'members'"
        )


def check_formed_on(
    options: FormedOn | None, counting: Counting, density_kinds: Sequence[str], name: str
) -> None:
    """Refuse ``formed_on`` without exactly one key, and keys that contradict others."""
    if options is None:
        return
    where = f"{name}: [clusters] formed_on"
    if len(options.given) != 1:
        raise StudyError(
            f"{where} = {{ {options.text} }}; expected one of years = [first, last], half ="
            " a seed, and run = a folder"
        )
    if options.years is not None and options.years[0] > options.years[1]:
        raise StudyError(f"{where} years = {list(options.years)} run backwards; swap the years")
    given = [kind for kind in density_kinds if kind in counting.totals]
    if options.half is not None and given:
        raise StudyError(
            f"{where} half = {options.half} counts one half of the records, and [counting] totals"
            f" gives the total of all for {given[0]!r}; remove it from totals"
        )


def check_merge(options: Merge, name: str) -> None:
    """Refuse ``rule = "list"`` without pairs, pairs with another rule, and bad coordinates."""
    where = f"{name}: [merge]"
    if options.rule == "list" and not options.pairs:
        raise StudyError(
            f'{where} rule = "list" merges the places in pairs, and there are none; expected pairs'
            ' = [["Shenzhen", "Hong Kong"], ...]'
        )
    if options.pairs is None:
        return
    if options.rule != "list":
        raise StudyError(
            f'{where} pairs belongs to rule = "list", and rule = {options.rule!r}; set rule ='
            ' "list", or remove pairs'
        )
    for pair in options.pairs:
        for place in pair:
            if isinstance(place, str):
                continue
            lat, lon = place
            if not (-90 <= lat <= 90 and -180 <= lon < 360):
                raise StudyError(
                    f"{where} pairs: [{lat:g}, {lon:g}] is no place; expected [latitude, longitude]"
                    " in degrees"
                )


def check_counting(
    counting: Counting, kinds: Sequence[str], amounts: Sequence[str], name: str
) -> None:
    """Refuse totals of unknown kinds or not above 0, and what cannot be normalised.

    ``amounts`` are those of the ``kinds`` that are amounts.
    """
    _check_normalised(counting, kinds, amounts, f"{name}: [counting]")
    where = f"{name}: [counting] totals:"
    parse_section(counting.totals, {}, where, known=kinds)
    for kind, total in counting.totals.items():
        if not total > 0:
            raise StudyError(f"{where} {kind} = {total}; expected more than 0")


def _check_normalised(
    counting: Counting, kinds: Sequence[str], amounts: Sequence[str], where: str
) -> None:
    """Refuse to normalise whole counts, amounts, unknown kinds, and kinds with totals."""
    given = counting.normalise
    if given is None:
        if counting.weight != "records":
            raise StudyError(
                f"{where} weight = {counting.weight!r}: citations of different fields and years"
                " cannot be compared; add normalise = 'field-year', or remove weight"
            )
        return
    named = given if isinstance(given, Mapping) else dict.fromkeys(kinds, given)
    parse_section(named, {}, f"{where} normalise:", known=kinds)
    for kind, value in named.items():
        at = f"{where} normalise: {kind}" if isinstance(given, Mapping) else f"{where} normalise"
        if value not in NORMALISED:
            expected = " or ".join(map(repr, NORMALISED))
            raise StudyError(
                f"{at} = {value!r}; expected {expected}{did_you_mean(value, NORMALISED)}"
            )
        if kind in amounts:
            others = [each for each in kinds if each not in amounts]
            table = ", ".join(f"{each} = {value!r}" for each in others)
            raise StudyError(
                f"{at} = {value!r}: {kind!r} is a kind of amounts, which are not normalised; name"
                f" the kinds of records: normalise = {{ {table} }}"
            )
        if kind in counting.totals:
            raise StudyError(
                f"{at} = {value!r}: {kind!r} has a total in [counting] totals, which is not divided"
                " into fields and years; remove one of them"
            )
    if counting.method != "fractional":
        raise StudyError(
            f"{where} normalise with method = {counting.method!r}: whole counts of one field-year"
            " add up to more than its records, so that totals would not be equal (Waltman and van"
            " Eck 2015); expected method = 'fractional'"
        )


def check_draws(draws: Draws, kinds: Sequence[str], amounts: Sequence[str], name: str) -> None:
    """Refuse options of ``[uncertainty]`` that are out of bounds or do not fit the kinds.

    ``amounts`` are those of the ``kinds`` that are amounts.
    """
    for precision, radius_km in draws.spread_km.items():
        if not 0 <= radius_km <= LARGEST_SPREAD_KM:
            raise StudyError(
                f"{name}: [uncertainty] spread_km: {precision} = {radius_km:g}; expected 0 to"
                f" {LARGEST_SPREAD_KM:g} km"
            )
    if not draws.level < 1:
        raise StudyError(f"{name}: [uncertainty] level = {draws.level:g}; expected less than 1")
    check_variation(draws, kinds, amounts, f"{name}: [uncertainty]")


def check_indicators(indicators: Sequence[IndicatorEntry], kinds: Sequence[str], name: str) -> None:
    """Refuse indicators of unknown kinds, and indicators whose column already exists."""
    of_kinds = {f"{kind}_{what}" for kind in kinds for what in (*OF_KINDS, "rank")}
    taken = {column.casefold() for column in TAKEN_COLUMNS | of_kinds}
    for position, entry in enumerate(indicators, start=1):
        where = f"{name}: [[indicators]] number {position}:"
        if entry.kind is not None:
            parse_section({entry.kind: ""}, {}, f"{where} kind:", known=kinds)
        if not KIND.fullmatch(entry.heading):
            raise StudyError(
                f"{where} column = {entry.heading!r} cannot name a column; expected a name that"
                " begins with a letter or a digit"
            )
        if entry.heading.casefold() in taken:
            raise StudyError(
                f"{where} there is a column {entry.heading!r} already; give this one another"
                ' name: column = "..."'
            )
        taken.add(entry.heading.casefold())


def check_score(
    options: Score,
    kinds: Sequence[str],
    indicators: Sequence[IndicatorEntry],
    has_raster: bool,
    name: str,
) -> None:
    """Refuse a score with unknown columns, weights of unused columns, or only weights of 0."""
    of_kinds = kind_columns(kinds)
    columns = scored(kinds, options.of)
    known = [*of_kinds, *(entry.heading for entry in indicators)]
    parse_section(dict.fromkeys(columns, ""), {}, f"{name}: [score] of:", known=known)
    if not columns:
        raise StudyError(f"{name}: [score] of = []; expected at least one column")
    if len(set(columns)) < len(columns):
        raise StudyError(
            f"{name}: [score] of = {list(columns)} names a column twice; name each once"
        )
    where = f"{name}: [score] lower_is_better:"
    parse_section(dict.fromkeys(options.lower_is_better, ""), {}, where, known=columns)
    per_head = [column for column in columns if column.endswith("_per_million")]
    if per_head and not has_raster:
        raise StudyError(
            f"{name}: [score] of: {per_head[0]!r} needs inhabitants; set raster in [population]"
        )
    weighable = dict.fromkeys([*columns, *(of_kinds[c] for c in columns if c in of_kinds)])
    where = f"{name}: [score] weights:"
    parse_section(dict.fromkeys(options.weights, ""), {}, where, known=weighable)
    for key, weight in options.weights.items():
        if not weight >= 0:
            raise StudyError(f"{where} {key} = {weight}; expected 0 or more")
    if not any(column_weights(columns, options.weights, kinds).values()):
        raise StudyError(f"{name}: [score] weights are all 0; expected one above 0")
