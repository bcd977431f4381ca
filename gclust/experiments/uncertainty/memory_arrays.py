"""Records by place, from listings in memory.

`gclust.experiments.uncertainty.record_arrays` computes the same on any engine.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.radix_order import radix_order
from gclust.listings.engines.protocol import Engine
from gclust.listings.listing_arrays import Columns, place_listings
from gclust.listings.record_arrays import numbers_in
from gclust.pipeline.locations import columns_of
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.threads import count_threads

Ints = NDArray[np.int64]

RECORDED = 1 << 7
"""Added to the kind of listings that have a record, so that they come after all others."""

WIDEST = 2**62
"""Records are sorted as numbers if they differ by less."""


def rows_in_memory(
    study: Study, engine: Engine, prepared: Prepared, weighted: nw.LazyFrame[Any], order: Ints
) -> dict[str, Ints] | None:
    """Sum each record's listings by place, sorted by number and place.

    ``weighted`` are the located listings with their ``density``; ``order`` is the location of each
    place. See `gclust.experiments.uncertainty.record_arrays.ListingArrays`.

    None if records are no whole numbers, if not all of a record's listings have a place, if
    organisations count apart, if counts are normalised, or if the study's listings were not in
    memory.
    """
    if study.normalises or study.numbers_organisations:
        return None
    if prepared.records is None or prepared.unlocated is not None:
        return None
    keyed = engine.keyed(weighted)
    if keyed is None or not keyed[1]:
        return None
    kind = nw.col("kind").cast(nw.Int64)
    recorded = nw.when(nw.col("record").is_null()).then(kind).otherwise(kind + RECORDED)
    frame = keyed[0].select("lat", "lon", "units", "density", "key", group=recorded)
    listings = columns_of(engine, frame, "fold records", int(prepared.staged.sources["rows"].sum()))
    threads = count_threads()
    placed = place_listings(
        {name: listings.pop(name) for name in ("lat", "lon")} | {"units": listings["units"]},
        study.density.rounding,
        threads,
    )
    listings["place"] = numbers_in(order)[placed.place]
    key = listings["key"]
    low = int(key.min(initial=0))
    if int(key.max(initial=0)) - low >= WIDEST:
        return None
    key -= low
    return _summed(listings)


def _summed(listings: Columns) -> dict[str, Ints]:
    """Sum listings by record and place, in this order."""
    order = radix_order(listings["place"].astype(np.int64))
    for name in ("key", "group"):
        order = order[radix_order(listings[name][order])]
    group, key, place = (listings.pop(name)[order] for name in ("group", "key", "place"))
    recorded = group >= RECORDED
    starts_record = np.ones(len(order), dtype=bool)
    starts_record[1:] = (group[1:] != group[:-1]) | (key[1:] != key[:-1])
    starts_row = starts_record.copy()
    starts_row[1:] |= place[1:] != place[:-1]
    first = np.flatnonzero(starts_row)
    bare = int(np.searchsorted(recorded, True))
    rows = {"number": np.full(len(first), -1), "kind": group[first] % RECORDED}
    rows["place"], rows["item"] = place[first].astype(np.int64), np.full(len(first), -1)
    for name in ("units", "density"):
        values = listings.pop(name)[order]
        rows[name] = np.add.reduceat(values, first) if len(first) else values
    rows["record_units"] = np.ones(len(first), dtype=np.int64)
    of_records = int(np.searchsorted(first, bare))
    begins = starts_record[first[of_records:]]
    number = np.cumsum(begins) - 1
    rows["number"][of_records:] = number
    if len(number):
        sums = np.add.reduceat(rows["units"][of_records:], np.flatnonzero(begins))
        rows["record_units"][of_records:] = sums[number]
    return rows
