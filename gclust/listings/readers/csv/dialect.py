"""The dialect of a CSV file, decided from its first lines: delimiter, header, quotes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gclust.errors import StudyError

DELIMITERS = (",", ";", "\t", "|")
HEAD = 1024**2
"""Bytes in which the header is looked for."""

MOST_TITLE_LINES = 50
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
LINE_END = re.compile(r"\r\n|\r|\n")

Fit = Callable[[Sequence[str]], int]
"""How many of the columns that a source needs are among a line's fields; all of them: 2."""


@dataclass(frozen=True)
class Dialect:
    """How the fields of a file are told apart.

    Attributes
    ----------
    delimiter : str
    quote : str
        ``""`` where quotes are characters like others.
    escape : str
        The quote itself where it is doubled within a field, or a backslash.
    header : tuple of str
        The columns' names, without the blanks around them.
    header_line : int
        The physical line of the header, from 1.
    data_line : int
        The physical line that follows it.
    data_offset : int
        The byte (of the text in UTF-8) at which that line begins.
    header_end : str
        What ends the header's line.
    """

    delimiter: str
    quote: str
    escape: str
    header: tuple[str, ...]
    header_line: int
    data_line: int
    data_offset: int
    header_end: str = "\n"

    @property
    def is_simple(self) -> bool:
        """Whether the header is the first line, and one line."""
        return self.header_line == 1 and self.data_line == 2


def decide(
    path: str, head: bytes, fit: Fit, *, delimiter: str | None = None, quote: str | None = None
) -> Dialect:
    """Find a file's header and its delimiter.

    The header is the first line with the columns that the source needs, else the first
    line that is not empty; lines before it are a title. The delimiter is the one with which
    the header has these columns, else the one that it holds most often.

    Parameters
    ----------
    path : str
    head : bytes
        The beginning of the text in UTF-8.
    fit : callable
        Says how many of the needed columns are among some names.
    delimiter, quote : str, optional
        As the source gives them.

    Raises
    ------
    StudyError
        If the file is empty.
    """
    text = head.decode("utf-8", errors="ignore")
    candidates = DELIMITERS if delimiter is None else (delimiter,)
    mark = '"' if quote is None else quote
    first: tuple[int, int] | None = None
    for line, start in _lines(text):
        if first is None:
            first = line, start
        best = max(candidates, key=lambda each: fit(_fields(text, start, each, mark)[0]))
        if fit(_fields(text, start, best, mark)[0]) == 2:
            return _dialect(text, line, start, best, mark)
    if first is None:
        raise StudyError(f"{path}: is empty; expected a header line with the columns' names")
    line, start = first
    most = max(candidates, key=lambda each: len(_fields(text, start, each, mark)[0]))
    return _dialect(text, line, start, most, mark)


def _lines(text: str) -> list[tuple[int, int]]:
    """Number and beginning of the first lines that are not empty."""
    found = []
    for line, match in enumerate(LINE.finditer(text), start=1):
        if match.group().strip():
            found.append((line, match.start()))
        if len(found) > MOST_TITLE_LINES or match.end() == len(text):
            break
    return found


def _fields(text: str, start: int, delimiter: str, quote: str) -> tuple[list[str], int]:
    """Read one record; return its fields and how many characters it takes."""
    lines = _Counted(text, start)
    reader = csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=True,
    )
    try:
        fields = next(reader)
    except (csv.Error, StopIteration):
        return [], 0
    return [field.strip() for field in fields], lines.taken


class _Counted:
    """Lines of a text, and how many characters of it were taken."""

    def __init__(self, text: str, start: int) -> None:
        self._text, self._at, self.taken = text, start, 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        match = LINE.match(self._text, self._at + self.taken)
        if match is None or not match.group():
            raise StopIteration
        self.taken += len(match.group())
        return match.group()


def _dialect(text: str, line: int, start: int, delimiter: str, quote: str) -> Dialect:
    fields, taken = _fields(text, start, delimiter, quote)
    record = text[start : start + taken]
    end = start + taken
    ends = LINE_END.findall(record)
    return Dialect(
        delimiter=delimiter,
        quote=quote,
        escape=quote,
        header=tuple(fields),
        header_line=line,
        data_line=line + max(1, len(ends)),
        data_offset=len(text[:end].encode("utf-8")),
        header_end=ends[-1] if ends else "",
    )


def refuse_marks(path: str, delimiter: str | None, quote: str | None) -> None:
    """Refuse a delimiter or a quote that is no single character of its own.

    Raises
    ------
    StudyError
        The message names the key and what was expected.
    """
    if delimiter is not None and (
        len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n" '
    ):
        raise StudyError(f"{path}: delimiter = {delimiter!r}; expected one character, such as ';'")
    if quote is not None and quote != "":
        if len(quote) != 1 or not quote.isascii() or quote.isalnum() or quote in "\r\n \t":
            raise StudyError(
                f'{path}: quote = {quote!r}; expected one character, or "" where fields are not'
                " quoted"
            )
        if quote == delimiter:
            raise StudyError(f"{path}: quote and delimiter are both {quote!r}")
