"""Which of a source's columns serves as what."""

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
"""Names under which a column is found without being named in the source, in any case."""

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
"""Names that a column of the kind often has; it is used only where the source says so, for it
changes what is counted."""

SHOWN = 20
COLUMN_LIKENESS = 0.6


@dataclass(frozen=True)
class Naming:
    """The columns that serve.

    Attributes
    ----------
    used : dict
        gclust's name of a column -> position of the user's column.
    hints : tuple of str
        What a reader may want to name too.
    """

    used: dict[str, int]
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """A column that is missing or doubled: what to say of it."""

    message: str


def find_columns(
    there: Sequence[str],
    named: Mapping[str, str],
    wanted: Iterable[str] = (),
    *,
    by_geometry: bool = False,
    help_of_one: str = "",
) -> tuple[Naming, list[Fault]]:
    """Find gclust's columns among those of a table.

    A name that the source gives is taken to the letter, else in any case where one column has
    it so. Without one, gclust's own name and the most common others are looked for.

    Parameters
    ----------
    there : sequence of str
        The table's columns; a name may occur twice.
    named : mapping
        gclust's name -> the user's, as the source gives them.
    wanted : iterable of str
        What must be there besides ``lat`` and ``lon``.
    by_geometry : bool
        Whether places come from a geometry, so that no ``lat`` and ``lon`` are needed.
    help_of_one : str
        What may be wrong where a table has one column only.

    Returns
    -------
    Naming
    list of Fault
        Empty if all that is needed is there once.
    """
    used: dict[str, int] = {}
    faults: list[Fault] = []
    needed = {*named, *wanted} | (set() if by_geometry else {"lat", "lon"})
    for name in dict.fromkeys((*COLUMNS, *KNOWN, *named)):
        if by_geometry and name in ("lat", "lon"):
            continue
        found = _positions(there, name, named.get(name))
        if len(found) > 1:
            twice = there[found[0]]
            faults.append(
                Fault(
                    f"the column {twice!r} ({name}) occurs {len(found)} times; leave one of them,"
                    " or rename them"
                )
            )
        elif found:
            used[name] = found[0]
        elif name in needed:
            faults.append(Fault(_missing(there, name, named.get(name, name), help_of_one)))
    return Naming(used, () if faults else _hints(there, used, by_geometry)), faults


def fits(names: Sequence[str], named: Mapping[str, str]) -> int:
    """Return how many of latitude and longitude are among a header's names, 2 for both."""
    return sum(bool(_positions(names, axis, named.get(axis))) for axis in ("lat", "lon"))


def _positions(there: Sequence[str], name: str, given: str | None) -> list[int]:
    """Positions of the columns that could serve as ``name``: those of the best name."""
    if given is not None:
        exact = [at for at, column in enumerate(there) if column == given]
        return exact or _in_any_case(there, given)
    for candidate in (name, *OTHER_NAMES.get(name, ())):
        exact = [at for at, column in enumerate(there) if column == candidate]
        if exact or (exact := _in_any_case(there, candidate)):
            return exact
    return []


def _in_any_case(there: Sequence[str], name: str) -> list[int]:
    folded = name.strip().casefold()
    return [at for at, column in enumerate(there) if column.strip().casefold() == folded]


def _missing(there: Sequence[str], name: str, column: str, help_of_one: str) -> str:
    usual = (each for each in there if each.casefold() in HINTS.get(name, ()))
    near = nearest(column, there, COLUMN_LIKENESS) or next(usual, None)
    hint = f"; did you mean {near!r}?" if near else ""
    if len(there) == 1 and help_of_one:
        hint = f"; {help_of_one}."
    known = ", ".join(repr(each) for each in there[:SHOWN]) or "no columns"
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return (
        f"column {column!r} ({name}) is missing{hint or '.'} There are {known}{more}. Name it in"
        f' the source\'s columns = {{ {name} = "..." }}'
    )


def _hints(there: Sequence[str], used: Mapping[str, int], by_geometry: bool) -> tuple[str, ...]:
    """Say which columns look as if they were what the source has none of."""
    taken = set(used.values())
    hints = []
    for name, others in HINTS.items():
        if name in used or (by_geometry and name in ("lat", "lon")):
            continue
        free = [at for at in range(len(there)) if at not in taken]
        near = [at for at in free if there[at].strip().casefold() in others]
        if near:
            column = there[near[0]]
            hints.append(f'{column!r} may be the {name}: columns = {{ {name} = "{column}" }}')
    return tuple(hints)


def columns_summary(names: Sequence[str], used: Mapping[str, int], by_geometry: bool) -> str:
    """Say in one line which column serves as what."""
    parts = []
    for name in dict.fromkeys((*COLUMNS, *KNOWN)):
        if name in used:
            parts.append(f"{name} = {names[used[name]]}")
        elif by_geometry and name in ("lat", "lon"):
            parts.append(f"{name}: of the geometry")
        elif name in COLUMNS:
            parts.append(f"{name}: none")
    return ", ".join(parts)
