"""Listings of a study that fit into memory: their locations, records and world totals at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.listings.counting import record_totals
from gclust.listings.engines.protocol import Engine
from gclust.listings.listing_arrays import (
    BYTES_OF_A_LISTING,
    Columns,
    count_in_memory,
    place_listings,
)
from gclust.listings.record_arrays import Records
from gclust.listings.stage import Staged
from gclust.listings.sums import distinct
from gclust.pipeline.locations import (
    TABLES,
    check_fit,
    columns_of,
    table_of_locations,
    weighted_listings,
)
from gclust.pipeline.memory_parts import memory_parts
from gclust.study.schema import Study
from gclust.threads import count_threads
from gclust.units import UNIT

STAGE = "fold listings"

MOST_KINDS = 127
"""Largest number of kinds: their codes are stored in a byte."""

Frame = nw.LazyFrame[Any]


class ReadListings(NamedTuple):
    """What a run needs of its listings."""

    locations: pd.DataFrame
    """See `gclust.pipeline.prepare.Prepared`."""
    records: Records
    """With the locations in the order of ``locations``."""
    world_units: NDArray[np.int64]
    """World total of each kind in fixed point."""
    has_records: bool
    """Whether any located listing has a record."""
    numbered: NumberedRows | None
    """None if the rows of files have no numbers."""


class NumberedRows(NamedTuple):
    """The rows of a study's files."""

    location: NDArray[np.int32]
    """Location of each row, -1 for none."""
    n_records: int
    """Number of the records that count, of all kinds."""


def fit_into_memory(study: Study, staged: Staged) -> bool:
    """Return whether a study's listings fit into the part of memory that is for locations."""
    parts, rows = memory_parts(study), int(staged.sources["rows"].sum())
    fits = parts is None or rows * BYTES_OF_A_LISTING <= parts.locations
    return fits and len(staged.kinds) <= MOST_KINDS


def read_listings(
    study: Study, engine: Engine, staged: Staged, located: Frame, unlocated: Frame | None
) -> ReadListings | None:
    """Read a study's listings into memory, and sum them by location and by record.

    ``located`` are the usable listings, and ``unlocated`` those without a place if they count.
    None if listings stay in the engine, or if two records were given the same number.

    Raises
    ------
    StudyError
        If the locations do not fit into memory.
    """
    totals = record_totals(located)
    weighted, codes = weighted_listings(study, engine, staged, located, totals)
    further = ["code"] if codes else []
    if study.density.weight != "listings" or set(study.density_kinds) != set(study.kinds):
        further.append("density")
    files = staged.files if rows_have_numbers(staged) else None
    if files is not None:
        further.append("position")
    most = int(staged.sources["rows"].sum())
    read = _columns(engine, weighted, most, "lat", "lon", *further)
    for name in TABLES:
        engine.drop(name)
    if read is None:
        return None
    listings, exact = read
    engine.free_memory()
    threads = count_threads()
    locations, place = place_listings(listings, study.density.rounding, threads)
    location = None
    if files is not None:
        location = np.full(int(files["rows"].sum()), -1, dtype=np.int32)
        location[listings["position"]] = place
    for name in further:
        del listings[name]
    has_records = bool(listings["has_record"].any())
    n, rows = len(locations["lat"]), located
    check_fit(study, n)
    if unlocated is not None and (nowhere := _columns(engine, unlocated, most)) is not None:
        listings = {name: np.append(listings[name], nowhere[0][name]) for name in listings}
        place = np.append(place, np.full(len(nowhere[0]["kind"]), -1, dtype=np.int32))
        rows = nw.concat([frame.select("kind", "record") for frame in (located, unlocated)])
    counted = count_in_memory(
        listings,
        place,
        n,
        n_kinds=len(staged.kinds),
        method=study.counting.method,
        threads=threads,
    )
    if not exact and counted.n_records.sum() != _count_records(engine, rows):
        return None
    bare = listings["has_record"] == 0
    world = counted.n_records * UNIT
    np.add.at(world, listings["kind"][bare], listings["units"][bare])
    table = table_of_locations(locations, codes)
    n_records = int(counted.n_records.sum())
    numbered = None if location is None else NumberedRows(location, n_records)
    return ReadListings(table, counted.records, world, has_records, numbered)


def rows_have_numbers(staged: Staged) -> bool:
    """Return whether all listings were read with the number of their row."""
    return staged.files is not None and bool(staged.files["has_order"].all())


def _columns(
    engine: Engine, listings: Frame, most: int, *further: str
) -> tuple[Columns, bool] | None:
    """Return columns of listings, ``most`` of them, and whether records' keys surely differ."""
    keyed = engine.keyed(listings)
    if keyed is None:
        return None
    frame, exact = keyed
    chosen = frame.select(
        nw.col("kind").cast(nw.Int8),
        "key",
        (~nw.col("record").is_null()).cast(nw.Int8).alias("has_record"),
        "units",
        *further,
    )
    return columns_of(engine, chosen, STAGE, most), exact


def _count_records(engine: Engine, listings: Frame) -> int:
    of_record = listings.filter(~nw.col("record").is_null())
    number = distinct(of_record, "kind", "record").select(nw.len().alias("records"))
    return int(engine.arrow(number)["records"][0].as_py())
