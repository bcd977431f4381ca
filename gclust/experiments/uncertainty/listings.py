"""The listings of a replicate, where each record occurs as often as it is drawn."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.experiments.uncertainty.bootstrap import Bootstrap, Replicate
from gclust.experiments.uncertainty.jitter import DISCS
from gclust.experiments.uncertainty.unrecorded_groups import GROUPS, group_listings
from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.counting import add_fractional_counts
from gclust.listings.engines.protocol import Engine
from gclust.listings.fold import fractional_units
from gclust.listings.record_arrays import number_records
from gclust.pipeline.labelled_listings import named_kinds
from gclust.pipeline.prepare import Prepared
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study

TABLE = "replicate_listings"
BASE, JITTERED, PLACES = "bootstrap_listings", "jittered_listings", "listing_places"
_OF_REPLICATE = (
    "replicate_records",
    "replicate_groups",
    "replicate_amounts",
    "replicate_places",
)

MOST_COPIES = 256
"""Number larger than the copies of any record, because copies are counted in bytes."""


NOWHERE = -1
"""Number in place of a place's for listings that have none."""


class ReplicateListings:
    """A study's listings in the engine, from which the listings of a replicate are selected.

    A record that is drawn twice is two records of the same listings, so that an indicator sees
    a replicate as it would see other data. Listings without a record that are alike in place
    and in all columns that are read are one listing, with the weight that ``bootstrap`` draws for
    them, from now on independently of others. Amounts of one kind at one place (of one
    organisation, if amounts vary) are drawn together, each listing with its part.
    """

    def __init__(
        self, study: Study, engine: Engine, prepared: Prepared, bootstrap: Bootstrap
    ) -> None:
        self._engine, self._bootstrap = engine, bootstrap
        self._kinds, self._whole = prepared.staged.kinds, study.counting.method == "whole"
        self._needed = study.listing_columns
        for name in (BASE, GROUPS, JITTERED, PLACES):  # those of draws before
            engine.drop(name)
        location = bootstrap.location[: len(prepared.locations)]
        places = prepared.locations[["lat", "lon"]].iloc[location]
        at = engine.put(places.assign(place=np.arange(len(places))), PLACES)
        rows = prepared.located.join(at, on=["lat", "lon"])
        self._by = ["kind", "place", *(["item"] if study.numbers_organisations else [])]
        columns = [*self._by[1:], "units", *self._needed]
        jittered = bootstrap.jittered
        if jittered is not None:
            rows = rows.join(engine.frame(DISCS), on=["lat", "lon", "precision"], how="left")
            rows = rows.filter(nw.col("radius_km").is_null())
        if prepared.unlocated is not None:
            nowhere = prepared.unlocated.filter(~nw.col("record").is_null())
            without = {name: nw.lit(NOWHERE, dtype=nw.Int64) for name in self._by[1:]}
            nowhere = nowhere.with_columns(**without)
            columns_of_both = ["kind", "record", *columns]
            rows = nw.concat([rows.select(*columns_of_both), nowhere.select(*columns_of_both)])
        rows = number_records(rows, prepared.totals, *columns)
        if jittered is not None:
            place = pa.array(np.arange(len(places), len(places) + len(jittered)))
            at_place = jittered.set_column(jittered.column_names.index("place"), "place", place)
            names = ["number", "kind", *columns, "record_units"]
            rows = nw.concat([rows, engine.put(at_place, JITTERED).select(*names)])
        if not self._whole:
            # Listings without a record count by weight, and any fraction of theirs may overflow.
            share = fractional_units(nw.col("units"), nw.col("record_units"))
            counted = nw.when(nw.col("number") < 0).then(nw.col("units")).otherwise(share)
            if study.normalises:
                counted = nw.col("counted")
            rows = rows.with_columns(fractional_count=counted)
        self._base = engine.store(rows.drop("record_units"), BASE, "number listings")
        indicators = resolve_indicators(study.indicators)
        named = {column for each in indicators for column in each.needs}
        self._read = [name for name in self._needed if name in named]
        amounts = [self._kinds.index(kind) for kind in study.amounts]
        self._is_amount = np.isin(bootstrap.weight.kind, amounts)
        self._grouped, groups = group_listings(engine, self._base, self._by, self._read, amounts)
        bootstrap.draw_by_groups(groups)

    def listings(self, replicate: Replicate, places: pd.DataFrame) -> LabelledListings:
        """Return the listings of a replicate, computed only when a column reads them.

        ``places`` has ``lat, lon, cluster`` of the places of the replicate; -1 for noise.
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
            engine.drop(name)
        number = np.flatnonzero(replicate.copies)
        copies = replicate.copies[number].astype(np.int64)
        copy = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        number = np.repeat(number, copies)
        group, mine = np.flatnonzero(replicate.groups), self._is_amount
        factor = replicate.weight[mine] / weight.units[mine]
        by = {name: getattr(weight, name)[mine] for name in self._by}
        tables = (
            pd.DataFrame({"number": number, "record": number * MOST_COPIES + copy}),
            pd.DataFrame({"group": group, "units": replicate.groups[group]}),
            pd.DataFrame(by | {"factor": factor}),
            places_of(places),
        )
        of_records, of_groups, of_amounts, at = (
            engine.put(table, name) for table, name in zip(tables, _OF_REPLICATE, strict=True)
        )
        rows = self._base.join(at, on="place")
        recorded = rows.join(of_records, on="number")
        grouped = self._grouped.drop("units").join(at, on="place").join(of_groups, on="group")
        units = (nw.col("units") * nw.col("factor") + 0.5).floor().cast(nw.Int64)
        amounts = rows.filter(nw.col("number") < 0).join(of_amounts, on=self._by)
        amounts = amounts.with_columns(units=units).filter(nw.col("units") > 0)
        columns = ["kind", "record", "lat", "lon", "cluster", "units", *self._read]
        added = {"record": nw.lit(None, dtype=nw.Int64)}
        if not self._whole:
            columns.append("fractional_count")
            added["fractional_count"] = nw.col("units")
        bare = [each.with_columns(**added).select(*columns) for each in (grouped, amounts)]
        frame = nw.concat([recorded.select(*columns), *bare])
        if self._whole:
            frame = add_fractional_counts(frame, frame, "whole")
        return engine.store(frame.with_columns(kind=named_kinds(self._kinds)), TABLE)


def places_of(places: pd.DataFrame) -> pd.DataFrame:
    """Return a table ``place, lat, lon, cluster``; the last row is for listings without a place."""
    numbered = places[["lat", "lon", "cluster"]].reset_index(drop=True)
    nowhere = pd.DataFrame({"lat": [np.nan], "lon": [np.nan], "cluster": [-1]}, index=[NOWHERE])
    return pd.concat([numbered, nowhere]).rename_axis("place").reset_index()
