"""Locations of a study: its listings summed by place, counted before they are taken into memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine
from gclust.listings.fold import density_units, fold_locations, unite_countries
from gclust.listings.stage import Staged, usable
from gclust.listings.sums import distinct
from gclust.memory import shown_amount
from gclust.pipeline.memory_parts import memory_for, memory_parts
from gclust.study.schema import Study

STAGE = "fold listings"
TABLES = ("folded", "country_codes")
"""Tables that hold the locations on their way into memory."""

BYTES_OF_A_LOCATION = 220
"""Largest memory for a location in the stages after its listings are summed: 215 bytes were
measured with 14.6 million locations, when clusters are named, and 180 when they are formed."""

ROWS = 1_000_000
"""Rows that are taken from an engine at once."""

TYPES: dict[Any, Any] = {
    nw.Int8: np.int8,
    nw.Int16: np.int16,
    nw.Int32: np.int32,
    nw.Int64: np.int64,
    nw.Float64: np.float64,
}
"""Types of the columns of an engine that come into memory."""

LONGEST_CODE = 8
"""Letters of the longest text in which a country's code of two letters is looked for."""


def fold(
    study: Study,
    engine: Engine,
    staged: Staged,
    located: nw.LazyFrame[Any],
    totals: nw.LazyFrame[Any],
) -> pd.DataFrame:
    """Sum the listings by location; see `gclust.pipeline.prepare.Prepared.locations`.

    ``located`` are the usable listings and ``totals`` those of their records.

    Raises StudyError if so many locations do not fit into memory.
    """
    weighted, codes = weighted_listings(study, engine, staged, located, totals)
    by = ["code"] if codes else []
    folded = engine.store(fold_locations(weighted, *by), "folded", STAGE)
    rows = _check_fit(study, engine, folded)
    names = ["lat", "lon", "density", "units", *by]
    ordered = folded.select(*names).sort("lat", "lon", *by)
    columns = columns_of(engine, ordered, "sort locations", rows)
    for name in TABLES:
        engine.drop(name)
    return table_of_locations(unite_countries(columns) if codes else columns, codes)


def table_of_locations(columns: Mapping[str, Any], codes: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of locations, with the countries that their codes stand for."""
    table = {name: columns[name] for name in ("lat", "lon", "density", "units")}
    if codes:
        names = ["", *dict.fromkeys(codes.values())]
        table["country"] = pd.Categorical.from_codes(columns["code"], names)
    return pd.DataFrame(table, copy=False)


def weighted_listings(
    study: Study,
    engine: Engine,
    staged: Staged,
    located: nw.LazyFrame[Any],
    totals: nw.LazyFrame[Any],
) -> tuple[nw.LazyFrame[Any], dict[str, str]]:
    """Add ``density`` to listings, and ``code`` if any names a country; return these codes too.

    The parameters are those of `fold`; for ``density`` see
    `gclust.listings.fold.density_units`, for the codes `country_codes`.
    """
    formers = {
        staged.kinds.index(kind): staged.kind_units[staged.kinds.index(kind)]
        for kind in study.density_kinds
    }
    weighted = density_units(located, study.density.weight, formers, totals)
    codes = country_codes(engine, staged)
    return (_with_codes(engine, weighted, codes) if codes else weighted), codes


def _check_fit(study: Study, engine: Engine, folded: nw.LazyFrame[Any]) -> int:
    """Check the locations of a table that may have several rows for one; return its rows."""
    rows = _count(engine, folded)
    try:
        check_fit(study, rows)
    except StudyError:
        check_fit(study, _count(engine, distinct(folded, "lat", "lon")))
    return rows


def check_fit(study: Study, n: int) -> None:
    """Raise StudyError if ``n`` locations need more memory than a run has for them."""
    parts = memory_parts(study)
    need = n * BYTES_OF_A_LOCATION
    if parts is None or need <= parts.locations:
        return
    raise StudyError(
        f"the listings lie at {n:,} locations, which take about {shown_amount(need)} of"
        " memory to"
        f" cluster; {shown_amount(parts.locations)} of {shown_amount(parts.whole)} are theirs."
        " Round coordinates with fewer [density] decimals (now"
        f" {study.density.decimals!r}; 3 are about 0.1 km), or, where the machine has it, give"
        f' [engine] memory = "{-(-memory_for(need) // 10**9)}GB"'
    )


def _count(engine: Engine, frame: nw.LazyFrame[Any]) -> int:
    return int(engine.arrow(frame.select(nw.len().alias("rows")))["rows"][0].as_py())


def country_codes(engine: Engine, staged: Staged) -> dict[str, str]:
    """Return text -> country code of the texts that name a country, in the order of the codes.

    Only codes of two letters count, for economies are such codes.
    """
    country = nw.col("country")
    short = ~country.is_null() & (country.str.len_chars() <= LONGEST_CODE)
    texts = distinct(usable(staged.listings).filter(short), "country")
    given = engine.arrow(texts, STAGE)["country"].to_pylist()
    coded = {text: text.strip().upper() for text in given}
    found = {text: code for text, code in coded.items() if re.fullmatch("[A-Z]{2}", code)}
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def _with_codes(
    engine: Engine, listings: nw.LazyFrame[Any], codes: dict[str, str]
) -> nw.LazyFrame[Any]:
    """Add ``code``: the number from 1 of the country that a listing names, 0 if it names none."""
    number = {code: at for at, code in enumerate(dict.fromkeys(codes.values()), start=1)}
    numbers = pa.array([number[code] for code in codes.values()], pa.int16())
    table = engine.put(pa.table({"country": list(codes), "code": numbers}), "country_codes")
    named = listings.join(table, on="country", how="left")
    return named.with_columns(nw.col("code").fill_null(0))


def columns_of(
    engine: Engine, frame: nw.LazyFrame[Any], stage: str, most: int
) -> dict[str, NDArray[Any]]:
    """Return the columns of a frame without nulls, of ``most`` rows or less, in its order."""
    schema = frame.collect_schema()
    columns = {name: np.empty(most, TYPES[type(kind)]) for name, kind in schema.items()}
    at = 0
    for batch in engine.batches(frame, stage, ROWS):
        for name, column in columns.items():
            column[at : at + batch.num_rows] = batch.column(name).to_numpy()
        at += batch.num_rows
    return {name: column[:at] for name, column in columns.items()}
