"""CSV files of a source: each is scanned once, then DuckDB reads them with all options given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from gclust.listings.engine import Engine
from gclust.listings.readers.csv.scan import CsvScan, scan_csv
from gclust.listings.sources.column_names import fits
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.files import Inputs, escaped
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import BadRows, Column, SourcePart
from gclust.listings.sources.values import quoted

LEAST_LINE_SIZE = 2_000_000
"""DuckDB's own limit of a row's bytes."""


def open_csv(
    engine: Engine,
    source: SourceFiles,
    files: Sequence[str],
    inputs: Inputs,
    columns_of: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    """Look through the CSV files of a source.

    Parameters
    ----------
    engine : Engine
        Has a folder for copies of files that DuckDB would not read as they are written.
    source : SourceFiles
    files : sequence of str
    inputs : Inputs
        Takes the digests.
    columns_of : ColumnsOf
        Finds gclust's columns among those of each file.

    Returns
    -------
    parts : list of Part
        Files with the same header and dialect make one.
    messages : list of str
        What was found that a reader should know.

    Raises
    ------
    StudyError
        See `gclust.listings.readers.csv.scan.scan_csv`.
    """
    scans = []
    for done, path in enumerate(files):
        scan = scan_csv(
            path,
            lambda names: fits(names, source.columns),
            engine.copies,
            engine.next_number(),
            encoding=source.encoding,
            delimiter=source.delimiter,
            quote=source.quote,
            max_rejects=source.max_rejects,
            progress=_progress(engine, done, len(files)),
        )
        inputs.hashed(path, scan.sha256)
        columns_of.resolve(path, scan.dialect.header)
        scans.append(scan)
    engine.progress(1.0, "look through files")
    columns_of.check()
    messages = [line for scan in scans for line in scan.messages]
    parts = [
        _part(list(group), columns_of, source.missing)
        for _, group in groupby(sorted(scans, key=_alike), key=_alike)
    ]
    return parts, messages


def _progress(engine: Engine, done: int, files: int) -> Callable[[float], None]:
    return lambda fraction: engine.progress((done + fraction) / files, "look through files")


def _alike(scan: CsvScan) -> tuple[Any, ...]:
    """What files must share to be read together."""
    dialect = scan.dialect
    how = (dialect.delimiter, dialect.quote, dialect.escape)
    return dialect.header, how, scan.skip, scan.breaks_in_quotes, _line_size(scan)


def _line_size(scan: CsvScan) -> int:
    return max(LEAST_LINE_SIZE, 2 * scan.longest)


def _part(
    scans: list[CsvScan], columns_of: ColumnResolver, missing: tuple[str, ...] | None
) -> SourcePart:
    """Return files with the same header and dialect."""
    first = scans[0]
    dialect = first.dialect
    names = {f"c{at}": "VARCHAR" for at in range(len(dialect.header))}
    listed = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in names.items())
    options = {
        "auto_detect": "false",
        "header": "false",
        "skip": str(first.skip),
        "delim": quoted(dialect.delimiter),
        "quote": quoted(dialect.quote),
        "escape": quoted(dialect.escape),
        "comment": "''",
        "nullstr": "''",
        "strict_mode": "true",
        "null_padding": "false",
        "ignore_errors": "false",
        "max_line_size": str(_line_size(first)),
        "parallel": "false" if first.breaks_in_quotes else "true",
        "compression": "'none'",
        "hive_partitioning": "false",
        "union_by_name": "false",
        "columns": f"{{{listed}}}",
    }
    listed_options = ", ".join(f"{key} = {value}" for key, value in options.items())
    read_from = {scan.path: scan.read_from for scan in scans}

    def table(files: Sequence[str]) -> str:
        paths = ", ".join(quoted(escaped(read_from[file])) for file in files)
        return f"read_csv([{paths}], {listed_options})"

    used = columns_of.used(first.path)
    return SourcePart(
        files=tuple(scan.path for scan in scans),
        rows=tuple(scan.rows for scan in scans),
        table=table,
        columns={
            name: Column(dialect.header[at], f'"c{at}"', "VARCHAR") for name, at in used.items()
        },
        lines={scan.path: scan.lines for scan in scans},
        bad={
            scan.path: BadRows(scan.bad[:, 2], scan.bad[:, 3], len(dialect.header), scan.bad_texts)
            for scan in scans
            if len(scan.bad)
        },
        is_text=True,
        missing=missing,
    )
