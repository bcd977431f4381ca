"""Numbers of the organisations that draws vary, and the organisation of each record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import pandas as pd

from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import distinct, sum_by
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study

NAMES, OF_RECORDS, PARTS = "organisation_names", "record_organisations", "record_parts"


@dataclass(frozen=True)
class Organisations:
    """The organisations that draws vary together with their records, in the order of their names.

    An organisation of records and one of amounts that are resampled are the same if they have the
    same name.
    """

    n: int = 0
    names: nw.LazyFrame[Any] | None = None
    """Columns ``organisation, item``: name, and number from 0."""
    of_records: nw.LazyFrame[Any] | None = None
    """Columns ``kind, record, item``, of records with an organisation."""
    unlocated: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["kind", "item", "units"], dtype="int64")
    )
    """Weight of listings without a record and a place that count, by kind and organisation."""


def kinds_by_organisation(study: Study, prepared: Prepared) -> list[int]:
    """Return the codes of the kinds of records whose organisations vary, in rising order."""
    varies = study.variation
    named = {*varies.resample, *varies.multiplier}
    return [code for code, kind in enumerate(prepared.staged.kinds) if kind in named]


def number_organisations(study: Study, engine: Engine, prepared: Prepared) -> Organisations:
    """Number the organisations of records that vary, and find that of each record.

    A record of several organisations belongs to the one with its largest part; of equal ones, to
    the first by name.
    """
    codes = kinds_by_organisation(study, prepared)
    if not codes:
        return Organisations()
    rows = prepared.staged.listings
    if study.counting.unlocated == "drop":
        rows = rows.filter(nw.col("reason").is_null())
    rows = rows.filter(~nw.col("organisation").is_null() & (nw.col("units") > 0))
    resampled = [kind for kind, cv in study.drawn_amounts.items() if not cv]
    joint = [prepared.staged.kinds.index(kind) for kind in resampled]
    named = distinct(rows.filter(nw.col("kind").is_in([*codes, *joint])), "organisation")
    named = named.with_row_index("item", order_by=["organisation"])
    named = named.with_columns(item=nw.col("item").cast(nw.Int64)).select("organisation", "item")
    names = engine.store(named, NAMES, "number organisations")
    mine = rows.filter(nw.col("kind").is_in(codes)).join(names, on="organisation")
    recorded = mine.filter(~nw.col("record").is_null())
    keys = ["kind", "record"]
    parts = engine.store(sum_by(recorded, *keys, "item", units="units"), PARTS)
    most = parts.group_by(*keys).agg(nw.col("units").max())
    largest = parts.join(most, on=[*keys, "units"]).group_by(*keys).agg(nw.col("item").min())
    of_records = engine.store(largest, OF_RECORDS, "find organisations of records")
    engine.drop(PARTS)
    found = Organisations(len(engine.arrow(names.select("item"))), names, of_records)
    if study.counting.unlocated == "drop":
        return found
    away = mine.filter(nw.col("record").is_null() & ~nw.col("reason").is_null())
    table = engine.pandas(sum_by(away, "kind", "item", units="units")).astype("int64")
    return replace(found, unlocated=table.sort_values(["kind", "item"], ignore_index=True))


def items_of_weight(
    rows: nw.LazyFrame[Any], organisations: Organisations, codes: list[int]
) -> nw.LazyFrame[Any]:
    """Add ``item`` to listings: the organisation of those without a record, -1 for all others."""
    if organisations.names is None:
        return rows.with_columns(item=nw.lit(-1, dtype=nw.Int64))
    joined = rows.join(organisations.names, on="organisation", how="left")
    mine = nw.col("record").is_null() & nw.col("kind").is_in(codes)
    item = nw.when(mine).then(nw.col("item")).otherwise(nw.lit(-1, dtype=nw.Int64))
    return joined.with_columns(item=item.fill_null(-1))
