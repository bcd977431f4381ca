"""Listings in memory: their locations and records, for studies whose listings fit there.

`gclust.listings.fold` and `gclust.listings.record_arrays` compute the same on any engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.cooccurrence import RecordRows, sum_values
from gclust.kernels.record_rows import (
    Grouped,
    PlacedUnits,
    RecordKeys,
    Several,
    add_units,
    find_differing,
    group_listings,
    join_several,
    several_of,
)
from gclust.kernels.spatial.fold import fold_rows, locations_of
from gclust.listings.fold import unite_countries
from gclust.listings.record_arrays import Records, numbers_in
from gclust.parallel import unreported
from gclust.units import UNIT

BYTES_OF_A_LISTING = 90
"""Largest memory for a listing while listings are folded and grouped by record."""

FINEST_BAND = 1e-7
"""Height of bands in degrees if coordinates are not rounded."""

Columns = dict[str, NDArray[Any]]


class Placed(NamedTuple):
    """Locations of listings, and the listings by location."""

    locations: Columns
    """``lat, lon, density, units`` and, if given, ``code``, sorted by ``lat``, then ``lon``."""
    place: NDArray[np.int32]
    """Location of each listing, shape (n,)."""


def place_listings(listings: Columns, decimals: int | None, threads: int) -> Placed:
    """Sum the weights of listings by location.

    ``listings`` have ``lat, lon`` (rounded to ``decimals``), ``units``, and perhaps ``density``
    (``units`` if not) and ``code`` (number of the country, 0 if unknown). The coordinates are
    taken out of ``listings``, so that their memory is free when they are in order. The result
    equals `gclust.listings.fold.fold_locations` followed by
    `gclust.listings.fold.unite_countries`.
    """
    # In bands half as high as a step of latitude, the order by band is that by latitude.
    height = FINEST_BAND if decimals is None else max(0.5 * 10.0**-decimals, FINEST_BAND)
    units = listings["units"]
    folded = fold_rows(listings.pop("lat"), listings.pop("lon"), units, height, threads, unreported)
    place = locations_of(folded, threads)
    found = {"lat": folded.lat, "lon": folded.lon, "units": np.diff(folded.prefix)}
    same = found["lat"][1:] == found["lat"][:-1]
    rising = np.where(same, np.diff(found["lon"]) > 0, np.diff(found["lat"]) > 0)
    if not rising.all():
        order = np.lexsort((found["lon"], found["lat"]))
        found = {name: column[order] for name, column in found.items()}
        place = numbers_in(order)[place]
    n = len(found["lat"])
    found["density"] = found["units"]
    if "density" in listings:
        found["density"] = sum_values(place, listings["density"][None], n)[0]
    if "code" in listings:
        found["code"] = _countries(place, listings["code"], units, n)
    return Placed(found, place)


def _countries(
    place: NDArray[np.int32],
    code: NDArray[np.integer],
    units: NDArray[np.int64],
    n: int,
) -> NDArray[np.integer]:
    """Return the code of the country that most listings name at each of ``n`` locations."""
    found, differing = np.full(n, -1, dtype=code.dtype), np.zeros(n, dtype=bool)
    find_differing(place, code, found, differing)
    if not differing.any():
        return found
    rows = np.flatnonzero(differing[place])
    # Few locations have listings of several countries.
    key, at = np.unique(
        place[rows] * (int(code.max()) + 1) + code[rows].astype(np.int64), return_inverse=True
    )
    weight = np.zeros(len(key), dtype=np.int64)
    np.add.at(weight, at, units[rows])
    where, codes = np.divmod(key, int(code.max()) + 1)
    sums = {
        "lat": where,
        "lon": np.zeros(len(key)),
        "code": codes,
        "density": weight,
        "units": weight,
    }
    united = unite_countries(sums)
    found[united["lat"]] = united["code"]
    return found


class CountedRecords(NamedTuple):
    """Records in memory, and the number of records of each kind."""

    records: Records
    n_records: NDArray[np.int64]
    """Shape (kinds,)."""


def count_in_memory(
    listings: Columns,
    place: NDArray[np.int32],
    n_locations: int,
    *,
    n_kinds: int,
    method: str,
    threads: int,
) -> CountedRecords:
    """Group listings by record; see `gclust.listings.record_arrays.gather_records`.

    ``listings`` have ``kind`` (int8), ``key`` (number of the record), ``has_record`` and ``units``;
    ``place`` is -1 for listings that have no location.
    """
    kind, units = listings["kind"], listings["units"]
    fixed = np.zeros((n_kinds, n_locations), dtype=np.int64)
    keys, placed = RecordKeys(listings["key"], kind), PlacedUnits(place, units)
    has_record = listings["has_record"].astype(bool)
    if not has_record.all():
        bare = np.flatnonzero(~has_record & (place >= 0))
        add_units(kind[bare], place[bare], units[bare], fixed)
        of_record = np.flatnonzero(has_record)
        keys = RecordKeys(listings["key"][of_record], kind[of_record])
        placed = PlacedUnits(place[of_record], units[of_record])
    whole = method == "whole"
    several: list[Several] = []

    def receive(grouped: Grouped) -> None:
        add_units(grouped.kind, grouped.place, grouped.share, fixed)
        several.append(several_of(grouped))

    n_records = group_listings(keys, placed, n_kinds, UNIT, whole, threads, receive)
    return CountedRecords(_records(join_several(several), fixed), n_records)


def _records(found: Several, fixed: NDArray[np.int64]) -> Records:
    """Make `Records` of those with several rows and the counts of the locations, (kinds, n)."""
    length = np.diff(found.starts)
    in_open = np.repeat(found.is_open, length)
    return Records(
        fixed=fixed,
        rows=RecordRows(found.starts, found.place, found.units),
        located_units=found.located,
        record_units=found.total,
        kind=found.kind.astype(np.int16),
        opened=np.flatnonzero(found.is_open),
        open_rows=RecordRows(
            np.append(0, np.cumsum(length[found.is_open])),
            found.place[in_open],
            found.units[in_open],
        ),
    )
