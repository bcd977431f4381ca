"""The listings of a draw: those of each record as often as it was drawn."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty_redraw import Drawn, Redraw
from gclust.indicators.listings import AttributedListings
from gclust.listings.credit import credited
from gclust.listings.engine import Engine
from gclust.study.attributed import named_kinds
from gclust.study.schema import Study
from gclust.study.stages import Prepared

Ints = NDArray[np.int64]

TABLE = "drawn_listings"
BASE = "listings_to_draw"
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
        Of the same study, none of whose places moves; says what the records' numbers are.
    """

    def __init__(self, study: Study, engine: Engine, prepared: Prepared, redraw: Redraw) -> None:
        self._engine, self._redraw = engine, redraw
        self._kinds, self._whole = prepared.staged.kinds, study.counting.method == "whole"
        places = prepared.locations[["lat", "lon"]]
        at = engine.put(places.assign(place=np.arange(len(places))), f"{BASE}_places")
        numbered = prepared.totals.with_row_index("number", order_by=["kind", "record"])
        rows = prepared.located.join(at, on=["lat", "lon"])
        if not self._whole:
            rows = credited(rows, prepared.totals, "fractional")
        rows = rows.join(
            numbered.select("kind", "record", nw.col("number").cast(nw.Int64)),
            on=["kind", "record"],
            how="left",
        )
        rows = rows.with_columns(
            kind=named_kinds(self._kinds), code=nw.col("kind").cast(nw.Int64)
        ).drop("record")
        self._base = engine.store(rows, BASE, "number listings")
        engine.drop(f"{BASE}_places")

    def listings(self, drawn: Drawn, clusters: Ints) -> AttributedListings:
        """Return the listings of a draw; they come to be when a column asks for them.

        Parameters
        ----------
        drawn : Drawn
        clusters : ndarray of int64, shape (n,)
            Of the places of the draw; -1 for noise.
        """
        return AttributedListings(
            lambda: self._drawn(drawn, clusters), self._kinds, drawn.world, self._engine.pandas
        )

    def _drawn(self, drawn: Drawn, clusters: Ints) -> nw.LazyFrame[Any]:
        engine = self._engine
        for name in (TABLE, *_OF_DRAW):
            engine.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        number = np.flatnonzero(drawn.times)
        times = drawn.times[number].astype(np.int64)
        copy = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        number = np.repeat(number, times)
        records = pd.DataFrame({"number": number, "record": number * MOST_TIMES + copy})
        weight = self._redraw.weight
        bare = pd.DataFrame(
            {
                "code": weight.kind,
                "place": self._redraw.home[weight.place],
                "factor": drawn.weight / weight.units,
            }
        )
        places = pd.DataFrame({"place": self._redraw.home, "cluster": clusters})
        frames = (
            engine.put(table, name)
            for table, name in zip((records, bare, places), _OF_DRAW, strict=True)
        )
        of_records, of_weight, at = frames
        rows = self._base.join(at, on="place")
        several = rows.join(of_records, on="number")
        units = (nw.col("units") * nw.col("factor") + 0.5).floor().cast(nw.Int64)
        alone = rows.filter(nw.col("number").is_null()).join(of_weight, on=["code", "place"])
        alone = alone.with_columns(units=units, record=nw.lit(None, dtype=nw.Int64))
        if not self._whole:
            alone = alone.with_columns(credit=nw.col("units"))
        columns = [name for name in rows.collect_schema().names() if name not in _INNER]
        columns.append("record")
        frame = nw.concat(
            [several.select(*columns), alone.filter(nw.col("units") > 0).select(*columns)]
        )
        if self._whole:
            frame = credited(frame, frame, "whole")
        return engine.store(frame, TABLE)


_INNER = ("code", "number", "place")
