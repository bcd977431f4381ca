"""A study's listings by record and place, in arrays to be drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gclust.experiments.uncertainty.jitter import (
    PositionalJitter,
    jitter_table,
    no_jitter,
    put_discs,
)
from gclust.listings.engine import Engine
from gclust.listings.fold import density_units
from gclust.listings.sums import sum_by
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.units import UNIT

Ints = NDArray[np.int64]

ROW = ("number", "kind", "place", "units", "density", "record_units")


@dataclass(frozen=True)
class Gathered:
    """Listings by record and place.

    Attributes
    ----------
    rows : dict
        ``number`` (of the record, -1 for none), ``kind, place, units, density,
        record_units``: each record's listings summed by place, sorted by number and place.
    home : ndarray of int64, shape (n,)
        The prepared location of each place. Each listing that moves has a place of its own.
    spread : Spread
        The places that move, which are the last.
    moved : DataFrame or None
        See `gclust.experiments.uncertainty.jitter.jitter_table`.
    moving : Table, optional
        The listings that move, in the order of their places, with all that the study needs of
        them.
    """

    rows: dict[str, Ints]
    home: Ints
    spread: PositionalJitter
    moved: pd.DataFrame | None = None
    moving: pa.Table | None = None


def gather_rows(study: Study, engine: Engine, prepared: Prepared, order: Ints) -> Gathered:
    """Bring a study's listings into memory.

    Parameters
    ----------
    study, engine, prepared
    order : ndarray of int64, shape (n_locations,)
        The prepared location that each place is which stays.

    Raises
    ------
    StudyError
        If the study would move addresses of a precision that there is none of.
    """
    kinds = prepared.staged.kinds
    formers = {
        kinds.index(kind): prepared.staged.kind_units[kinds.index(kind)]
        for kind in study.density_kinds
    }
    weighted = density_units(
        prepared.located, study.density.weight, formers, prepared.located_totals
    )
    places = prepared.locations[["lat", "lon"]].iloc[order]
    at = engine.put(places.assign(place=np.arange(len(places))), "redraw_places")
    numbered = prepared.totals.with_row_index("number", order_by=["kind", "record"])
    moving = None
    if study.uncertainty.moves:
        discs = put_discs(study, engine, prepared)
        placed = weighted.join(discs, on=["lat", "lon", "precision"], how="left")
        weighted = placed.filter(nw.col("radius_km").is_null())
        moving = placed.filter(~nw.col("radius_km").is_null()).join(at, on=["lat", "lon"])
    summed = engine.store(
        sum_by(
            weighted.join(at, on=["lat", "lon"]),
            *("kind", "record", "place"),
            units="units",
            density="density",
        ),
        "redraw_rows",
        "fold records",
    )
    rows = _of_records(summed, numbered, ())
    table = engine.arrow(rows.sort("number", "kind", "place"), "sort records")
    gathered = Gathered(_arrays(table), order, no_jitter(study))
    if moving is not None:
        # Listings that are alike in all of these may change places.
        needed = [column for column in study.needed_columns if column != "precision"]
        by = ("number", "kind", "place", "precision", "units", *needed)
        rows = _of_records(moving, numbered, ("lat", "lon", "precision", "radius_km", *needed))
        table = engine.arrow(rows.sort(*by), "sort records")
        gathered = _with_moving(gathered, prepared.staged.kinds, table)
    for name in ("redraw_places", "redraw_rows"):
        engine.drop(name)
    return gathered


def _of_records(
    rows: nw.LazyFrame[Any], numbered: nw.LazyFrame[Any], further: tuple[str, ...]
) -> nw.LazyFrame[Any]:
    """Number the records of rows: -1 for none, which has one unit."""
    return rows.join(numbered, on=["kind", "record"], how="left").select(
        nw.col("number").cast(nw.Int64).fill_null(-1),
        nw.col("kind").cast(nw.Int64),
        nw.col("place").cast(nw.Int64),
        "units",
        "density",
        nw.col("record_units").fill_null(1),
        *further,
    )


def _arrays(table: pa.Table) -> dict[str, Ints]:
    return {name: table[name].to_numpy() for name in ROW}


def _with_moving(stay: Gathered, kinds: Sequence[str], table: pa.Table) -> Gathered:
    """Give each listing that moves a place of its own, after those that stay."""
    moving, n = _arrays(table), len(stay.home)
    home = stay.home[moving["place"]]
    moving["place"] = n + np.arange(len(home))
    rows = {name: np.concatenate((stay.rows[name], moving[name])) for name in ROW}
    order = np.lexsort((rows["place"], rows["kind"], rows["number"]))
    radius_km = table["radius_km"].to_numpy()
    listed = pd.DataFrame(
        {
            "kind": np.array(kinds)[moving["kind"]],
            "precision": table["precision"].to_pandas(),
            "weight": moving["units"] / UNIT,
            "radius_km": radius_km,
        }
    )
    return Gathered(
        rows={name: each[order] for name, each in rows.items()},
        home=np.concatenate((stay.home, home)),
        spread=replace(
            stay.spread,
            lat=table["lat"].to_numpy(),
            lon=table["lon"].to_numpy(),
            radius_km=radius_km,
        ),
        moved=jitter_table(listed),
        moving=table,
    )
