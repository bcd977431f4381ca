"""Recognition of gclust's columns (``lat, lon, record`` ...) by the names in a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gclust.listings.columns import COLUMNS, KNOWN
from gclust.spelling import nearest

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "lat": ("latitude", "y"),
    "lon": ("longitude", "lng", "long", "x"),
    "organisation": ("organization",),
}
"""Other names by which a column is found if the source does not name it; case is ignored."""

HINTS: Mapping[str, tuple[str, ...]] = {
    "record": (
        "appln_id", "application_id", "application_number", "patent_id", "publication_number",
        "doi", "pmid", "ut", "work_id", "openalex_id", "article_id", "publication_id", "deal_id",
        "round_id", "record_id", "docdb_family_id", "family_id", "id",
    ),
    "lat": ("lat_dd", "latitude_deg", "breite", "latitud"),
    "lon": ("lon_dd", "longitude_deg", "laenge", "longitud"),
    "weight": ("weights", "wt", "count", "n", "number", "amount", "fraction"),
    "year": (
        "pub_year", "publication_year", "filing_year", "appln_filing_year", "priority_year",
        "py", "date", "filing_date", "publication_date", "jahr",
    ),
}  # fmt: skip
"""Names that a column often has. They are only proposed, because they change what is counted; the
source must name the column."""

AXES = ("lat", "lon")
MOST_LISTED = 20
LIKENESS = 0.6
"""Least similarity of a proposed column name; see `gclust.spelling.nearest`."""


@dataclass(frozen=True)
class FileColumns:
    """The columns of one file or table, and which of them are gclust's ``lat``, ``lon`` ..."""

    names: tuple[str, ...]  # all columns; a name may occur twice
    used: dict[str, int]  # gclust's name -> position in names
    by_geometry: bool = False  # whether coordinates come from a geometry
    hints: tuple[str, ...] = ()  # columns that the user may want to name too

    @property
    def user_columns(self) -> dict[str, str]:
        """Mapping from gclust's name of each used column to the user's name."""
        return {name: self.names[at] for name, at in self.used.items()}

    @property
    def summary(self) -> str:
        """One line of text with gclust's name and the user's name of each used column."""
        shown = []
        for name in KNOWN:
            if name in self.used:
                shown.append(f"{name} = {self.names[self.used[name]]}")
            elif self.by_geometry and name in AXES:
                shown.append(f"{name}: of the geometry")
            elif name in COLUMNS:
                shown.append(f"{name}: none")
        return ", ".join(shown)


def match_columns(
    names: Sequence[str],
    named: Mapping[str, str],
    required: Iterable[str] = (),
    *,
    by_geometry: bool = False,
    help_of_one: str = "",
) -> tuple[FileColumns, list[str]]:
    """Find gclust's columns among the columns of a file or table.

    A name that the source gives must match exactly, or else in any case. If the source gives no
    name, gclust's own name and the most common other names are tried.

    ``names`` are all columns, also those that occur twice; ``named`` maps gclust's names to the
    user's, as the source gives them. ``required`` are columns that must exist in addition to the
    named ones and to ``lat`` and ``lon``. With ``by_geometry`` coordinates come from a geometry, so
    that ``lat`` and ``lon`` are not columns. ``help_of_one`` is for the message about a file with
    only one column. Returns the columns, and a sentence for each that is missing or occurs twice.
    """
    left_out = AXES if by_geometry else ()
    needed = {*AXES, *named, *required} - set(left_out)
    used: dict[str, int] = {}
    faults = []
    for name in dict.fromkeys((*KNOWN, *named)):
        found = [] if name in left_out else _positions(names, name, named.get(name))
        if len(found) > 1:
            faults.append(
                f"the column {names[found[0]]!r} ({name}) occurs {len(found)} times; leave one of"
                " them, or rename them"
            )
        elif found:
            used[name] = found[0]
        elif name in needed:
            faults.append(_missing(names, name, named.get(name, name), help_of_one))
    hints = () if faults else _hints(names, used, left_out)
    return FileColumns(tuple(names), used, by_geometry, hints), faults


def count_axes(names: Sequence[str], named: Mapping[str, str]) -> int:
    """Return how many of the columns latitude and longitude a header has (0, 1 or 2)."""
    return sum(bool(_positions(names, axis, named.get(axis))) for axis in AXES)


def _positions(names: Sequence[str], name: str, given: str | None) -> list[int]:
    """Return the positions of the columns with the best name for gclust's column ``name``."""
    candidates = (name, *OTHER_NAMES.get(name, ())) if given is None else (given,)
    for candidate in candidates:
        exact = [at for at, column in enumerate(names) if column == candidate]
        if exact or (exact := _in_any_case(names, candidate)):
            return exact
    return []


def _in_any_case(names: Sequence[str], name: str) -> list[int]:
    folded = name.strip().casefold()
    return [at for at, column in enumerate(names) if column.strip().casefold() == folded]


def _missing(names: Sequence[str], name: str, column: str, help_of_one: str) -> str:
    usual = (each for each in names if each.casefold() in HINTS.get(name, ()))
    near = nearest(column, names, LIKENESS) or next(usual, None)
    hint = f"; did you mean {near!r}?" if near else "."
    if len(names) == 1 and help_of_one:
        hint = f"; {help_of_one}."
    known = ", ".join(map(repr, names[:MOST_LISTED])) or "no columns"
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return (
        f"column {column!r} ({name}) is missing{hint} There are {known}{more}. Name it in"
        f' the source\'s columns = {{ {name} = "..." }}'
    )


def _hints(
    names: Sequence[str], used: Mapping[str, int], left_out: Sequence[str]
) -> tuple[str, ...]:
    """Return hints: unused columns whose names suggest one of gclust's columns."""
    taken = set(used.values())
    free = [column for at, column in enumerate(names) if at not in taken]
    hints = []
    for name, usual in HINTS.items():
        near = [column for column in free if column.strip().casefold() in usual]
        if near and name not in used and name not in left_out:
            hints.append(f'{near[0]!r} may be the {name}: columns = {{ {name} = "{near[0]}" }}')
    return tuple(hints)
