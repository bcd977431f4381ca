"""Records drawn anew one by one, and what the locations of a study then weigh."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.cluster.threads import count_threads
from gclust.kernels.redraw import (
    REST,
    WEIGHT,
    Listed,
    draw_numbers,
    draw_singles,
    weigh,
)
from gclust.listings.engine import Engine
from gclust.listings.fold import density_units
from gclust.listings.profiles import world_parts
from gclust.listings.records import share_of
from gclust.listings.sums import sum_by
from gclust.study.schema import Study
from gclust.study.settler import Redrawn, Settler
from gclust.study.stages import Prepared
from gclust.units import UNIT


@dataclass(frozen=True)
class _Weight:
    """Weight of listings without a record: at which location, of which kind, how much."""

    place: NDArray[np.int64]
    kind: NDArray[np.int64]
    mean: NDArray[np.float64]
    density: NDArray[np.int64]
    """What all of it adds to the density."""


class Redraw:
    """A study's listings in memory, to be drawn anew as often as is wanted.

    Parameters
    ----------
    study, engine, prepared
    settler : Settler
        Of the same study; gives locations and records their numbers.
    seed : int
    n_jobs : int, optional
        Threads; all by default. What is drawn does not depend on it.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        settler: Settler,
        seed: int,
        *,
        n_jobs: int | None = None,
    ) -> None:
        self._seed, self._threads = seed, count_threads(n_jobs)
        self._kinds = prepared.staged.kinds
        self._order = settler.order
        world = world_parts(prepared.staged.listings, study.counting.unlocated, engine.pandas)
        world = world.reindex(range(len(self._kinds)), fill_value=0.0)
        # Records are numbered kind by kind.
        self._bounds = np.concatenate(([0], np.cumsum(world["records"].to_numpy(np.int64))))
        table = _rows(study, engine, prepared, settler.order)
        record = table["number"]
        bare = int(np.searchsorted(record, 0))
        at, kind, units = (table[name][:bare] for name in ("place", "kind", "units"))
        self._weight = _Weight(at, kind, units / UNIT, table["density"][:bare])
        rows = {name: each[bare:] for name, each in table.items()}
        number, length = np.unique(rows["number"], return_counts=True)
        self._several = number[length > 1]
        self._listed = _listed(study, settler, rows, length, len(settler.order))
        held = np.zeros(len(self._kinds))
        np.add.at(held, self._weight.kind, self._weight.mean)
        total = np.array([prepared.world[kind] for kind in self._kinds])
        # What is in no place: beyond the sources, or rejected and kept.
        self._rest = np.maximum(total - world["records"].to_numpy() - held, 0.0)

    def draw(self, number: int) -> tuple[NDArray[np.int64], Redrawn]:
        """Draw the records once.

        Parameters
        ----------
        number : int
            Of the draw; the same number gives the same records.

        Returns
        -------
        density : ndarray of int64, shape (n,)
            Of the prepared locations.
        redrawn : Redrawn
        """
        times = draw_singles(int(self._bounds[-1]), self._seed, number, self._threads)
        density, credits = weigh(self._listed, times, len(self._kinds), self._threads)
        weight = self._weight
        copies = draw_numbers(weight.mean, self._seed, WEIGHT, number)
        drawn = np.rint(weight.density * (copies / weight.mean)).astype(np.int64)
        np.add.at(density, weight.place, drawn)
        np.add.at(credits, (weight.kind, weight.place), copies * UNIT)
        world = draw_numbers(self._rest, self._seed, REST, number)
        np.add.at(world, weight.kind, copies)
        for kind in range(len(self._kinds)):
            world[kind] += int(
                times[self._bounds[kind] : self._bounds[kind + 1]].sum(dtype=np.int64)
            )
        by_location = np.empty_like(density)
        by_location[self._order] = density
        totals = dict(zip(self._kinds, world.astype(np.float64).tolist(), strict=True))
        several = times[self._several].astype(np.int64)
        return by_location, Redrawn(several, credits, totals)


def _rows(
    study: Study, engine: Engine, prepared: Prepared, order: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Each record's listings summed by location, sorted by number of the record and location.

    ``number`` (-1 for none), ``kind, place, units, density, record_units``.
    """
    kinds = prepared.staged.kinds
    formers = {
        kinds.index(kind): prepared.staged.kind_units[kinds.index(kind)]
        for kind in study.density_kinds
    }
    weighted = density_units(
        prepared.located, study.density.weight, formers, prepared.located_totals
    )
    places = prepared.locations[["lat", "lon"]].iloc[order].assign(place=np.arange(len(order)))
    at = engine.put(places, "redraw_places")
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
    numbered = prepared.totals.with_row_index("number", order_by=["kind", "record"])
    joined = summed.join(numbered, on=["kind", "record"], how="left").select(
        nw.col("number").cast(nw.Int64).fill_null(-1),
        nw.col("kind").cast(nw.Int64),
        nw.col("place").cast(nw.Int64),
        "units",
        "density",
        nw.col("record_units").fill_null(1),
    )
    table = engine.arrow(joined.sort("number", "kind", "place"), "sort records")
    for name in ("redraw_places", "redraw_rows"):
        engine.drop(name)
    return {name: table[name].to_numpy() for name in table.column_names}


def _listed(
    study: Study,
    settler: Settler,
    rows: dict[str, NDArray[np.int64]],
    length: NDArray[np.int64],
    n: int,
) -> Listed:
    """Rows location by location; records that no sum over locations counts add nothing."""
    records = settler.records
    opened = np.zeros(int((length > 1).sum()), dtype=bool)
    opened[records.opened] = True
    is_open = np.zeros(len(length), dtype=bool)
    is_open[length > 1] = opened
    credit = share_of(rows["units"], rows["record_units"])
    if study.counting.method == "whole":
        credit = np.full(len(credit), UNIT, dtype=np.int64)
    credit[np.repeat(is_open, length)] = 0
    order = np.argsort(rows["place"], kind="stable")
    counted = np.bincount(rows["place"], minlength=n)
    return Listed(
        starts=np.concatenate(([0], np.cumsum(counted))).astype(np.int64),
        record=rows["number"][order].astype(np.int32),
        kind=rows["kind"][order].astype(np.uint8),
        density=rows["density"][order],
        credit=credit[order],
    )
