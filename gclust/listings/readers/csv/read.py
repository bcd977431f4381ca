"""Reader of CSV files: a scan of each file finds all options with which DuckDB reads it."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from gclust.kernels import csv_rows as kernel
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.csv.scan import CsvScan, scan_csv
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.dialects import quoted
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart


def open_csv(
    engine: FileDatabase,
    source: SourceFiles,
    files: Sequence[str],
    inputs: Inputs,
    resolver: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    """Scan the CSV files of a source; group files that DuckDB reads with the same options.

    The engine's folder takes copies of files that DuckDB would not read correctly; ``inputs``
    stores the sha256 of the files. Returns the parts, and messages for the user.
    """
    scans = []
    for done, path in enumerate(files):
        progress = partial(_report, engine, done, len(files))
        scan = scan_csv(path, source, engine.copies, engine.next_number(), progress)
        inputs.hashed(path, scan.sha256)
        resolver.resolve(path, scan.dialect.header)
        scans.append(scan)
    engine.progress(1.0, "look through files")
    resolver.check()
    groups = groupby(sorted(scans, key=_alike), key=_alike)
    parts = [_part(list(group), resolver, source) for _, group in groups]
    return parts, [message for scan in scans for message in scan.messages]


def _report(engine: FileDatabase, done: int, files: int, fraction: float) -> None:
    engine.progress((done + fraction) / files, "look through files")


def _alike(scan: CsvScan) -> tuple[Any, ...]:
    """Return the properties that files must have in common to be read together."""
    dialect = scan.dialect
    how = (dialect.delimiter, dialect.quote, dialect.escape)
    return dialect.header, how, scan.skip, scan.counter.breaks_in_quotes, scan.counter.line_size


def _part(scans: list[CsvScan], resolver: ColumnResolver, source: SourceFiles) -> SourcePart:
    """Return files with the same header and dialect as a part of their source."""
    first, dialect = scans[0], scans[0].dialect
    columns = ", ".join(f"{quoted(f'c{at}')}: 'VARCHAR'" for at in range(len(dialect.header)))
    given = {
        "auto_detect": "false",
        "header": "false",
        "skip": first.skip,
        "delim": quoted(dialect.delimiter),
        "quote": quoted(dialect.quote),
        "escape": quoted(dialect.escape),
        "comment": "''",
        "nullstr": "''",
        "strict_mode": "true",
        "null_padding": "false",
        "ignore_errors": "false",
        "max_line_size": first.counter.line_size,
        "parallel": "false" if first.counter.breaks_in_quotes else "true",
        "compression": "'none'",
        "hive_partitioning": "false",
        "union_by_name": "false",
        "columns": f"{{{columns}}}",
    }
    options = ", ".join(f"{key} = {value}" for key, value in given.items())
    read_from = {scan.path: scan.read_from for scan in scans}

    def table(files: Sequence[str]) -> str:
        paths = ", ".join(quoted(glob.escape(read_from[file])) for file in files)
        return f"read_csv([{paths}], {options})"

    return SourcePart(
        files=tuple(scan.path for scan in scans),
        rows=tuple(scan.counter[kernel.ROWS] for scan in scans),
        table=table,
        columns={
            name: Column(dialect.header[at], f'"c{at}"', "VARCHAR")
            for name, at in resolver.files[first.path].used.items()
        },
        source=source,
        lines={scan.path: scan.lines for scan in scans},
        bad={scan.path: scan.bad_rows for scan in scans if scan.bad_texts},
        is_text=True,
    )
