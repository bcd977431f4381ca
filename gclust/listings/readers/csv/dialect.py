"""Dialect of a CSV file (delimiter, header, quotes), found in its first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gclust.errors import StudyError
from gclust.listings.sources.column_names import count_axes
from gclust.listings.sources.source import SourceFiles

DELIMITERS = (",", ";", "\t", "|")
HEAD = 1024**2
"""Number of bytes at the beginning of a file in which the header is searched."""

MOST_TITLE_LINES = 50
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Dialect:
    """Dialect of a CSV file: the syntax of its rows, and where its data begin."""

    delimiter: str
    quote: str  # "" if quotes are ordinary characters
    escape: str  # the quote itself if it is doubled within a field, or a backslash
    header: tuple[str, ...]  # the columns' names, without blanks around them
    header_line: int  # physical line, from 1
    data_line: int  # physical line after the header
    data_offset: int  # byte (of the text in UTF-8) at which that line begins
    header_end: str = "\n"  # end of line after the header

    @property
    def is_simple(self) -> bool:
        """Whether the header is the first line and takes only one line."""
        return self.header_line == 1 and self.data_line == 2


def find_dialect(path: str, head: bytes, source: SourceFiles) -> Dialect:
    """Find a CSV file's header and delimiter in the beginning of its text (UTF-8).

    The header is the first line that names latitude and longitude, else the first line that is
    not empty; lines before it are a title. The delimiter is the one with which the header has
    these columns, else the most frequent one in the header. Raises StudyError if the file is empty.
    """
    text = head.decode("utf-8", errors="ignore")
    candidates = DELIMITERS if source.delimiter is None else (source.delimiter,)
    quote = '"' if source.quote is None else source.quote
    lines = _lines(text)
    if not lines:
        raise StudyError(f"{path}: is empty; expected a header line with the columns' names")
    for line, start in lines:
        for delimiter in candidates:
            fields, _ = _fields(text, start, delimiter, quote)
            if count_axes(fields, source.columns) == 2:
                return _dialect(text, line, start, delimiter, quote)
    line, start = lines[0]
    most = max(candidates, key=lambda each: len(_fields(text, start, each, quote)[0]))
    return _dialect(text, line, start, most, quote)


def _lines(text: str) -> list[tuple[int, int]]:
    """Return the number and start position of the first lines that are not empty."""
    found = []
    for line, match in enumerate(LINE.finditer(text), start=1):
        if match.group().strip():
            found.append((line, match.start()))
        if len(found) > MOST_TITLE_LINES or match.end() == len(text):
            break
    return found


def _fields(text: str, start: int, delimiter: str, quote: str) -> tuple[list[str], int]:
    """Read one row; return its fields and its number of characters."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        while (match := LINE.match(text, start + taken)) is not None and match.group():
            taken += len(match.group())
            yield match.group()

    reader = csv.reader(
        lines(),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=True,
    )
    try:
        fields = next(reader)
    except (csv.Error, StopIteration):
        return [], 0
    return [field.strip() for field in fields], taken


def _dialect(text: str, line: int, start: int, delimiter: str, quote: str) -> Dialect:
    fields, taken = _fields(text, start, delimiter, quote)
    end = start + taken
    ends = LINE_END.findall(text[start:end])
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
    """Raise StudyError if delimiter or quote is not one character, or if they are equal."""
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
            raise StudyError(
                f"{path}: quote and delimiter are both {quote!r}; expected two different characters"
            )
