"""Counter of the rows of a CSV text, which also finds rows with a wrong number of fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.kernels import csv_rows as kernel
from gclust.listings.readers.csv.dialect import Dialect

MOST_NOTED = 4096
"""Largest number of bad rows (and of line offsets) that one call of the kernel can store."""
LEAST_LINE_SIZE = 2_000_000
"""DuckDB's default limit of the bytes in a row."""


class RowCounter:
    """Counter of the rows of a CSV text that has a given dialect (delimiter, quotes, header).

    ``counter[name]`` is a value of the kernel's state, see `gclust.kernels.csv_rows`. The binary
    file ``good_rows`` receives the rows with as many fields as the header, each followed by a line
    feed. ``unterminated`` is whether the text ends within a quoted field.
    """

    def __init__(self, dialect: Dialect, good_rows: Any = None) -> None:
        delimiter = ord(dialect.delimiter)
        quote = ord(dialect.quote) if dialect.quote else kernel.NEVER
        escape = ord(dialect.escape) if dialect.escape else kernel.NEVER
        self._special = kernel.special_bytes(delimiter, quote, escape)
        self._syntax = np.array([delimiter, quote, escape, len(dialect.header) - 1], np.int64)
        self._state = kernel.new_state(dialect.data_line, dialect.data_offset)
        self._to_skip = dialect.data_offset
        self._bad = [np.zeros((0, 4), dtype=np.int64)]
        self._shifts = [np.zeros((0, 2), dtype=np.int64)]
        self._good_rows = good_rows
        self._open_row = np.zeros(0, dtype=np.uint8)
        self.unterminated = False

    def __getitem__(self, name: int) -> int:
        return int(self._state[name])

    @property
    def breaks_in_quotes(self) -> bool:
        """Whether a quoted field contains a line break."""
        return self[kernel.QUOTED_BREAKS] > 0

    @property
    def line_size(self) -> int:
        """Largest size of a row in bytes, for DuckDB's option ``max_line_size``."""
        return max(LEAST_LINE_SIZE, 2 * self[kernel.LONGEST])

    @property
    def bad(self) -> NDArray[np.int64]:
        """Array of the m rows with a wrong number of fields, shape (m, 4).

        Columns: first byte, end (in bytes), line number, number of fields.
        """
        return np.concatenate(self._bad)

    @property
    def shifts(self) -> NDArray[np.int64]:
        """Array of the rows where the difference between line and row number changes, shape (k, 2).

        Columns: the first row that has the difference, and the difference.
        """
        return np.concatenate(self._shifts)

    def read(self, chunks: Iterable[bytes]) -> RowCounter:
        """Count the rows of a whole text, given in chunks; return this counter."""
        for chunk in chunks:
            skipped = min(self._to_skip, len(chunk))
            self._to_skip -= skipped
            self._feed(np.frombuffer(chunk, dtype=np.uint8)[skipped:])
        self.unterminated = self[kernel.MODE] in (kernel.QUOTED, kernel.ESCAPED)
        if not self.unterminated and self[kernel.ROW_START] < self[kernel.OFFSET]:
            # Read-only, as all chunks: for writable arrays the kernel would be compiled again.
            self._feed(np.frombuffer(b"\n", dtype=np.uint8))
            self._state[kernel.LF] -= 1
        return self

    def _feed(self, data: NDArray[np.uint8]) -> None:
        """Pass a chunk to the kernel."""
        state = self._state
        bad = np.zeros((MOST_NOTED, 4), dtype=np.int64)
        shifts = np.zeros((MOST_NOTED, 2), dtype=np.int64)
        while data.size:
            out = np.zeros(0, dtype=np.uint8)
            if self._good_rows is not None:
                kept = self._open_row.size
                out = np.empty(kept + 2 * data.size + 2, dtype=np.uint8)
                out[:kept] = self._open_row
                state[kernel.FILLED_OUT] = kept
                state[kernel.COMMITTED] = 0
            read, n_bad, n_shifts = kernel.scan_rows(
                data, state, self._special, self._syntax, bad, shifts, out
            )
            if n_bad and len(self._bad) <= MOST_NOTED:  # a file with more is refused by then
                self._bad.append(bad[:n_bad].copy())
            if n_shifts:
                self._shifts.append(shifts[:n_shifts].copy())
            if self._good_rows is not None:
                whole = self[kernel.COMMITTED]
                self._good_rows.write(out[:whole])
                self._open_row = out[whole : self[kernel.FILLED_OUT]].copy()
            data = data[read:]
