"""One pass over the text of a CSV file: its rows are counted, its quotes understood.

DuckDB gets everything that was found as options, and guesses nothing. A file that it would not
read as it is written is copied once, without what is no row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.kernels import csv_rows as rows_of
from gclust.listings.readers.csv.dialect import HEAD, Dialect, Fit, decide
from gclust.listings.readers.csv.text import Text
from gclust.listings.sources.source import LEAST_REJECTED

MOST_NOTED = 4096
"""Rows that a call of the kernel may note."""

SHOWN = 200
"""Bytes of a row's text that are kept."""


@dataclass(frozen=True)
class CsvScan:
    """What a pass over a file found.

    Attributes
    ----------
    path : str
        The user's file.
    read_from : str
        The file that DuckDB reads: the user's, or a copy.
    dialect : Dialect
    skip : int
        Lines of ``read_from`` before the data.
    rows : int
        Rows with as many fields as the header.
    bad : ndarray of int64, shape (m, 4)
        Rows with more or fewer: first byte and end (in the text), line, fields.
    shifts : ndarray of int64, shape (k, 2)
        From which row on the line is how much more than the row's number.
    longest : int
        Bytes of the longest row.
    breaks_in_quotes : bool
        Whether a field goes over several lines.
    messages : tuple of str
        What was found that a reader should know.
    sha256 : str
        Of the user's file.
    bad_texts : tuple of str
        The texts of the bad rows.
    """

    path: str
    read_from: str
    dialect: Dialect
    skip: int
    rows: int
    bad: NDArray[np.int64]
    shifts: NDArray[np.int64]
    longest: int
    breaks_in_quotes: bool
    messages: tuple[str, ...]
    sha256: str
    bad_texts: tuple[str, ...] = ()

    def lines(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the physical lines at which rows begin, numbered from 0 without bad ones."""
        at = np.searchsorted(self.shifts[:, 0], row, side="right") - 1
        shift = np.concatenate((self.shifts[:, 1], [self.dialect.data_line]))
        return row + shift[at]


@dataclass
class _Counts:
    """The kernel's state at the end of a text, and what it noted."""

    state: NDArray[np.int64]
    bad: NDArray[np.int64]
    shifts: NDArray[np.int64]
    unterminated: bool

    def __getitem__(self, name: int) -> int:
        return int(self.state[name])


def scan_csv(
    path: str,
    fit: Fit,
    folder: Path,
    number: int,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    max_rejects: float = 0.05,
    progress: Callable[[float], None] | None = None,
) -> CsvScan:
    """Read a file once from its beginning to its end, and say how DuckDB is to read it.

    Parameters
    ----------
    path : str
    fit : callable
        See `gclust.listings.readers.csv.dialect.decide`.
    folder : Path
        For copies.
    number : int
        Tells the copies of several files apart.
    encoding, delimiter, quote : str, optional
        As the source gives them.
    max_rejects : float
        Share of rows with a wrong number of fields from which on the file is refused.
    progress : callable
        Called with the fraction of the file that was read.

    Raises
    ------
    StudyError
        If the file is damaged, not in its encoding, empty, or not the table that its header
        announces; the message names file, line, what was expected and the key that helps.
    """
    text = Text(path, encoding)
    dialect = decide(path, text.head(HEAD), fit, delimiter=delimiter, quote=quote)
    unpacked = folder / f"text-{number}.csv"
    digest = hashlib.sha256()
    copy = None if text.is_plain else unpacked
    counts = _count(text.chunks(digest), dialect, copy=copy, progress=progress, size=_size(path))
    sha256 = digest.hexdigest()
    at_hand = path if text.is_plain else str(unpacked)

    def again(other: Dialect) -> _Counts:
        return _count(Text(at_hand).chunks(), other)

    dialect, counts, messages = _understood(path, dialect, counts, again, given=quote is not None)
    _refuse_ragged(path, dialect, counts, at_hand, max_rejects)
    if dialect.header_line > 1:
        messages = (
            f"{path}: the header is line {dialect.header_line}; what stands before it is taken"
            " for a title",
            *messages,
        )
    texts = _texts(at_hand, counts.bad, text.is_plain)
    skip = 1
    if _is_odd(dialect, counts):
        skip = 0
        copied = folder / f"rows-{number}.csv"
        _copy_rows(Text(at_hand), dialect, copied)
        if not text.is_plain:
            unpacked.unlink()
        at_hand = str(copied)
    return CsvScan(
        path=path,
        read_from=at_hand,
        dialect=dialect,
        skip=skip,
        rows=counts[rows_of.ROWS],
        bad=counts.bad,
        shifts=counts.shifts,
        longest=counts[rows_of.LONGEST],
        breaks_in_quotes=counts[rows_of.QUOTED_BREAKS] > 0,
        messages=messages,
        sha256=sha256,
        bad_texts=texts,
    )


def _size(path: str) -> int:
    return max(1, Path(path).stat().st_size)


def _is_odd(dialect: Dialect, counts: _Counts) -> bool:
    """Whether DuckDB is given a copy without what is no row."""
    ends = {"\n": rows_of.LF, "\r\n": rows_of.CRLF, "\r": rows_of.CR}
    others = [counts[name] for end, name in ends.items() if end != dialect.header_end]
    return (
        not dialect.is_simple
        or any(others)
        or counts[rows_of.CR] > 0
        or counts[rows_of.BLANKS] > 0
        or len(counts.bad) > 0
    )


def _syntax(dialect: Dialect) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    quote = ord(dialect.quote) if dialect.quote else rows_of.NEVER
    escape = ord(dialect.escape) if dialect.escape else rows_of.NEVER
    delimiter = ord(dialect.delimiter)
    syntax = np.array([delimiter, quote, escape, len(dialect.header) - 1], dtype=np.int64)
    return rows_of.special_bytes(delimiter, quote, escape), syntax


def _count(
    chunks: Any,
    dialect: Dialect,
    *,
    copy: Path | None = None,
    rows_to: Path | None = None,
    progress: Callable[[float], None] | None = None,
    size: int = 1,
) -> _Counts:
    """Count the rows of a text as a dialect has them.

    ``copy`` takes the whole text, ``rows_to`` the good rows alone.
    """
    special, syntax = _syntax(dialect)
    state = rows_of.new_state(dialect.data_line, dialect.data_offset)
    noted: tuple[list[Any], list[Any]] = ([], [])
    to_skip = dialect.data_offset
    read = 0
    with ExitStack() as stack:
        whole = stack.enter_context(copy.open("wb")) if copy is not None else None
        rows = stack.enter_context(rows_to.open("wb")) if rows_to is not None else None
        writer = stack.enter_context(ThreadPoolExecutor(1)) if whole is not None else None
        pending: Future[Any] | None = None
        kept = np.zeros(0, dtype=np.uint8)
        for chunk in chunks:
            if whole is not None and writer is not None:
                if pending is not None:
                    pending.result()
                pending = writer.submit(whole.write, chunk)
            read += len(chunk)
            if progress is not None:
                progress(min(read / size, 0.999))
            if to_skip >= len(chunk):
                to_skip -= len(chunk)
                continue
            data = np.frombuffer(chunk, dtype=np.uint8)[to_skip:]
            to_skip = 0
            kept = _feed(data, state, special, syntax, noted, kept, rows)
        if pending is not None:
            pending.result()
        unterminated = state[rows_of.MODE] in (rows_of.QUOTED, rows_of.ESCAPED)
        if not unterminated and state[rows_of.ROW_START] < state[rows_of.OFFSET]:
            # Not to be written to, as all chunks: for other arrays the kernel would be compiled
            # once more.
            end = np.frombuffer(b"\n", dtype=np.uint8)
            _feed(end, state, special, syntax, noted, kept, rows)
            state[rows_of.LF] -= 1
    bad, shifts = (
        np.concatenate(each) if each else np.zeros((0, width), dtype=np.int64)
        for each, width in zip(noted, (4, 2), strict=True)
    )
    return _Counts(state, bad, shifts, bool(unterminated))


def _feed(
    data: NDArray[np.uint8],
    state: NDArray[np.int64],
    special: NDArray[np.bool_],
    syntax: NDArray[np.int64],
    noted: tuple[list[Any], list[Any]],
    kept: NDArray[np.uint8],
    rows: Any,
) -> NDArray[np.uint8]:
    """Pass a chunk to the kernel; return the part of a row that is still open."""
    bad = np.zeros((MOST_NOTED, 4), dtype=np.int64)
    shifts = np.zeros((MOST_NOTED, 2), dtype=np.int64)
    while data.size:
        out = np.zeros(0, dtype=np.uint8)
        if rows is not None:
            out = np.empty(kept.size + 2 * data.size + 2, dtype=np.uint8)
            out[: kept.size] = kept
            state[rows_of.FILLED_OUT] = kept.size
            state[rows_of.COMMITTED] = 0
        read, n_bad, n_shifts = rows_of.scan_rows(data, state, special, syntax, bad, shifts, out)
        if n_bad and len(noted[0]) < MOST_NOTED:  # a file with more is refused by then
            noted[0].append(bad[:n_bad].copy())
        if n_shifts:
            noted[1].append(shifts[:n_shifts].copy())
        if rows is not None:
            whole = int(state[rows_of.COMMITTED])
            rows.write(out[:whole])
            kept = out[whole : int(state[rows_of.FILLED_OUT])].copy()
        data = data[read:]
    return kept


def _copy_rows(text: Text, dialect: Dialect, to: Path) -> None:
    """Write the rows that have the header's number of fields, a line feed behind each."""
    _count(text.chunks(), dialect, rows_to=to)


def _understood(
    path: str,
    dialect: Dialect,
    counts: _Counts,
    again: Callable[[Dialect], _Counts],
    *,
    given: bool,
) -> tuple[Dialect, _Counts, tuple[str, ...]]:
    """Decide what quotes mean, after the text was read as if they quoted fields.

    Raises
    ------
    StudyError
        If no reading of the quotes fits the whole file.
    """
    if dialect.quote == "" or counts[rows_of.QUOTED_FIELDS] == 0:
        # Nothing is quoted: DuckDB need not look for quotes.
        return replace(dialect, quote="", escape=""), counts, ()
    malformed = counts[rows_of.MALFORMED_LINE]
    swallowed = 0 if given else counts[rows_of.SWALLOWED_LINE]
    open_line = counts[rows_of.ROW_LINE] if counts.unterminated else 0
    if not (malformed or swallowed or open_line):
        return dialect, counts, ()
    if not given:
        if counts[rows_of.RAGGED_LINE] == 0 and counts[rows_of.WRAPPED_LINE] == 0:
            plain = replace(dialect, quote="", escape="")
            message = (
                f"{path}: quotes are read as characters, for every line has"
                f" {len(dialect.header)} fields without them and none is quoted as a whole"
            )
            return plain, again(plain), (message,)
        slashed = replace(dialect, escape="\\")
        escaped = again(slashed)
        clean = not (
            escaped[rows_of.MALFORMED_LINE]
            or escaped.unterminated
            or escaped[rows_of.OTHER_ESCAPES]
            or escaped[rows_of.SWALLOWED_LINE]
            or len(escaped.bad)
        )
        if clean:
            return slashed, escaped, (f"{path}: a backslash stands before quotes within fields",)
    if malformed:
        what = f"line {malformed}: text follows a closing quote"
    elif open_line:
        what = f"line {open_line}: a quote opens a field that never ends"
    else:
        what = (
            f"line {counts[rows_of.SWALLOWED_FROM]}: a quote opens a field that goes on over line"
            f" {swallowed}, which looks like a row of its own"
        )
    help_ = (
        'where quotes are characters like others name it in the source, quote = ""; where they'
        f" do quote fields over several lines, quote = '{dialect.quote}'"
    )
    if given:
        help_ = (
            f"expected fields quoted with {dialect.quote}, doubled within a field; where quotes"
            ' are characters like others, quote = "" in the source'
        )
    raise StudyError(f"{path}: {what}; {help_}")


def _refuse_ragged(
    path: str, dialect: Dialect, counts: _Counts, at_hand: str, max_rejects: float
) -> None:
    """Refuse a file in which too many rows have a wrong number of fields."""
    if not len(counts.bad):
        return
    expected = len(dialect.header)
    rows, wrong = counts[rows_of.ROWS], len(counts.bad)
    in_a_row = counts[rows_of.TEN_LINE]
    first = int(np.searchsorted(counts.bad[:, 2], in_a_row)) if in_a_row else 0
    if in_a_row:
        first = max(0, first - rows_of.IN_A_ROW + 1)
        why = f"{rows_of.IN_A_ROW} rows one after another"
    elif wrong >= LEAST_REJECTED and wrong > max_rejects * (rows + wrong):
        why = f"{wrong} of {rows + wrong} rows, more than max_rejects = {max_rejects:g} allows,"
    else:
        return
    line, found = counts.bad[first, 2:]
    shown = _texts(at_hand, counts.bad[first : first + 1], True)[0]
    raise StudyError(
        f"{path}: from line {line} on {why} do not have the {expected} fields of the header (line"
        f" {dialect.header_line}): line {line} has {found}: {shown[:80]!r}. Expected one table, its"
        f" fields parted by {dialect.delimiter!r}; where that is another, name it in the source,"
        " delimiter; where files were joined, name them apart"
    )


def _texts(path: str, bad: NDArray[np.int64], is_plain: bool) -> tuple[str, ...]:
    """Return the texts of bad rows, the beginnings of long ones."""
    found = []
    with open(path, "rb") as file:
        mark = 3 if is_plain and file.read(3) == b"\xef\xbb\xbf" else 0
        for start, end in bad[:, :2]:
            file.seek(int(start) + mark)
            found.append(file.read(min(int(end - start), SHOWN)).decode("utf-8", errors="replace"))
    return tuple(found)
