"""Tables of a run for further work: counts by year, field and organisation, and ties of clusters.

All sums are of whole numbers (fixed point), so that the counts of a cluster add up exactly to that
in the ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.crosswalks import (
    NOISE,
    UNLOCATED,
    label_listings,
    tie_sums,
    units_by,
    world_units_by,
)
from gclust.listings.engines.protocol import Engine, QueryOverflowError
from gclust.pipeline.frozen import boundaries
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.run_log import RunLog
from gclust.ranking.rank import rank
from gclust.study.schema import COLUMN_OF_OUTPUT, Study
from gclust.units import UNIT

TABLE, PLACES = "crosswalk_listings", "crosswalk_places"
OUTSIDE_NAMES = {NOISE: "noise", UNLOCATED: "unlocated"}
Frame = nw.LazyFrame[Any]


def crosswalks(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    ranking: pd.DataFrame,
    locations: pd.DataFrame,
    run_log: RunLog,
) -> dict[str, pd.DataFrame]:
    """Compute the tables that ``[outputs]`` of a study asks for, by name.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings.
    prepared : Prepared
    ranking : DataFrame
        ``cluster_id, name`` of the run's clusters.
    locations : DataFrame
        ``lat, lon, cluster_id`` of the run's locations.
    run_log : RunLog

    Returns
    -------
    dict
        See the methods of `gclust.results.run.Run` of the same names.

    Raises
    ------
    StudyError
        If the ties of records are too large to count.
    """
    columns = {name: key for name, key in COLUMN_OF_OUTPUT.items() if getattr(study.outputs, name)}
    names = ranking.set_index("cluster_id")["name"].sort_index()
    with run_log.timed("add up crosswalks"):
        wanted = dict.fromkeys((*columns.values(), *(["counted"] if study.normalises else [])))
        listings = _labelled(engine, prepared, locations, list(wanted))
        counter = _Counter(study, engine, prepared, listings, names)
        tables = {
            name: counter.panel() if name == "panel" else counter.by(key)
            for name, key in columns.items()
        }
        if study.outputs.ties:
            tables["ties"] = _ties(engine, listings, names)
        engine.drop(TABLE)
    return tables


def _labelled(
    engine: Engine, prepared: Prepared, locations: pd.DataFrame, keys: Sequence[str]
) -> Frame:
    """Store the listings with their clusters and further columns."""
    columns = ["kind", "record", "lat", "lon", "units", *keys]
    places = locations[["lat", "lon"]].assign(cluster=locations["cluster_id"])
    unlocated = prepared.unlocated
    labelled = label_listings(
        prepared.located.select(*columns),
        engine.put(places, PLACES),
        None if unlocated is None else unlocated.select(*columns),
    )
    stored = engine.store(labelled, TABLE, "add up crosswalks")
    engine.drop(PLACES)
    return stored


class _Counter:
    """Counts of a run's clusters by further columns of the listings."""

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        listings: Frame,
        names: pd.Series,
    ) -> None:
        self._study, self._engine, self._prepared = study, engine, prepared
        self._listings, self._names = listings, names
        self._counts = self._units()

    def _units(self, *keys: str) -> pd.DataFrame:
        """Return ``kind, cluster``, the keys and ``units`` of clusters, sorted by all but units."""
        inside = self._listings.filter(nw.col("cluster") >= 0)
        method = self._study.count_method
        units = units_by(inside, self._prepared.totals, method, *keys)
        return self._collected(units, "kind", "cluster", *keys)

    def _world_units(self, key: str) -> pd.DataFrame:
        method = self._study.count_method
        units = world_units_by(self._listings, self._prepared.totals, method, key)
        return self._collected(units, "kind", key)

    def _collected(self, frame: Frame, *by: str) -> pd.DataFrame:
        table = self._engine.pandas(frame, "add up crosswalks")
        return table.sort_values(list(by), ignore_index=True, na_position="last")

    def _cells(self, key: str) -> pd.DataFrame:
        """Return the units by a further column, which add up to those of the cluster.

        What the rounding of fractions leaves, less than one unit for each record, goes to the
        largest cell.
        """
        cells = self._units(key)
        both = ["kind", "cluster"]
        sums = cells.groupby(both)["units"].sum()
        left = self._counts.set_index(both)["units"].sub(sums)
        if (left != 0).any():
            largest = cells.groupby(both)["units"].idxmax()
            cells.loc[largest, "units"] += left.loc[largest.index].to_numpy()
        return cells

    def by(self, key: str) -> pd.DataFrame:
        """Count by field or organisation: ``cluster_id, name, kind``, the key and counts."""
        cells = self._cells(key)
        world = self._world_units(key).rename(columns={"units": "world_units"})
        table = cells.merge(world, on=["kind", key], how="left")
        order = ["cluster", "kind", "units", key]
        table = table.sort_values(order, ascending=[True, True, False, True], ignore_index=True)
        whole = table.groupby(["kind", "cluster"])["units"].transform("sum")
        found = {
            "cluster_id": table["cluster"].astype(np.int64),
            "name": table["cluster"].map(self._names),
            "kind": self._kinds(table["kind"]),
            key: table[key].astype("string"),
            "count": table["units"] / UNIT,
            "share": 100 * table["units"] / whole.where(whole > 0),
            "world_count": table["world_units"] / UNIT,
            "units": table["units"].astype(np.int64),
        }
        return pd.DataFrame(found)

    def panel(self) -> pd.DataFrame:
        """Count by year: one row for each cluster, year and kind, those without records too."""
        cells, world = self._cells("year"), self._world_units("year")
        world = world.rename(columns={"units": "world_units"})
        every = world.merge(pd.DataFrame({"cluster": self._names.index}), how="cross")
        table = every.merge(cells, on=["kind", "year", "cluster"], how="left")
        table["units"] = table["units"].fillna(0).astype(np.int64)
        table = table.sort_values(
            ["cluster", "year", "kind"], na_position="last", ignore_index=True
        )
        group = [table["year"].fillna(-1), table["kind"]]
        kinds = self._kinds(table["kind"])
        share = 100 * table["units"] / table["world_units"]
        # The study's own total of a kind is not divided into years.
        known = ~kinds.isin(list(self._study.counting.totals))
        kinds_of_boundaries, years_of_boundaries = boundaries(self._study, self._prepared.frozen)
        found = {
            "cluster_id": table["cluster"].astype(np.int64),
            "name": table["cluster"].map(self._names),
            "year": table["year"].astype("Int64"),
            "kind": kinds,
            "count": table["units"] / UNIT,
            "share": share.where(known),
            "rank": table.groupby(group)["units"].transform(rank).astype("Int64"),
            "world_count": table["world_units"] / UNIT,
            "units": table["units"],
            "boundary_kinds": kinds_of_boundaries,
            "boundary_years": years_of_boundaries,
        }
        return pd.DataFrame(found)

    def _kinds(self, codes: pd.Series) -> pd.Series:
        return codes.map(dict(enumerate(self._prepared.staged.kinds)))


def _ties(engine: Engine, listings: Frame, names: pd.Series) -> pd.DataFrame:
    """Sum the ties of clusters, and compare them with those under proportional mixing."""
    try:
        table = engine.pandas(tie_sums(listings), "add up ties")
    except QueryOverflowError as error:
        raise StudyError(
            "[outputs] ties: the products of weights in one record are too large to count; use"
            " smaller weights, or ties = false"
        ) from error
    table = table.sort_values(["a", "b"], ignore_index=True)
    a, b = table["a"].to_numpy(np.int64), table["b"].to_numpy(np.int64)
    fractional = table["fractional"].to_numpy() / UNIT
    ends = np.concatenate([a, b]) - UNLOCATED
    strength = np.bincount(ends, np.concatenate([fractional, fractional]))
    whole = strength.sum()
    product = strength[a - UNLOCATED] * strength[b - UNLOCATED]
    expected = np.where(a == b, 0.5, 1.0) * product / (whole if whole > 0 else 1.0)
    called = {**OUTSIDE_NAMES, **names.to_dict()}
    return pd.DataFrame(
        {
            "cluster_a": a,
            "cluster_b": b,
            "name_a": pd.Series(a).map(called),
            "name_b": pd.Series(b).map(called),
            "records": table["records"].astype(np.int64),
            "fractional": fractional,
            "pairs": table["pairs"] / UNIT,
            "expected": expected,
            "units": table["fractional"].astype(np.int64),
        }
    )
