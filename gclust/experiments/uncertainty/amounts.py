"""Amounts, such as money, that vary between replicates: a random multiplier per organisation.

The variance of a count follows from its size. That of an amount does not, for its unit is
arbitrary, so the coefficient of variation is given. A listing whose organisation is unknown has a
multiplier of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.uncertainty.organisations import (
    Organisations,
    items_of_weight,
    kinds_by_organisation,
)
from gclust.kernels.resampling.amounts import draw_multipliers
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import distinct, rows_by, sum_by
from gclust.pipeline.prepare import Prepared
from gclust.plurals import counted
from gclust.study.schema import Study
from gclust.units import LARGEST_TOTAL, UNIT

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ORGANISATIONS, AMOUNTS, PLACES = "organisations", "amounts", "amount_places"


class Amounts:
    """Amounts that vary between replicates, by organisation.

    Parameters
    ----------
    cv : ndarray of float64, shape (n,)
        Coefficient of variation of each organisation's multiplier; 0 if it is resampled.
    parts : DataFrame of int64
        ``item`` (number of the organisation, from 0), ``kind``, ``location`` (-1 for none) and
        ``units``, in an order that does not depend on the order of rows.
    seed : int
    messages : tuple of str
        Messages for the user: how many organisations have a multiplier.

    Attributes
    ----------
    cv, parts, messages
    """

    def __init__(
        self,
        cv: Floats | None = None,
        parts: pd.DataFrame | None = None,
        seed: int = 0,
        messages: tuple[str, ...] = (),
    ) -> None:
        self.cv = np.zeros(0) if cv is None else cv
        columns = ("item", "kind", "location", "units")
        self.parts = pd.DataFrame(columns=columns, dtype="int64") if parts is None else parts
        self._seed, self.messages = seed, messages

    def __len__(self) -> int:
        return len(self.cv)

    def draw(self, number: int, threads: int, items: Ints, units: Ints) -> Ints:
        """Return the amounts of one replicate, varied at random, in fixed point.

        Parameters
        ----------
        number : int
            Of the replicate; the same number gives the same multipliers.
        threads : int
            Number of threads; the amounts do not depend on it.
        items, units : ndarray of int64, shape (m,)
            Organisation and own amount of each part.

        Raises
        ------
        StudyError
            If the amounts add up to more than fits into 64 bits.
        """
        drawn = units * draw_multipliers(self.cv, self._seed, number, threads)[items]
        if drawn.sum() > LARGEST_TOTAL * UNIT:
            raise StudyError(
                f"the amounts of bootstrap draw {number} add up to {drawn.sum() / UNIT:g}; at most"
                f" {LARGEST_TOTAL:g} can be counted: write them in a larger unit, such as thousands"
            )
        return np.rint(drawn).astype(np.int64)


@dataclass(frozen=True)
class NumberedAmounts:
    """Prepared listings with numbered organisations, and the amounts that vary at random."""

    prepared: Prepared
    """``located`` has a column ``item`` (int64), -1 of listings that are no such amounts, if any
    amounts vary."""
    amounts: Amounts


def number_amounts(
    study: Study, engine: Engine, prepared: Prepared, organisations: Organisations
) -> NumberedAmounts:
    """Number the organisations of varying amounts, and the listings without an organisation.

    Numbers follow those of ``organisations``, which amounts that are resampled share. Others are
    sorted by kind and name, and listings without one by kind, place, amount and the other columns
    that are read, so that numbers do not depend on the order of rows.
    """
    kinds = prepared.staged.kinds
    cv = {kinds.index(kind): value for kind, value in study.drawn_amounts.items()}
    codes = kinds_by_organisation(study, prepared)
    columns = ["kind", "record", "lat", "lon", "units", *study.listing_columns]
    if not cv and not codes:
        return NumberedAmounts(prepared, Amounts())
    others = prepared.located.filter(~nw.col("kind").is_in(sorted(cv)))
    others = items_of_weight(others, organisations, codes).select(*columns, "item")
    if not cv:
        return NumberedAmounts(replace(prepared, located=others), Amounts())
    rows = prepared.staged.listings
    if study.counting.unlocated == "drop":
        rows = rows.filter(nw.col("reason").is_null())
    rows = rows.filter(nw.col("kind").is_in(sorted(cv)) & (nw.col("units") > 0)).select(*columns)
    known = rows.filter(~nw.col("organisation").is_null())
    numbered_parts, n_known = _of_organisations(engine, known, cv, organisations)
    alone = rows.filter(nw.col("organisation").is_null())
    order = [name for name in columns if name not in ("record", "organisation")]
    alone = alone.with_row_index("item", order_by=order)
    alone = alone.with_columns(item=nw.col("item").cast(nw.Int64) + n_known)
    number = nw.col("item").cast(nw.Int64)
    numbered = engine.store(
        nw.concat([each.select(*columns, number) for each in (*numbered_parts, alone)]),
        AMOUNTS,
        "number amounts",
    )
    located = nw.concat([others, numbered.filter(~nw.col("lat").is_null())])
    of_items = engine.pandas(rows_by(numbered, "item", "kind")).sort_values(["item", "kind"])
    of_numbers = np.zeros(max(n_known, int(of_items["item"].max()) + 1 if len(of_items) else 0))
    of_numbers[of_items["item"]] = of_items["kind"].map(cv)
    amounts = Amounts(
        cv=of_numbers,
        parts=_parts(engine, prepared, numbered),
        seed=study.uncertainty.seed,
        messages=_messages(study, kinds, of_items, n_known),
    )
    return NumberedAmounts(replace(prepared, located=located), amounts)


def _of_organisations(
    engine: Engine, known: nw.LazyFrame[Any], cv: dict[int, float], shared: Organisations
) -> tuple[list[nw.LazyFrame[Any]], int]:
    """Number the organisations of amounts; return their listings, and how many there are."""
    found = []
    if shared.names is not None:
        resampled = [code for code, value in cv.items() if not value]
        mine = known.filter(nw.col("kind").is_in(resampled))
        found.append(mine.join(shared.names, on="organisation"))
        known = known.filter(~nw.col("kind").is_in(resampled))
    by = ["kind", "organisation"]
    organisations = distinct(known, *by).with_row_index("item", order_by=by)
    item = nw.col("item").cast(nw.Int64) + shared.n
    organisations = engine.store(organisations.with_columns(item=item), ORGANISATIONS)
    n_known = shared.n + len(engine.arrow(organisations.select("item")))
    return [*found, known.join(organisations, on=by)], n_known


def _parts(engine: Engine, prepared: Prepared, numbered: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Sum the amounts of each organisation at each location, and at none."""
    places = prepared.locations[["lat", "lon"]].assign(location=np.arange(len(prepared.locations)))
    at = engine.put(places, PLACES)
    rows = numbered.join(at, on=["lat", "lon"], how="left")
    rows = rows.with_columns(location=nw.col("location").fill_null(-1))
    keys = ["item", "kind", "location"]
    table = engine.pandas(sum_by(rows, *keys, units="units"))
    engine.drop(PLACES)
    return table.astype("int64").sort_values(keys, ignore_index=True)


def _messages(
    study: Study, kinds: tuple[str, ...], of_items: pd.DataFrame, n_known: int
) -> tuple[str, ...]:
    """Say of each kind how many organisations and single listings have a multiplier."""
    found = []
    for kind, cv in study.drawn_amounts.items():
        mine = of_items.loc[of_items["kind"] == kinds.index(kind), "item"]
        known, alone = int((mine < n_known).sum()), int((mine >= n_known).sum())
        what = [counted(known, "organisation")] if known else []
        what += [f"{counted(alone, 'listing')} without an organisation"] if alone else []
        how = f"vary by a gamma number of cv = {cv:g}" if cv else "are resampled"
        found.append(f"kind {kind!r}: the amounts of {' and '.join(what)} {how}")
    return tuple(found)
