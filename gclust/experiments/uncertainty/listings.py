"""The listings of a draw: those of each record as often as it was drawn."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.experiments.uncertainty.bootstrap import Bootstrap, Replicate
from gclust.experiments.uncertainty.jitter import DISCS
from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.engine import Engine
from gclust.listings.fractional_counts import add_fractional_counts
from gclust.listings.record_arrays import fractional_units_of_arrays
from gclust.pipeline.labelled_listings import named_kinds
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study

TABLE = "drawn_listings"
BASE, MOVING, PLACES = "listings_to_draw", "listings_that_move", "places_to_draw"
_OF_DRAW = ("drawn_records", "drawn_weight", "drawn_places")

MOST_TIMES = 256
"""More often than a record is ever drawn: times are bytes."""


class Relisted:
    """A study's listings where they live, to be taken as often as a draw has their records.

    A record that is drawn twice is two records of the same listings, so that an indicator sees
    of a draw what it would see of other data. Listings without a record of one kind at one
    place are drawn together, each with its part of their weight.

    Parameters
    ----------
    study, engine, prepared
    redraw : Redraw
        Of the same study; says what the numbers of records and of places are.
    """

    def __init__(self, study: Study, engine: Engine, prepared: Prepared, redraw: Bootstrap) -> None:
        self._engine, self._redraw = engine, redraw
        self._kinds, self._whole = prepared.staged.kinds, study.counting.method == "whole"
        self._columns = ["code", "number", "place", "units", *study.needed_columns]
        if not self._whole:
            self._columns.append("fractional_count")
        rows = self._staying(engine, prepared)
        if redraw.moving is not None:
            moving = engine.put(self._moving(redraw.moving, len(prepared.locations)), MOVING)
            rows = nw.concat([rows, moving.select(*self._columns)])
        self._base = engine.store(rows, BASE, "number listings")

    def _staying(self, engine: Engine, prepared: Prepared) -> nw.LazyFrame[Any]:
        home = self._redraw.home[: len(prepared.locations)]
        places = prepared.locations[["lat", "lon"]].iloc[home]
        at = engine.put(places.assign(place=np.arange(len(places))), PLACES)
        rows = prepared.located.join(at, on=["lat", "lon"])
        if self._redraw.moving is not None:
            rows = rows.join(engine.frame(DISCS), on=["lat", "lon", "precision"], how="left")
            rows = rows.filter(nw.col("radius_km").is_null())
        if not self._whole:
            rows = add_fractional_counts(rows, prepared.totals, "fractional")
        numbered = prepared.totals.with_row_index("number", order_by=["kind", "record"])
        number = nw.col("number").cast(nw.Int64)
        rows = rows.join(
            numbered.select("kind", "record", number), on=["kind", "record"], how="left"
        )
        return rows.with_columns(code=nw.col("kind").cast(nw.Int64)).select(*self._columns)

    def _moving(self, table: pa.Table, n_staying: int) -> pa.Table:
        number, units, total = (
            table[name].to_numpy() for name in ("number", "units", "record_units")
        )
        alone = number < 0
        counted = np.where(alone, units, fractional_units_of_arrays(units, total))
        place = np.arange(n_staying, n_staying + len(number))
        columns = {
            "code": table["kind"],
            "number": pa.array(number, mask=alone),
            "place": place,
            "units": units,
            "fractional_count": counted,
        }
        needed = {name: table[name] for name in self._columns if name not in columns}
        return pa.table({**columns, **needed})

    def listings(self, drawn: Replicate, places: pd.DataFrame) -> LabelledListings:
        """Return the listings of a draw; they come to be when a column asks for them.

        Parameters
        ----------
        drawn : Drawn
        places : DataFrame
            ``lat, lon, cluster`` of the places of the draw; -1 for noise.
        """
        return LabelledListings(
            lambda: self._drawn(drawn, places), self._kinds, drawn.world, self._engine.pandas
        )

    def _drawn(self, drawn: Replicate, places: pd.DataFrame) -> nw.LazyFrame[Any]:
        engine, weight = self._engine, self._redraw.weight
        for name in (TABLE, *_OF_DRAW):
            engine.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        number = np.flatnonzero(drawn.times)
        times = drawn.times[number].astype(np.int64)
        copy = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        number = np.repeat(number, times)
        factor = drawn.weight / weight.units
        tables = (
            pd.DataFrame({"number": number, "record": number * MOST_TIMES + copy}),
            pd.DataFrame({"code": weight.kind, "place": weight.place, "factor": factor}),
            pd.DataFrame({"place": np.arange(len(places))}).join(
                places[["lat", "lon", "cluster"]].reset_index(drop=True)
            ),
        )
        of_records, of_weight, at = (
            engine.put(table, name) for table, name in zip(tables, _OF_DRAW, strict=True)
        )
        rows = self._base.join(at, on="place")
        several = rows.join(of_records, on="number")
        units = (nw.col("units") * nw.col("factor") + 0.5).floor().cast(nw.Int64)
        alone = rows.filter(nw.col("number").is_null()).join(of_weight, on=["code", "place"])
        alone = alone.with_columns(units=units, record=nw.lit(None, dtype=nw.Int64))
        if not self._whole:
            alone = alone.with_columns(fractional_count=nw.col("units"))
        columns = ["record", "lat", "lon", "cluster", *self._columns]
        frame = nw.concat(
            [several.select(*columns), alone.filter(nw.col("units") > 0).select(*columns)]
        ).with_columns(kind=nw.col("code"))
        if self._whole:
            frame = add_fractional_counts(frame, frame, "whole")
        named = frame.with_columns(kind=named_kinds(self._kinds))
        return engine.store(named.drop("code", "number", "place"), TABLE)
