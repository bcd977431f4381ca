"""Files as common tools write them by default: reading must not refuse one of these."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from tests.fuzz_files_tables import Rows, as_text
from tests.fuzz_files_truth import BREAK, Part

Columns = dict[str, list[Any]]  # name -> values, of one type each


def columns_of(rows: Rows, names: dict[str, str]) -> Columns:
    """Return rows as columns under the user's names; of mixed types, texts are made."""
    table: Columns = {}
    for role in rows[0]:
        values = [row[role] for row in rows]
        if len({type(value) for value in values if value is not None}) > 1:
            values = [None if value is None else as_text(value) for value in values]
            for row, value in zip(rows, values, strict=True):
                row[role] = value
        table[names[role]] = values
    return table


def arrow_of(table: Columns) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in table.items()})


def frame_of(table: Columns) -> pd.DataFrame:
    """Whole numbers with gaps become floats, as pandas makes them, unless digits were lost."""
    frame = {}
    for name, values in table.items():
        wide = any(isinstance(value, int) and abs(value) >= 2**53 for value in values)
        frame[name] = pd.array(values, dtype="Int64") if wide else values
    return pd.DataFrame(frame)


def by_pandas(rng: random.Random, table: Columns) -> str:
    """``DataFrame.to_csv``, with the index as it is by default or without."""
    return frame_of(table).to_csv(index=rng.random() < 0.5)


def by_pandas_semicolon(rng: random.Random, table: Columns) -> str:
    return frame_of(table).to_csv(index=False, sep=rng.choice(";\t|"))


def by_csv_writer(rng: random.Random, table: Columns) -> str:
    """``csv.writer``: lines end as on Windows."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, dialect=rng.choice(("excel", "excel", "unix")))
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return file.getvalue()


def by_tab_writer(rng: random.Random, table: Columns) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, dialect="excel-tab")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return file.getvalue()


def by_polars(rng: random.Random, table: Columns) -> str:
    return pl.from_arrow(arrow_of(table)).write_csv()


def by_pyarrow(rng: random.Random, table: Columns) -> str:
    sink = pa.BufferOutputStream()
    pacsv.write_csv(arrow_of(table), sink)
    return sink.getvalue().to_pybytes().decode("utf-8")


def by_duckdb(rng: random.Random, table: Columns, folder: Path) -> str:
    """``COPY ... TO``."""
    path = folder / "copied"
    with duckdb.connect() as connection:
        connection.register("listings", arrow_of(table))
        more = rng.choice(("", ", FORCE_QUOTE *", ", DELIMITER ';'", ", DELIMITER '\t'"))
        connection.execute(f"COPY listings TO '{path}' (FORMAT csv, HEADER{more})")
    text = path.read_bytes().decode("utf-8")
    path.unlink()
    return text


def by_r(rng: random.Random, table: Columns) -> str:
    """``write.csv`` of R: names of rows, texts in quotes, NA for what is missing."""
    row_names = rng.random() < 0.5

    def field(value: Any) -> str:
        if value is None:
            return "NA"
        if isinstance(value, str):
            return '"' + value.replace('"', '""') + '"'
        return f"{value:.15g}" if isinstance(value, float) else as_text(value)

    lines = [",".join(field(name) for name in ([""] if row_names else []) + list(table))]
    for number, values in enumerate(zip(*table.values(), strict=True)):
        lines.append(",".join([f'"{number + 1}"'] * row_names + [field(v) for v in values]))
    return "\n".join(lines) + "\n"


TOOLS: dict[Callable[..., str], int] = {
    by_pandas: 5, by_pandas_semicolon: 2, by_csv_writer: 3, by_tab_writer: 1, by_polars: 3,
    by_pyarrow: 3, by_duckdb: 2, by_r: 3,
}  # fmt: skip


def by_tool(
    rng: random.Random, rows: Rows, names: dict[str, str], folder: Path, file: str
) -> tuple[str, str, Part]:
    """Write rows with one of the tools; return its name, the text, and what the file holds.

    Every field of a row with line breaks is kept by all of them, so lines follow from values.
    """
    tool = rng.choices(list(TOOLS), list(TOOLS.values()))[0]
    if tool is by_r:  # which writes 15 digits
        rows = [
            {k: float(f"{v:.15g}") if isinstance(v, float) else v for k, v in row.items()}
            for row in rows
        ]
    table = columns_of(rows, names)
    if tool is by_r:
        rows = [{k: "NA" if v is None else v for k, v in row.items()} for row in rows]
    text = tool(rng, table, folder) if tool is by_duckdb else tool(rng, table)
    line, lines = 2, []
    for values in zip(*table.values(), strict=True):
        lines.append(line)
        line += 1 + sum(len(BREAK.findall(v)) for v in values if isinstance(v, str))
    return tool.__name__, text, Part(file, rows, lines)
