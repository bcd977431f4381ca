"""Writing Parquet files of listings: types of columns, writers, parts that differ."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz_files_tables import Rows, as_text
from tests.fuzz_files_truth import Case, Part

TEXTS = (pa.string(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
CODECS = ("snappy", "gzip", "zstd", "lz4", "brotli", "none")
MOST_GROUPS = 5000


def cast(value: Any, kind: pa.DataType) -> Any:
    """Return a value as a column of a type holds it."""
    if value is None:
        return None
    if pa.types.is_float32(kind):
        return float(np.float32(value))
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_decimal(kind):
        return Decimal(as_text(value))
    if pa.types.is_date(kind):
        return dt.date(int(value), 12, 31)
    if pa.types.is_timestamp(kind):
        when = dt.datetime(int(value), 12, 31, 23, 30)
        return when.replace(tzinfo=dt.UTC) if kind.tz else when
    return as_text(value) if kind in TEXTS else int(value)


def types_of(role: str, values: list[Any]) -> tuple[pa.DataType, ...]:
    """Return the types that a column of these values may have."""
    there = [value for value in values if value is not None]
    if not there or any(isinstance(value, str) for value in there):
        return TEXTS
    if all(isinstance(value, int) for value in there):
        kinds: tuple[pa.DataType, ...] = (pa.int64(), pa.int64(), *TEXTS[:3], pa.decimal128(20, 0))
        if max(map(abs, there)) < 2**15:
            small = (pa.int32(), pa.int16(), pa.float64(), pa.decimal128(23, 2), pa.float32())
            kinds = (*kinds, *small)
            if role == "year":
                times = (pa.date32(), pa.timestamp("us"), pa.timestamp("ms", "UTC"))
                kinds = (*kinds, *times)
        return kinds
    return (pa.float64(), pa.float64(), pa.float64(), pa.float32(), pa.string())


def typed(rng: random.Random, rows: Rows, way: list[str]) -> tuple[pa.Table, Rows]:
    """Return rows as a table of some types, and as what it then holds."""
    arrays, held = {}, [dict(row) for row in rows]
    for role in rows[0]:
        values = [row[role] for row in rows]
        kind = rng.choice(types_of(role, values))
        values = [cast(value, kind) for value in values]
        arrays[role] = pa.array(values, kind)
        if pa.types.is_floating(kind) and rng.random() < 0.3:  # NaN where pandas has nothing
            arrays[role] = pa.array(np.array(values, dtype=float)).cast(kind)
        for row, value in zip(held, values, strict=True):
            row[role] = value
        if role in ("record", "lat", "year", "weight"):
            way.append(f"{role} {kind}")
    return pa.table(arrays), held


def by_pyarrow(rng: random.Random, table: pa.Table, path: Path) -> None:
    codec, group = rng.choice(CODECS), rng.choice((1_000_000, 7, 2048))
    group = max(group, len(table) // MOST_GROUPS)  # each takes a millisecond to write
    pq.write_table(
        table, path, compression=codec, row_group_size=group,
        data_page_version=rng.choice(("1.0", "2.0")), use_dictionary=rng.random() < 0.5,
    )  # fmt: skip


def by_pandas(rng: random.Random, table: pa.Table, path: Path) -> None:
    table.to_pandas(types_mapper=pd.ArrowDtype).to_parquet(path, index=rng.random() < 0.3)


def by_polars(rng: random.Random, table: pa.Table, path: Path) -> None:
    pl.from_arrow(table).write_parquet(path, row_group_size=rng.choice((None, 10)))


def by_duckdb(rng: random.Random, table: pa.Table, path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("listings", table)
        target = str(path).replace("'", "''")
        connection.execute(f"COPY listings TO '{target}' (FORMAT parquet)")


WRITERS: dict[Callable[[random.Random, pa.Table, Path], None], int] = {
    by_pyarrow: 6, by_pandas: 3, by_polars: 3, by_duckdb: 1,
}  # fmt: skip


def save_table(
    rng: random.Random, table: pa.Table, names: dict[str, str], path: Path, way: list[str]
) -> None:
    """Write a table under the user's names with one of the writers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = rng.choices(list(WRITERS), list(WRITERS.values()))[0]
    writer(rng, table.rename_columns([names.get(c, c) for c in table.column_names]), path)
    way.append(writer.__name__ + " parquet")


def part_of(file: str | None, rows: Rows) -> Part:
    return Part(file, rows, list(range(1, len(rows) + 1)))


def parquet_whole(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """One Parquet file; in some, a column has a type that cannot be what it is named for."""
    case.path = rng.choice(("rows", "my rows", "o'rows", "données")) + rng.choice(
        (".parquet", ".parquet", ".pq")
    )
    table, held = typed(rng, rows, case.way)
    if rng.random() < 0.08:
        role = rng.choice(("lat", "lon"))
        kind = rng.choice((pa.bool_(), pa.timestamp("us"), pa.list_(pa.float64()), pa.binary()))
        at = table.column_names.index(role)
        table = table.set_column(at, role, pa.nulls(len(rows), kind))
        if pa.types.is_boolean(kind):
            table = table.set_column(at, role, pa.array([True] * len(rows)))
        case.doubt("refused", f"{role} is of type {kind}")
        case.way.append("wrong type")
    if rng.random() < 0.05:
        table = table.append_column("nothing", pa.nulls(len(rows)))
    save_table(rng, table, names, folder / case.path, case.way)
    case.way.insert(0, "parquet")
    case.parts.append(part_of(case.path, held))
    if rng.random() < 0.06:
        data = (folder / case.path).read_bytes()
        (folder / case.path).write_bytes(data[: rng.randrange(len(data))])
        case.way.insert(1, "damaged")
        case.doubt("refused", "a truncated Parquet file")


def parquet_parts(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """Several Parquet files of one source: of the same types, of others, with fewer columns."""
    case.path = rng.choice(("parts", "parts", "parts/*.parquet", "parts/**/*.parquet"))
    alike, count = rng.random() < 0.35, min(len(rows), rng.choice((2, 2, 3)))
    case.way[:0] = ["parquet parts", "alike" if alike else "unlike"]
    for number in range(count):
        file = f"parts/{'deep/' if number and '**' in case.path else ''}part-{number}.parquet"
        own = rows[number::count]
        if alike:
            kinds = random.Random(f"{case.seed}:{case.number}:types")
            table, held = typed(kinds, rows, [])
            take = list(range(number, len(rows), count))
            table, held = table.take(take), [held[i] for i in take]
        else:
            table, held = typed(rng, own, case.way)
            table, held = shuffled(rng, case, table, held, number)
            case.doubt("either", "parts that are unlike")
        save_table(rng, table, names, folder / file, case.way)
        case.parts.append(part_of(file, held))


def shuffled(
    rng: random.Random, case: Case, table: pa.Table, rows: Rows, number: int
) -> tuple[pa.Table, Rows]:
    """Put a part's columns into another order, and leave one out of some."""
    order = table.column_names
    rng.shuffle(order)
    spare = [role for role in order if role not in ("lat", "lon")]
    if number and spare and rng.random() < 0.3:
        gone = rng.choice(spare)
        order.remove(gone)
        rows = [{k: v for k, v in row.items() if k != gone} for row in rows]
        case.way.append(f"{gone} left out")
    return table.select(order), rows
