"""The table of memberships: one row for each listing, with its cluster, in the order of files."""

from __future__ import annotations

from collections.abc import Iterator

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.listings.engines.protocol import Engine
from gclust.listings.memberships import membership_rows
from gclust.pipeline.membership_arrays import member_batches, read_members
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.threads import count_threads
from gclust.units import UNIT


def membership_tables(
    study: Study, engine: Engine, prepared: Prepared, locations: pd.DataFrame
) -> Iterator[pa.Table]:
    """Yield the listings of a study with their clusters, by source, file and row, part by part.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings, which were read with their numbers.
    prepared : Prepared
    locations : DataFrame
        ``lat, lon, cluster_id`` of the run's locations.

    Yields
    ------
    Table
        See `gclust.results.run.Run.memberships`.
    """
    files = prepared.staged.files
    assert files is not None, "the listings were read without numbers"
    ordered = output_files(files)
    kinds = pa.array(prepared.staged.kinds, pa.string())
    batches = _batches_of_arrays if prepared.numbered is not None else _batches_of_engine
    for batch in batches(study, engine, prepared, locations):
        yield _output_table(batch, ordered, kinds)


def _batches_of_engine(
    study: Study, engine: Engine, prepared: Prepared, locations: pd.DataFrame
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `gclust.listings.memberships.membership_rows` in the order of output."""
    files = prepared.staged.files
    assert files is not None
    places = locations[["lat", "lon"]].assign(
        cluster=locations["cluster_id"], location=np.arange(len(locations), dtype=np.int64)
    )
    return membership_rows(
        engine,
        prepared.staged.listings.with_columns(position=_output_position(files)),
        places,
        prepared.totals,
        study.count_method,
        unlocated=study.counting.unlocated,
    )


def _batches_of_arrays(
    study: Study, engine: Engine, prepared: Prepared, locations: pd.DataFrame
) -> Iterator[pa.RecordBatch]:
    """Yield the same rows, computed in memory."""
    files, numbered = prepared.staged.files, prepared.numbered
    assert files is not None
    assert numbered is not None
    listings = read_members(engine, prepared.staged.listings, numbered.location, file_shifts(files))
    return member_batches(
        listings,
        locations["cluster_id"].to_numpy(),
        numbered.n_records,
        whole=study.counting.method == "whole",
        unlocated=study.counting.unlocated == "keep",
        threads=count_threads(),
    )


def output_files(files: pd.DataFrame) -> pd.DataFrame:
    """Return the files by source and path, with the ``start`` of each in the output."""
    ordered = files.sort_values(["source", "file", "first"])
    return ordered.assign(start=ordered["rows"].cumsum() - ordered["rows"])


def file_shifts(files: pd.DataFrame) -> list[tuple[int, int]]:
    """Return steps ``(first, shift)``, sorted: rows from ``first`` on are moved by ``shift``.

    So moved, the rows are in the order of sources, files and rows. Parts of a source are read one
    after the other, which may not be the order of their files.
    """
    ordered = output_files(files)
    ordered = ordered[ordered["rows"] > 0].sort_values("first")
    shift = ordered["start"] - ordered["first"]
    begins = shift != shift.shift()
    steps = zip(ordered["first"][begins], shift[begins], strict=True)
    return [(int(first), int(by)) for first, by in steps]


def _output_position(files: pd.DataFrame) -> nw.Expr:
    """Return the place of each row in the output, null without an order; see `file_shifts`."""
    position = nw.col("position")

    def among(steps: list[tuple[int, int]]) -> nw.Expr:
        if len(steps) > 1:
            middle = len(steps) // 2
            later = position >= steps[middle][0]
            return nw.when(later).then(among(steps[middle:])).otherwise(among(steps[:middle]))
        return position + steps[0][1]

    return among(file_shifts(files))


def _output_table(batch: pa.RecordBatch, files: pd.DataFrame, kinds: pa.Array) -> pa.Table:
    """Turn a batch of rows with codes and positions into rows of the table."""
    source = batch.column("source").to_numpy(zero_copy_only=False).astype(np.int64)
    position = batch.column("position")
    unordered = position.is_null().to_numpy(zero_copy_only=False)
    place = position.fill_null(0).to_numpy().astype(np.int64)
    start = files["start"].to_numpy()
    at = np.searchsorted(start, place, side="right") - 1
    # A table without an order is its source's only file.
    at[unordered] = np.searchsorted(files["source"].to_numpy(), source[unordered])
    row = pa.array(place - start[at] + 1, mask=unordered)
    part = batch.column("part").to_numpy(zero_copy_only=False).astype(np.int64)
    record = batch.column("record")
    whole = pa.types.is_integer(record.type)
    return pa.table(
        {
            "source": source + 1,
            "file": pa.array(files["file"], pa.string()).take(pa.array(at)),
            "row": row,
            "kind": kinds.take(batch.column("kind")),
            "record": record.cast(pa.int64() if whole else pa.string()),
            "cluster_id": batch.column("cluster").cast(pa.int64()),
            "fraction": part / UNIT,
            "units": part,
            "located": batch.column("located").cast(pa.bool_()),
            "location": batch.column("location").cast(pa.int64()),
            "weight": _weights(batch.column("units").to_numpy(zero_copy_only=False)),
        }
    )


def _weights(units: np.ndarray) -> np.ndarray:
    """Return weights in fixed point as floats; large whole numbers stay whole."""
    units = units.astype(np.int64)
    return units // UNIT + units % UNIT / UNIT
