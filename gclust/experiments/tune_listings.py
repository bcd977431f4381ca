"""Listings in arrays, with all that no slider changes done once."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.listings import attribute as attribution
from gclust.listings.engine import Engine
from gclust.study.schema import Study
from gclust.study.stages import Prepared
from gclust.units import UNIT

Units = NDArray[np.int64]
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Folded:
    """What listings come to at each location, and the records that lie at several.

    Attributes
    ----------
    fixed : ndarray of int64, shape (kinds, n)
        Units that a location adds to the count of its cluster, whatever that is.
    record_of, at, units : ndarray, shape (m,)
        Records at several locations, one row for each of these, records one after another: the
        record's number, the location and the units of its listings there.
    starts : ndarray, shape (r,)
        First row of each such record.
    located_units, record_units : ndarray of int64, shape (r,)
        Units of its located listings, and those over which it is spread.
    kind_of : ndarray, shape (r,)
        Its kind's code.
    opened : ndarray of bool, shape (r,)
        Whether its count is left out of ``fixed``: that of a cluster is no sum of those of its
        locations.
    """

    fixed: Units
    record_of: Rows
    at: Rows
    units: Units
    starts: Rows
    located_units: Units
    record_units: Units
    kind_of: Rows
    opened: NDArray[np.bool_]


def fold_records(
    study: Study, engine: Engine, prepared: Prepared, place: NDArray[np.integer]
) -> Folded:
    """Fold the listings of each record to locations, and count what can be counted at once.

    A record's share in a cluster is rounded after the shares of its listings are summed. Where
    these are whole units (as with up to 22 listings of equal weight) the sum of shares is the
    share of the sum, so they are added to their locations; where not, the record stays open.

    Parameters
    ----------
    study : Study
    engine : Engine
    prepared : Prepared
    place : ndarray of int, shape (n,)
        The number under which each of the prepared locations goes.
    """
    record, kind, at, units, total = _rows_of_records(engine, prepared, place)
    n_kinds, n = len(prepared.staged.kinds), len(place)
    fixed = np.zeros(n_kinds * n, dtype=np.int64)
    bare = int(np.searchsorted(record, 0))  # rows without a record come first
    np.add.at(fixed, kind[:bare] * n + at[:bare], units[:bare])
    record, kind, at, units, total = (column[bare:] for column in (record, kind, at, units, total))
    first = np.diff(record, prepend=-1) != 0
    starts = np.flatnonzero(first)
    number = np.cumsum(first) - 1
    length = np.diff(starts, append=len(record))
    whole = study.counting.method == "whole"
    rough = ~_divides(units, total)
    opened = np.logical_or.reduceat(rough, starts) if len(starts) else np.zeros(0, dtype=bool)
    opened = (length > 1) & (opened | whole)
    closed = ~opened[number]
    share = np.full(len(units), UNIT) if whole else share_of(units, total)
    np.add.at(fixed, kind[closed] * n + at[closed], share[closed])
    several = length > 1
    kept = several[number]
    return Folded(
        fixed=fixed.reshape(n_kinds, n),
        record_of=np.repeat(np.arange(several.sum(), dtype=np.int32), length[several]),
        at=at[kept].astype(np.int32),
        units=units[kept],
        starts=(np.cumsum(length[several]) - length[several]).astype(np.int64),
        located_units=_located(units, starts)[several],
        record_units=total[starts][several],
        kind_of=kind[starts][several],
        opened=opened[several],
    )


def share_of(units: Units, total: Units) -> Units:
    """Units of a part's fraction of one record; see `gclust.listings.fold.spread`."""
    return np.floor(units / total * UNIT + 0.5).astype(np.int64)


def _divides(units: Units, total: Units) -> NDArray[np.bool_]:
    """Whether a part's fraction of a record is a whole number of units."""
    return UNIT % (total // np.gcd(units, total)) == 0


def _located(units: Units, starts: Rows) -> Units:
    return np.add.reduceat(units, starts) if len(starts) else np.zeros(0, dtype=np.int64)


def _rows_of_records(
    engine: Engine, prepared: Prepared, place: NDArray[np.integer]
) -> tuple[NDArray[np.int64], ...]:
    """Sum each record's listings by location.

    Returns
    -------
    record, kind, at, units, record_units : ndarray of int64
        Sorted by the number of the record, which is -1 for none, then by location.
    """
    at = prepared.locations[["lat", "lon"]].assign(label=place.astype(np.int64))
    engine.put(at, "places")
    rows = engine.store(
        attribution.attribute(prepared.located, engine.frame("places")), "at_places", "fold records"
    )
    # Records may be texts, or numbers of more digits than a float has.
    numbered = prepared.totals.with_row_index("number", order_by=["kind", "record"])
    joined = rows.join(numbered, on=["kind", "record"], how="left").select(
        nw.col("number").cast(nw.Int64).fill_null(-1),
        nw.col("kind").cast(nw.Int64),
        "label",
        "units",
        nw.col("record_units").fill_null(1),
    )
    table = engine.arrow(joined.sort("number", "label"), "sort records")
    for name in ("places", "at_places"):
        engine.drop(name)
    columns = (table[name].to_numpy() for name in table.column_names)
    return tuple(columns)
