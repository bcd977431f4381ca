"""The file of memberships, written part by part, and its reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from gclust.disk import writing
from gclust.escapes import harmless
from gclust.parallel import meanwhile

NAME = "memberships"
ROW_GROUP = 1_000_000
"""Rows of a group in the Parquet file, which is the least that a reader holds in memory."""
ODD = r"[^ -~]|^[=+\-@ ]|  | $"
"""Texts that may need a change to be safe in CSV."""
STRUCTURAL = '[",]'
"""Characters for which a text is put into quotes."""
WHOLE = r"0|-?[1-9][0-9]{0,17}"
"""Ids that are whole numbers of 64 bits, which Parquet files hold as such."""
RISING = ("row", "record", "location")
"""Columns whose numbers hardly repeat."""
INTEGERS = {
    "source": "int64", "row": "Int64", "cluster_id": "int64", "units": "int64", "location": "Int64",
}  # fmt: skip


def write_memberships(tables: Iterable[pa.Table], path: Path, encoding: str) -> None:
    """Write tables one after the other into a file, Parquet or CSV by its name.

    The bytes do not depend on how the rows are divided into tables. ``encoding`` is that of CSV.
    """
    with writing(path.parent):
        (_write_parquet if path.suffix == ".parquet" else _write_csv)(tables, path, encoding)


def _write_parquet(tables: Iterable[pa.Table], path: Path, _: str) -> None:
    writer = None
    try:
        groups = _regrouped(tables)
        group = next(groups, None)
        while group is not None:
            writer = writer or _parquet_writer(path, group.schema)
            with meanwhile(partial(writer.write_table, group, row_group_size=ROW_GROUP)):
                group = next(groups, None)
    finally:
        if writer is not None:
            writer.close()


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a file in which numbers that hardly repeat are stored as differences.

    A quarter of the time of writing and a fifth of the file went into dictionaries of them.
    """
    integers = [field.name for field in schema if pa.types.is_integer(field.type)]
    rising = [name for name in RISING if name in integers]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in rising],
        column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
    )


def _write_csv(tables: Iterable[pa.Table], path: Path, encoding: str) -> None:
    with path.open("wb") as file:
        for number, group in enumerate(_regrouped(tables)):
            if number == 0:
                file.write((",".join(group.column_names) + "\n").encode(encoding))
            flags = pc.if_else(group.column("located"), "True", "False")
            group = group.set_column(group.column_names.index("located"), "located", flags)
            safe = _safe(group)
            # Arrow's style "needed" puts every text into quotes.
            quotes = "needed" if _any_text(safe, STRUCTURAL) else "none"
            options = pa.csv.WriteOptions(include_header=False, quoting_style=quotes)
            pa.csv.write_csv(safe, file, options)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _any_text(table: pa.Table, pattern: str) -> bool:
    """Return whether a pattern matches in any text of a table."""
    texts = (column for column in table.columns if _is_text(column.type))
    return any(pc.any(pc.match_substring_regex(text, pattern)).as_py() for text in texts)


def _safe(table: pa.Table) -> pa.Table:
    """Make texts safe for spreadsheets, as `gclust.results.writer.write_csv` does."""
    for at, field in enumerate(table.schema):
        if _is_text(field.type):
            column = table.column(at)
            if pc.any(pc.match_substring_regex(column, ODD)).as_py():
                safe = pa.array([harmless(each) for each in column.to_pylist()], pa.string())
                table = table.set_column(at, field.name, safe)
    return table


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of tables as tables of `ROW_GROUP` rows, the last one of the rest."""
    waiting: list[pa.Table] = []
    n_waiting, yielded = 0, False
    for table in tables:
        waiting.append(table)
        n_waiting += table.num_rows
        while n_waiting >= ROW_GROUP:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, ROW_GROUP).combine_chunks()
            yielded = True
            waiting = [whole.slice(ROW_GROUP)]
            n_waiting -= ROW_GROUP
    if waiting and (n_waiting or not yielded):
        yield pa.concat_tables(waiting).combine_chunks()


def read_memberships(path: Path) -> pd.DataFrame:
    """Read a file of memberships."""
    if path.suffix == ".parquet":
        return as_frame(pq.read_table(path))
    texts = {"file": str, "kind": str, "record": str}
    table = pd.read_csv(
        path,
        dtype={**INTEGERS, **texts, "fraction": float, "located": bool},
        keep_default_na=False,
        na_values={"row": [""], "record": [""], "location": [""]},
    )
    if table["record"].dropna().str.fullmatch(WHOLE).all():
        table["record"] = table["record"].astype("Int64")
    return table


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Return memberships as a pandas frame, whole numbers without a value as missing ones."""
    whole = {pa.int64(): pd.Int64Dtype()}
    frame = table.to_pandas(types_mapper=whole.get)
    return frame.astype({"source": "int64", "cluster_id": "int64", "units": "int64"})
