"""The listings of a replicate: those of each record as often as it is drawn."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.experiments.uncertainty.bootstrap import Bootstrap, Replicate
from gclust.experiments.uncertainty.jitter import DISCS
from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.counting import add_fractional_counts
from gclust.listings.engine import Engine
from gclust.listings.record_arrays import fractional_units_of_arrays
from gclust.pipeline.labelled_listings import named_kinds
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study

TABLE = "replicate_listings"
BASE, JITTERED, PLACES = "bootstrap_listings", "jittered_listings", "listing_places"
_OF_REPLICATE = ("replicate_records", "replicate_weight", "replicate_places")

MOST_COPIES = 256
"""More often than a record is ever drawn: copies are counted in bytes."""


class ReplicateListings:
    """A study's listings in the engine, from which those of a replicate are taken.

    A record that is drawn twice is two records of the same listings, so that an indicator sees
    a replicate as it would see other data. Listings without a record of one kind at one
    place are drawn together, each with its part of their weight.

    Parameters
    ----------
    study, engine, prepared
    bootstrap : Bootstrap
        Of the same study; numbers its records and places.
    """

    def __init__(
        self, study: Study, engine: Engine, prepared: Prepared, bootstrap: Bootstrap
    ) -> None:
        self._engine, self._bootstrap = engine, bootstrap
        self._kinds, self._whole = prepared.staged.kinds, study.counting.method == "whole"
        self._columns = ["code", "number", "place", "units", *study.needed_columns]
        if not self._whole:
            self._columns.append("fractional_count")
        rows = self._fixed(engine, prepared)
        if bootstrap.jittered is not None:
            table = self._jittered(bootstrap.jittered, len(prepared.locations))
            rows = nw.concat([rows, engine.put(table, JITTERED).select(*self._columns)])
        self._base = engine.store(rows, BASE, "number listings")

    def _fixed(self, engine: Engine, prepared: Prepared) -> nw.LazyFrame[Any]:
        location = self._bootstrap.location[: len(prepared.locations)]
        places = prepared.locations[["lat", "lon"]].iloc[location]
        at = engine.put(places.assign(place=np.arange(len(places))), PLACES)
        rows = prepared.located.join(at, on=["lat", "lon"])
        if self._bootstrap.jittered is not None:
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

    def _jittered(self, table: pa.Table, n_fixed: int) -> pa.Table:
        number, units, total = (
            table[name].to_numpy() for name in ("number", "units", "record_units")
        )
        unrecorded = number < 0
        counted = np.where(unrecorded, units, fractional_units_of_arrays(units, total))
        columns = {
            "code": table["kind"],
            "number": pa.array(number, mask=unrecorded),
            "place": np.arange(n_fixed, n_fixed + len(number)),
            "units": units,
            "fractional_count": counted,
        }
        needed = {name: table[name] for name in self._columns if name not in columns}
        return pa.table({**columns, **needed})

    def listings(self, replicate: Replicate, places: pd.DataFrame) -> LabelledListings:
        """Return the listings of a replicate, which are computed when a column reads them.

        Parameters
        ----------
        replicate : Replicate
        places : DataFrame
            ``lat, lon, cluster`` of the places of the replicate; -1 for noise.
        """
        return LabelledListings(
            lambda: self._computed(replicate, places),
            self._kinds,
            replicate.world,
            self._engine.pandas,
        )

    def _computed(self, replicate: Replicate, places: pd.DataFrame) -> nw.LazyFrame[Any]:
        engine, weight = self._engine, self._bootstrap.weight
        for name in (TABLE, *_OF_REPLICATE):
            engine.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        number = np.flatnonzero(replicate.copies)
        copies = replicate.copies[number].astype(np.int64)
        copy = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        number = np.repeat(number, copies)
        factor = replicate.weight / weight.units
        tables = (
            pd.DataFrame({"number": number, "record": number * MOST_COPIES + copy}),
            pd.DataFrame({"code": weight.kind, "place": weight.place, "factor": factor}),
            pd.DataFrame({"place": np.arange(len(places))}).join(
                places[["lat", "lon", "cluster"]].reset_index(drop=True)
            ),
        )
        of_records, of_weight, at = (
            engine.put(table, name) for table, name in zip(tables, _OF_REPLICATE, strict=True)
        )
        rows = self._base.join(at, on="place")
        recorded = rows.join(of_records, on="number")
        units = (nw.col("units") * nw.col("factor") + 0.5).floor().cast(nw.Int64)
        bare = rows.filter(nw.col("number").is_null()).join(of_weight, on=["code", "place"])
        bare = bare.with_columns(units=units, record=nw.lit(None, dtype=nw.Int64))
        if not self._whole:
            bare = bare.with_columns(fractional_count=nw.col("units"))
        columns = ["record", "lat", "lon", "cluster", *self._columns]
        frame = nw.concat(
            [recorded.select(*columns), bare.filter(nw.col("units") > 0).select(*columns)]
        ).with_columns(kind=nw.col("code"))
        if self._whole:
            frame = add_fractional_counts(frame, frame, "whole")
        named = frame.with_columns(kind=named_kinds(self._kinds))
        return engine.store(named.drop("code", "number", "place"), TABLE)
