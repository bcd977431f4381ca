"""The table of memberships: one row for each listing, with its cluster, in the order of files."""

from __future__ import annotations

from collections.abc import Iterator

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.listings.engines.protocol import Engine
from gclust.listings.memberships import membership_rows
from gclust.listings.stage import inside_years
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
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
    kinds = np.array(prepared.staged.kinds, dtype=object)
    windows = [source.years for source in study.sources]
    listings = inside_years(engine.frame("listings"), windows)
    places = locations[["lat", "lon"]].assign(
        cluster=locations["cluster_id"], location=np.arange(len(locations), dtype=np.int64)
    )
    rows = membership_rows(
        engine,
        listings.with_columns(position=_output_position(files)),
        places,
        prepared.totals,
        study.counting.method,
        unlocated=study.counting.unlocated,
    )
    ordered = _output_files(files)
    for batch in rows:
        yield _output_table(batch, ordered, kinds)


def _output_files(files: pd.DataFrame) -> pd.DataFrame:
    """Return the files by source and path, with the ``start`` of each in the output."""
    ordered = files.sort_values(["source", "file", "first"])
    return ordered.assign(start=ordered["rows"].cumsum() - ordered["rows"])


def _output_position(files: pd.DataFrame) -> nw.Expr:
    """Return the place of each row in the order of sources, files and rows, null without an order.

    Parts of a source are read one after the other, which may not be the order of their files.
    """
    position = nw.col("position")
    ordered = _output_files(files).sort_values("first")
    moved = ordered["start"] - ordered["first"]
    runs = moved != moved.shift()
    steps = list(zip(ordered["first"][runs], moved[runs], strict=True))

    def among(steps: list[tuple[int, int]]) -> nw.Expr:
        if len(steps) > 1:
            middle = len(steps) // 2
            later = position >= int(steps[middle][0])
            return nw.when(later).then(among(steps[middle:])).otherwise(among(steps[:middle]))
        return position + int(steps[0][1])

    return among(steps)


def _output_table(batch: pa.RecordBatch, files: pd.DataFrame, kinds: np.ndarray) -> pa.Table:
    """Turn a batch of rows with codes and positions into rows of the table."""
    source = batch.column("source").to_numpy(zero_copy_only=False).astype(np.int64)
    position = batch.column("position").to_pandas().to_numpy(np.float64, na_value=np.nan)
    unordered = np.isnan(position)
    place = np.where(unordered, 0, position).astype(np.int64)
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
            "file": pa.array(files["file"].to_numpy()[at], pa.string()),
            "row": row,
            "kind": pa.array(
                kinds[batch.column("kind").to_numpy(zero_copy_only=False)], pa.string()
            ),
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
