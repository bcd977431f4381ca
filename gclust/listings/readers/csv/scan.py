"""Scan of a CSV file: it counts the rows and finds whether quotes enclose fields.

The file is read once. The results are passed to DuckDB as options, so that it guesses nothing. A
file that DuckDB would not read correctly is copied, without title, blank lines and rows with a
wrong number of fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.kernels import csv_rows as kernel
from gclust.listings.readers.csv.dialect import HEAD, Dialect, find_dialect
from gclust.listings.readers.csv.encoding import Text
from gclust.listings.readers.csv.row_counter import RowCounter
from gclust.listings.sources.source import LEAST_REJECTED, SourceFiles
from gclust.listings.sources.source_part import BadRows
from gclust.plurals import counted

SHOWN_BYTES = 200
"""Number of bytes of a bad row's text that are kept."""


@dataclass(frozen=True)
class CsvScan:
    """Result of scanning a CSV file: its dialect and rows, and what DuckDB needs to read it."""

    path: str  # the user's file
    read_from: str  # the file that DuckDB reads: the user's, or a copy
    dialect: Dialect
    counter: RowCounter
    sha256: str  # of the user's file
    messages: tuple[str, ...] = ()
    skip: int = 1  # lines of read_from before the data
    bad_texts: tuple[str, ...] = ()

    def again(self, message: str, dialect: Dialect) -> CsvScan:
        """Scan the text again with another dialect; ``message`` explains the change to the user."""
        counter = RowCounter(dialect).read(Text(self.read_from).chunks())
        return replace(self, dialect=dialect, counter=counter, messages=(message,))

    @property
    def needs_copy(self) -> bool:
        """Whether DuckDB must read a copy of the file that holds only its correct rows."""
        counter, end = self.counter, self.dialect.header_end
        ends = {"\n": kernel.LF, "\r\n": kernel.CRLF, "\r": kernel.CR}
        return (
            not self.dialect.is_simple
            or any(counter[name] for other, name in ends.items() if other != end)
            or counter[kernel.CR] > 0
            or counter[kernel.BLANKS] > 0
            or len(counter.bad) > 0
        )

    @property
    def bad_rows(self) -> BadRows:
        """The rows with a wrong number of fields."""
        _, _, line, found = self.counter.bad.T
        return BadRows(line, found, len(self.dialect.header), self.bad_texts)

    def lines(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the file's line number for each row number; correct rows are numbered from 0."""
        shifts = self.counter.shifts
        at = np.searchsorted(shifts[:, 0], row, side="right") - 1
        return row + np.append(shifts[:, 1], self.dialect.data_line)[at]


def scan_csv(
    path: str, source: SourceFiles, folder: Path, number: int, progress: Callable[[float], None]
) -> CsvScan:
    """Read a CSV file once from beginning to end, and decide how DuckDB reads it.

    A copy that is needed is written to ``folder``, named by a ``number`` that differs for each
    file. ``progress`` is called with the fraction of the file that has been read. Raises StudyError
    if the file is damaged, not in its encoding, empty, or not the table that its header announces;
    the message names the file, the line, what was expected and the key to set.
    """
    text = Text(path, source.encoding)
    dialect = find_dialect(path, text.head(HEAD), source)
    digest = hashlib.sha256()
    chunks = _watched(text.chunks(digest), progress, max(1, Path(path).stat().st_size))
    read_from = path
    if not text.is_plain:
        read_from = str(folder / f"text-{number}.csv")
        chunks = _copied(chunks, read_from)
    with closing(chunks):
        counter = RowCounter(dialect).read(chunks)
    scan = CsvScan(path, read_from, dialect, counter, digest.hexdigest())
    scan = _understand_quotes(scan, is_given=source.quote is not None)
    _refuse_ragged(scan, source.max_rejects)
    if dialect.header_line > 1:
        title = f"{path}: the header is line {dialect.header_line}; the lines before it are a title"
        scan = replace(scan, messages=(title, *scan.messages))
    scan = replace(scan, bad_texts=_texts(read_from, scan.counter.bad, text.is_plain))
    if scan.needs_copy:
        copy = str(folder / f"rows-{number}.csv")
        with open(copy, "wb") as file:
            RowCounter(scan.dialect, file).read(Text(read_from).chunks())
        if not text.is_plain:
            Path(read_from).unlink()
        scan = replace(scan, read_from=copy, skip=0)
    return scan


def _watched(
    chunks: Iterable[bytes], progress: Callable[[float], None], size: int
) -> Generator[bytes, None, None]:
    """Yield the same chunks; report the fraction of the file's bytes that has been read."""
    read = 0
    for chunk in chunks:
        read += len(chunk)
        progress(min(read / size, 0.999))
        yield chunk


def _copied(chunks: Iterable[bytes], to: str) -> Generator[bytes, None, None]:
    """Yield the same chunks; write them to a file in another thread."""
    pending: Future[Any] | None = None
    with open(to, "wb") as file, ThreadPoolExecutor(1) as writer:
        for chunk in chunks:
            if pending is not None:
                pending.result()
            pending = writer.submit(file.write, chunk)
            yield chunk
        if pending is not None:
            pending.result()


def _understand_quotes(scan: CsvScan, *, is_given: bool) -> CsvScan:
    """Decide what quotes mean, after the text was read as if they enclosed fields.

    Raises StudyError if no meaning of the quotes fits the whole file.
    """
    path, dialect, counter = scan.path, scan.dialect, scan.counter
    if dialect.quote == "" or counter[kernel.QUOTED_FIELDS] == 0:
        # Nothing is quoted: DuckDB need not look for quotes.
        return replace(scan, dialect=replace(dialect, quote="", escape=""))
    malformed = counter[kernel.MALFORMED_LINE]
    swallowed = 0 if is_given else counter[kernel.SWALLOWED_LINE]
    open_line = counter[kernel.ROW_LINE] if counter.unterminated else 0
    if not (malformed or swallowed or open_line):
        return scan
    if not is_given:
        if counter[kernel.RAGGED_LINE] == 0 and counter[kernel.WRAPPED_LINE] == 0:
            message = (
                f"{path}: quotes are read as characters, for every line has"
                f" {counted(len(dialect.header), 'field')} without them and none is quoted as a"
                " whole"
            )
            return scan.again(message, replace(dialect, quote="", escape=""))
        message = f"{path}: a backslash stands before quotes within fields"
        escaped = scan.again(message, replace(dialect, escape="\\"))
        faults = (kernel.MALFORMED_LINE, kernel.OTHER_ESCAPES, kernel.SWALLOWED_LINE)
        counter = escaped.counter
        if not (counter.unterminated or len(counter.bad) or any(counter[name] for name in faults)):
            return escaped
    if malformed:
        what = f"line {malformed}: text follows a closing quote"
    elif open_line:
        what = f"line {open_line}: a quote opens a field that never ends"
    else:
        what = (
            f"line {counter[kernel.SWALLOWED_FROM]}: a quote opens a field that goes on over line"
            f" {swallowed}, which looks like a row of its own"
        )
    help_ = (
        'if quotes are ordinary characters, write quote = "" in the source; if they enclose fields'
        f" of several lines, write quote = '{dialect.quote}'"
    )
    if is_given:
        help_ = (
            f"expected fields quoted with {dialect.quote}, doubled within a field; if quotes are"
            ' ordinary characters, write quote = "" in the source'
        )
    raise StudyError(f"{path}: {what}; {help_}")


def _refuse_ragged(scan: CsvScan, max_rejects: float) -> None:
    """Raise StudyError if too many rows have a wrong number of fields."""
    dialect, counter = scan.dialect, scan.counter
    bad = counter.bad
    rows, wrong = counter[kernel.ROWS], len(bad)
    in_a_row = counter[kernel.TEN_LINE]
    first = 0
    if in_a_row:
        first = max(0, int(np.searchsorted(bad[:, 2], in_a_row)) - kernel.IN_A_ROW + 1)
        why = f"{kernel.IN_A_ROW} rows one after another"
    elif wrong >= LEAST_REJECTED and wrong > max_rejects * (rows + wrong):
        why = (
            f"{wrong:,} of {counted(rows + wrong, 'row')}, more than [study] max_rejects ="
            f" {max_rejects:g}"
            " allows,"
        )
    else:
        return
    line, found = bad[first, 2:]
    shown = _texts(scan.read_from, bad[first : first + 1], True)[0]
    raise StudyError(
        f"{scan.path}: from line {line} on {why} do not have the"
        f" {counted(len(dialect.header), 'field')} of the header (line {dialect.header_line}): line"
        f" {line} has {found}: {shown[:80]!r}."
        f" Expected one table with the delimiter {dialect.delimiter!r}; if it is another, set"
        " delimiter in the source; if files were joined, give them as separate files"
    )


def _texts(path: str, bad: NDArray[np.int64], may_have_mark: bool) -> tuple[str, ...]:
    """Return the texts of bad rows, cut after `SHOWN_BYTES`."""
    found = []
    with open(path, "rb") as file:
        mark = 3 if may_have_mark and file.read(3) == b"\xef\xbb\xbf" else 0
        for start, end in bad[:, :2]:
            file.seek(int(start) + mark)
            read = file.read(min(int(end - start), SHOWN_BYTES))
            found.append(read.decode("utf-8", errors="replace"))
    return tuple(found)
