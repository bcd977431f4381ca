"""The sites of a study's organisations, with their records by kind or field."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine
from gclust.listings.fold import density_units
from gclust.listings.sums import sum_by
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.units import UNIT


class Sites(NamedTuple):
    """Sites, one row for each and kind or field: ``site, lat, lon, records`` and its name."""

    what: str
    table: pd.DataFrame
    messages: tuple[str, ...]


def gather_sites(study: Study, engine: Engine, prepared: Prepared) -> Sites:
    """Gather the site of each organisation, and its records by kind or field.

    An organisation's site is its location with the most records of all kinds or fields; of equal
    ones the southernmost, then the westernmost. Raises StudyError if no listing has a field, or
    an organisation where these are wanted.
    """
    wanted, by = study.localisation, study.localisation.by
    kinds = prepared.staged.kinds
    every = dict.fromkeys(range(len(kinds)), 1)
    rows = density_units(prepared.located, "fractional", every, prepared.located_totals)
    rows = rows.filter(nw.col("density") > 0)
    messages: list[str] = []
    if by == "field":
        rows, messages = _with_field(engine, rows)
    keys = (by, "lat", "lon")
    if wanted.units == "locations":
        return Sites("locations", _at_locations(engine, rows, study, prepared), tuple(messages))
    named = rows.filter(~nw.col("organisation").is_null())
    table = engine.pandas(sum_by(named, "organisation", *keys, weight="density"))
    if table.empty and wanted.units is None:
        messages.append("no listing has an organisation: each location is a site")
        return Sites("locations", _at_locations(engine, rows, study, prepared), tuple(messages))
    if table.empty:
        raise StudyError(
            "[localisation] units = 'organisations', but no listing has an organisation; name its"
            ' column in the source\'s columns, or expected units = "locations"'
        )
    whole = _total(engine, rows)
    if (share := 1.0 - int(table["weight"].sum()) / whole) > 0:
        messages.append(f"{100 * share:.1f} % of the records have no organisation: left out")
    return Sites("organisations", _named(_at_main(table, by), study, prepared), tuple(messages))


def _with_field(engine: Engine, rows: nw.LazyFrame[Any]) -> tuple[nw.LazyFrame[Any], list[str]]:
    """Return the listings that have a field, and a message about others."""
    known = rows.filter(~nw.col("field").is_null())
    whole, with_field = _total(engine, rows), _total(engine, known)
    if not with_field:
        raise StudyError(
            "[localisation] by = 'field', but no listing has a field; name its column in the"
            ' source\'s columns = { field = "..." }, or expected by = "kind"'
        )
    share = 1.0 - with_field / whole
    message = f"{100 * share:.1f} % of the records have no field: left out"
    return known, [message] if share > 0 else []


def _total(engine: Engine, rows: nw.LazyFrame[Any]) -> int:
    found = engine.pandas(rows.select(nw.col("density").sum().cast(nw.Int64).alias("whole")))
    return int(found["whole"].fillna(0).iloc[0])


def _at_locations(
    engine: Engine, rows: nw.LazyFrame[Any], study: Study, prepared: Prepared
) -> pd.DataFrame:
    """Return each location as a site."""
    by = study.localisation.by
    table = engine.pandas(sum_by(rows, by, "lat", "lon", weight="density"))
    table["site"] = table.groupby(["lat", "lon"], sort=True).ngroup()
    return _named(table[["site", by, "lat", "lon", "weight"]], study, prepared)


def _at_main(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Put all records of an organisation at its location with the most of them."""
    places = table.groupby(["organisation", "lat", "lon"], as_index=False, sort=True)["weight"]
    order = places.sum().sort_values(
        ["organisation", "weight", "lat", "lon"], ascending=[True, False, True, True]
    )
    main = order.drop_duplicates("organisation").drop(columns="weight").reset_index(drop=True)
    main["site"] = np.arange(len(main))
    of_kind = table.groupby(["organisation", by], as_index=False, sort=True)["weight"].sum()
    return of_kind.merge(main, on="organisation")[["site", by, "lat", "lon", "weight"]]


def _named(table: pd.DataFrame, study: Study, prepared: Prepared) -> pd.DataFrame:
    """Name kinds by their words, and sort; weights become records."""
    by = study.localisation.by
    if by == "kind":
        table["kind"] = [prepared.staged.kinds[code] for code in table["kind"]]
    table["records"] = table["weight"].to_numpy() / UNIT
    table = table.drop(columns="weight")
    return table.sort_values(["site", by], ignore_index=True)
