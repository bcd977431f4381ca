"""The cluster of every listing, from listings in memory.

`gclust.listings.memberships` computes the same on any engine; the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gclust.kernels.record_parts import parts_of_listings
from gclust.kernels.record_rows import PlacedUnits, RecordKeys
from gclust.listings.engines.protocol import Engine
from gclust.listings.listing_arrays import Columns
from gclust.listings.memberships import STAGE
from gclust.pipeline.locations import columns_of
from gclust.units import UNIT

ROWS = 1_000_000
"""Rows of a batch."""


class Members(NamedTuple):
    """Listings in the order of output, ``n``."""

    columns: Columns
    """``source, kind, key`` (number of the record), ``has_record, located, units``."""
    position: NDArray[np.int64]
    """(n,), in the order of output."""
    location: NDArray[np.int32]
    """(n,), -1 for none."""
    records: pa.ChunkedArray | None
    """Ids that are texts, shape (n,); None if they are the keys."""


class _Rows(NamedTuple):
    """Rows of a query in the order of output, ``n``."""

    order: NDArray[np.int32]  # (n,)
    position: NDArray[np.int64]  # (n,), rising


def read_members(
    engine: Engine,
    listings: nw.LazyFrame[Any],
    location_of_row: NDArray[np.int32],
    shifts: list[tuple[int, int]],
) -> Members:
    """Read listings of weight above 0 into memory, in the order of output.

    ``listings`` are those of `gclust.listings.memberships.membership_rows`, with the ``position``
    in which they were read; for ``shifts`` see `gclust.pipeline.memberships.file_shifts`.
    """
    keyed = engine.keyed(listings.filter(nw.col("units") > 0))
    assert keyed is not None, "listings were read into memory from another engine"
    frame, numbers_are_ids = keyed
    chosen = frame.select(
        "position",
        nw.col("source").cast(nw.Int16),
        nw.col("kind").cast(nw.Int8),
        "key",
        (~nw.col("record").is_null()).cast(nw.Int8).alias("has_record"),
        nw.col("reason").is_null().cast(nw.Int8).alias("located"),
        "units",
    )
    columns = columns_of(engine, chosen, STAGE, len(location_of_row))
    read = columns.pop("position")
    rows = _in_order(read, shifts, len(location_of_row))
    location = location_of_row[read][rows.order]
    del read
    for name in columns:
        columns[name] = columns[name][rows.order]
    location[columns["located"] == 0] = -1
    position, records = rows.position, None
    if not numbers_are_ids:
        texts = engine.arrow(frame.select("position", "record"), STAGE)
        rows = _in_order(texts["position"].to_numpy(), shifts, len(location_of_row))
        records = texts["record"].cast(pa.large_string()).take(pa.array(rows.order))
    return Members(columns, position, location, records)


def _in_order(read: NDArray[np.int64], shifts: list[tuple[int, int]], n: int) -> _Rows:
    """Return the order of rows by their position in the output, of ``n``."""
    first, by = np.array(shifts, dtype=np.int64).T
    slots = np.full(n, -1, dtype=np.int32)
    for begin in range(0, len(read), ROWS):
        part = read[begin : begin + ROWS]
        moved = part + by[np.searchsorted(first, part, side="right") - 1]
        slots[moved] = np.arange(begin, begin + len(part), dtype=np.int32)
    there = slots >= 0
    return _Rows(slots[there], np.flatnonzero(there))


def member_batches(
    listings: Members,
    cluster_ids: NDArray[np.integer],
    n_records: int,
    *,
    whole: bool,
    unlocated: bool,
    threads: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `gclust.listings.memberships.membership_rows`, batch by batch.

    Parameters
    ----------
    listings : Members
    cluster_ids : ndarray of int, shape (locations,)
        -1 for noise.
    n_records : int
        Number of the records that count.
    whole : bool
        Whether a record counts one in each cluster, not in fractions.
    unlocated : bool
        Whether listings without a place have a part in their records.
    threads : int
    """
    columns, location = listings.columns, listings.location
    # Location -1 stands for the last one.
    cluster = np.append(cluster_ids, -1).astype(np.int32)[location]
    part = _parts(columns, cluster, n_records, whole, unlocated, threads)
    n = len(location)
    for begin in range(0, n, ROWS):
        rows = slice(begin, begin + ROWS)
        of_rows = {name: column[rows] for name, column in columns.items()}
        bare, nowhere = of_rows.pop("has_record") == 0, location[rows] < 0
        key = of_rows.pop("key")
        record = pa.array(key, mask=bare)
        if listings.records is not None:
            record = listings.records[rows].combine_chunks()
        yield pa.record_batch(
            {
                **{name: pa.array(column) for name, column in of_rows.items()},
                "position": pa.array(listings.position[rows]),
                "record": record,
                "cluster": pa.array(cluster[rows]),
                "location": pa.array(location[rows], mask=nowhere),
                "part": pa.array(part[rows]),
            }
        )


def _parts(
    columns: Columns,
    cluster: NDArray[np.int32],
    n_records: int,
    whole: bool,
    unlocated: bool,
    threads: int,
) -> NDArray[np.int64]:
    """Return the part of its record that each listing adds to its cluster's count, (n,)."""
    has_record = columns["has_record"].astype(bool)
    counts = np.ones(len(cluster), bool) if unlocated else columns["located"].astype(bool)
    part = np.where(counts, columns["units"], 0)  # of listings without a record
    of_record = counts & has_record
    chosen = slice(None) if of_record.all() else of_record
    part[has_record] = 0
    part[chosen] = parts_of_listings(
        RecordKeys(columns["key"][chosen], columns["kind"][chosen]),
        PlacedUnits(cluster[chosen], columns["units"][chosen]),
        n_records,
        unit=UNIT,
        whole=whole,
        threads=threads,
    )
    return part
