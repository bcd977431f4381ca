"""What records count in draws if counts are normalised by field and year.

The draws keep the study's own factors: they say how ranks vary with the records that were drawn,
given what a record of each field-year counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine
from gclust.listings.label import label_records
from gclust.listings.normalise import given_units
from gclust.listings.record_arrays import number_records
from gclust.listings.sums import Frame, rows_by, sum_by
from gclust.pipeline.prepare import Prepared
from gclust.plurals import counted, either
from gclust.study.schema import Study

Ints = NDArray[np.int64]
STAGE = "group records"


def check_records(study: Study, engine: Engine, prepared: Prepared) -> None:
    """Refuse normalised kinds with rows without a record, which cannot be drawn one by one."""
    if not study.normalises or set(study.uncertainty.sources) == {"weights"}:
        return
    bare = prepared.staged.listings.filter(nw.col("record").is_null() & (nw.col("counted") > 0))
    for code, rows in engine.pandas(rows_by(bare, "kind").sort("kind")).itertuples(index=False):
        if (kind := prepared.staged.kinds[int(code)]) in study.normalised_kinds:
            raise StudyError(
                f"[counting] normalise: {counted(rows, 'row')} of kind {kind!r}"
                f" {either(rows, 'has', 'have')} no record, and without"
                " records normalised counts cannot be drawn; name the column in the source's"
                f' columns = {{ record = "..." }}, or leave out {kind!r} from normalise'
            )


def labelled_counts(engine: Engine, prepared: Prepared, at: Frame, noise: int) -> Frame:
    """Sum what each record counts by label: ``kind, record, label, units``, without zeros.

    ``at`` has ``lat, lon, label`` of every location; listings without a place have the label
    ``noise``.
    """
    found = label_records(given_units(prepared.located, "given"), at)
    if prepared.unlocated is not None:
        away = prepared.unlocated.with_columns(label=nw.lit(noise, dtype=nw.Int64))
        away = sum_by(away, "kind", "record", "label", units="counted")
        columns = ("kind", "record", "label", "units")
        both = [each.with_columns(nw.col("label").cast(nw.Int64)) for each in (found, away)]
        joined = nw.concat([each.select(*columns) for each in both])
        found = sum_by(joined, "kind", "record", "label", units="units")
    return engine.store(found.filter(nw.col("units") > 0), "fixed_listings", STAGE)


def world_of_profiles(
    profiles: pd.DataFrame, bare: pd.DataFrame, world: pd.DataFrame
) -> pd.DataFrame:
    """Return the components of the world totals as the profiles have them, noise included.

    ``world`` has ``records`` and ``unrecorded`` by kind.
    """
    first = profiles.drop_duplicates("profile")
    records = first.groupby("kind")["records"].sum().reindex(world.index, fill_value=0)
    weight = bare.groupby("kind")["units"].sum().reindex(world.index, fill_value=0)
    return world.assign(records=records, unrecorded=weight)


def counted_of_records(engine: Engine, prepared: Prepared, n: int) -> Ints:
    """Return what each of ``n`` records counts in the world, in fixed point, by its number."""
    listings: Sequence[Frame] = [prepared.located]
    if prepared.unlocated is not None:
        listings = [prepared.located, prepared.unlocated]
    rows = nw.concat([each.select("kind", "record", "counted") for each in listings])
    rows = number_records(rows.filter(~nw.col("record").is_null()), prepared.totals, "counted")
    sums = engine.arrow(sum_by(rows, "number", units="counted"), STAGE)
    counted = np.zeros(n, dtype=np.int64)
    counted[sums["number"].to_numpy()] = sums["units"].to_numpy()
    return counted
