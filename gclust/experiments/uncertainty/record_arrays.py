"""Arrays of a study's listings by record and place, from which replicates are drawn.

A place is a location of the study (distinct coordinates after rounding), or the position of one
listing that is moved at random (jitter).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gclust.experiments.uncertainty.jitter import (
    PositionalJitter,
    jitter_table,
    no_jitter,
    store_discs,
)
from gclust.experiments.uncertainty.memory_arrays import rows_in_memory
from gclust.experiments.uncertainty.organisations import Organisations
from gclust.listings.engines.protocol import Engine
from gclust.listings.fold import density_units
from gclust.listings.record_arrays import number_records
from gclust.listings.sums import sum_by
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.units import UNIT

Ints = NDArray[np.int64]

PLACES, ROWS = "bootstrap_places", "bootstrap_rows"
ROW = ("number", "kind", "place", "item", "units", "density", "record_units", "counted")
JITTER = ("lat", "lon", "precision", "radius_km")


@dataclass(frozen=True)
class ListingArrays:
    """Arrays of a study's listings by record and place."""

    rows: dict[str, Ints]
    """Each record's listings summed by place, sorted by number and place: ``number`` (of the
    record, -1 for none), ``kind, place, item`` (organisation of an amount or of weight without a
    record that vary, -1 for none), ``units, density, record_units``, and ``counted`` if counts are
    normalised."""
    location: Ints
    """The prepared location of each place, shape (n,); jittered listings are the last places."""
    jitter: PositionalJitter
    moved: pd.DataFrame | None = None
    """See `gclust.experiments.uncertainty.jitter.jitter_table`."""
    jittered: pa.Table | None = None
    """The jittered listings in the order of their places, with the columns that the study needs."""


def gather_listings(study: Study, engine: Engine, prepared: Prepared, order: Ints) -> ListingArrays:
    """Read a study's listings into memory as arrays.

    ``order`` is the location of each place that is not jittered. Raises StudyError if the study
    jitters addresses of a precision that no address has.
    """
    kinds = prepared.staged.kinds
    kind_units = {
        kinds.index(kind): prepared.staged.kind_units[kinds.index(kind)]
        for kind in study.density_kinds
    }
    weighted = density_units(
        prepared.located, study.density.weight, kind_units, prepared.located_totals
    )
    if not study.uncertainty.moves:
        found = rows_in_memory(study, engine, prepared, weighted, order)
        if found is not None:
            return ListingArrays(found, order, no_jitter(study))
    places = prepared.locations[["lat", "lon"]].iloc[order]
    at = engine.put(places.assign(place=np.arange(len(places))), PLACES)
    jittered = None
    if study.uncertainty.moves:
        discs = store_discs(study, engine, prepared)
        placed = weighted.join(discs, on=["lat", "lon", "precision"], how="left")
        weighted = placed.filter(nw.col("radius_km").is_null())
        jittered = placed.filter(~nw.col("radius_km").is_null()).join(at, on=["lat", "lon"])
    listed = weighted.join(at, on=["lat", "lon"])
    by_item = ("item",) if study.numbers_organisations else ()
    keys = ("kind", "record", "place", *by_item)
    sums = ["units", "density", *(["counted"] if study.normalises else [])]
    summed = engine.store(
        sum_by(listed, *keys, **dict(zip(sums, sums, strict=True))), ROWS, "fold records"
    )
    columns = ["place", *sums, *by_item]
    rows = number_records(summed, prepared.totals, *columns)
    table = engine.arrow(rows.sort("number", "kind", "place", *by_item), "sort records")
    gathered = ListingArrays(_arrays(table), order, no_jitter(study))
    if jittered is not None:
        # Listings equal in all of these are interchangeable.
        needed = [column for column in study.listing_columns if column != "precision"]
        by = ("number", "kind", "place", "precision", "units", *by_item, *needed)
        columns = list(dict.fromkeys((*columns, *JITTER, *needed)))
        rows = number_records(jittered, prepared.totals, *columns)
        table = engine.arrow(rows.sort(*by), "sort records")
        gathered = _with_jittered(gathered, prepared.staged.kinds, table)
    for name in (PLACES, ROWS):
        engine.drop(name)
    return gathered


def items_of_records(
    engine: Engine, prepared: Prepared, organisations: Organisations, n: int
) -> Ints:
    """Return the organisation of each of n records, in their order, -1 for none, shape (n,)."""
    items = np.full(n, -1, dtype=np.int64)
    if organisations.of_records is not None:
        rows = number_records(organisations.of_records, prepared.totals, "item")
        table = engine.arrow(rows.select("number", "item"), "number records")
        items[table["number"].to_numpy()] = table["item"].to_numpy()
    return items


def _arrays(table: pa.Table) -> dict[str, Ints]:
    found = {name: table[name].to_numpy() for name in ROW if name in table.column_names}
    return {"item": np.full(len(table), -1, dtype=np.int64), **found}


def _with_jittered(arrays: ListingArrays, kinds: Sequence[str], table: pa.Table) -> ListingArrays:
    """Add one place for each jittered listing, after the places of the other listings."""
    jittered, n = _arrays(table), len(arrays.location)
    location = arrays.location[jittered["place"]]
    jittered["place"] = n + np.arange(len(location))
    rows = {name: np.concatenate((of, jittered[name])) for name, of in arrays.rows.items()}
    order = np.lexsort((rows["place"], rows["kind"], rows["number"]))
    lat, lon, radius_km = (table[name].to_numpy() for name in ("lat", "lon", "radius_km"))
    listed = pd.DataFrame(
        {
            "kind": np.array(kinds)[jittered["kind"]],
            "precision": table["precision"].to_pandas(),
            "weight": jittered["units"] / UNIT,
            "radius_km": radius_km,
        }
    )
    return ListingArrays(
        rows={name: each[order] for name, each in rows.items()},
        location=np.concatenate((arrays.location, location)),
        jitter=replace(arrays.jitter, lat=lat, lon=lon, radius_km=radius_km),
        moved=jitter_table(listed),
        jittered=table,
    )
