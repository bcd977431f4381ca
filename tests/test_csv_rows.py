"""The rows of delimited text, counted byte by byte, against Python's csv module."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust.kernels import csv_rows as kernel

FIELD = st.text(alphabet='ab"; \n\r\té', max_size=5)
RAW = st.text(alphabet='ab"",, \n\r\\', max_size=60)


def scan(text, expected, *, chunk=1 << 20, quote='"', escape='"', room=7, copying=False):
    """Read a text in chunks; return state, bad rows, shifts and the copied rows."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    quote, escape = (ord(each) if each else kernel.NEVER for each in (quote, escape))
    special = kernel.special_bytes(ord(","), quote, escape)
    syntax = np.array([ord(","), quote, escape, expected - 1])
    state = kernel.new_state(1, 0)
    noted, shifted, copied = [], [], b""
    kept = np.zeros(0, dtype=np.uint8)
    pieces = [data[i : i + chunk] for i in range(0, data.size, chunk)]
    end = np.array([kernel.NEWLINE], dtype=np.uint8)
    for piece in [*pieces, None]:
        if piece is None:
            is_open = state[kernel.MODE] in (kernel.QUOTED, kernel.ESCAPED)
            if is_open or state[kernel.ROW_START] == state[kernel.OFFSET]:
                break
            piece = end
        while piece.size:
            bad, shifts = np.zeros((room, 4), np.int64), np.zeros((room, 2), np.int64)
            out = np.zeros(kept.size + 2 * piece.size + 2 if copying else 0, dtype=np.uint8)
            out[: kept.size] = kept[: out.size]
            state[kernel.FILLED_OUT], state[kernel.COMMITTED] = kept.size, 0
            read, n_bad, n_shifts = kernel.scan_rows(
                piece, state, special, syntax, bad, shifts, out
            )
            noted += bad[:n_bad].tolist()
            shifted += shifts[:n_shifts].tolist()
            if copying:
                whole = int(state[kernel.COMMITTED])
                copied += out[:whole].tobytes()
                kept = out[whole : int(state[kernel.FILLED_OUT])].copy()
            piece = piece[read:]
    return state, noted, shifted, copied


def lines_of(rows, shifts):
    found, shift, at = [], 1, 0
    for row in range(rows):
        if at < len(shifts) and shifts[at][0] == row:
            shift, at = shifts[at][1], at + 1
        found.append(row + shift)
    return found


@settings(max_examples=200)
@given(
    rows=st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    chunk=st.integers(1, 9),
)
def test_rows_fields_and_lines_are_those_of_the_csv_module(rows, end, quoting, chunk):
    # Python writes a lone carriage return, and a first field of blanks, so that it is not
    # read as it was meant.
    rows = [[field.replace("\r", "").strip(" ") for field in row] for row in rows]
    rows = [[f"{row[0]}x"] if len(row) == 1 else row for row in rows]
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=quoting).writerows(rows)
    text = file.getvalue()
    reader = csv.reader(io.StringIO(text, newline=""))
    expected, line = [], 1
    for row in reader:
        if row and not (len(row) == 1 and not row[0].strip()):
            expected.append((line, len(row)))
        line = reader.line_num + 1
    good = [at for at, fields in expected if fields == 2]
    state, bad, shifts, copied = scan(text, 2, chunk=chunk, copying=True)
    assert state[kernel.ROWS] == len(good)
    assert lines_of(len(good), shifts) == good
    assert [(line, n) for _, _, line, n in bad] == [each for each in expected if each[1] != 2]
    again = list(csv.reader(io.StringIO(copied.decode(), newline="")))
    assert again == [row for row in csv.reader(io.StringIO(text, newline="")) if len(row) == 2]
    assert not state[kernel.MALFORMED_LINE]


@settings(max_examples=300)
@given(text=RAW, chunk=st.integers(1, 7), escape=st.sampled_from(['"', "\\"]))
def test_chunks_change_nothing(text, chunk, escape):
    whole = scan(text, 3, escape=escape, copying=True)
    parts = scan(text, 3, escape=escape, copying=True, chunk=chunk, room=1)
    apart = [kernel.COMMITTED, kernel.FILLED_OUT]
    states = [np.delete(each[0], apart).tolist() for each in (whole, parts)]
    assert states[0] == states[1]
    assert whole[1:] == parts[1:]


@given(text=st.text(alphabet='ab"\n,', max_size=60))
def test_without_quotes_every_line_is_a_row(text):
    state, bad, _, copied = scan(text, 2, quote="", escape="")
    lines = [line for line in text.split("\n") if line]
    assert state[kernel.ROWS] == sum(line.count(",") == 1 for line in lines)
    assert len(bad) == sum(line.count(",") != 1 for line in lines)
    assert copied == b""


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('1,2\n"a"b,3\n', kernel.MALFORMED_LINE, 2),
        ('1,2\n3,"x\n4,5\n6,y"\n', kernel.SWALLOWED_LINE, 3),
        ('1,2\n3,"x\n4,5\n6,y"\n', kernel.SWALLOWED_FROM, 2),
        ("1,2\n3\n4,5\n", kernel.RAGGED_LINE, 2),
        ('1,2\n"3",4\n', kernel.WRAPPED_LINE, 2),
        ("1\n" * 12, kernel.TEN_LINE, 10),
        ('1,"a\\n"\n', kernel.OTHER_ESCAPES, 0),
    ],
)
def test_what_is_odd_is_noted_with_its_line(text, name, line):
    assert scan(text, 2)[0][name] == line


def test_escapes_are_told_apart():
    state = scan('1,"a\\"b"\n2,"c\\n"\n', 2, escape="\\")[0]
    assert (state[kernel.ROWS], state[kernel.OTHER_ESCAPES]) == (2, 1)
    assert state[kernel.MALFORMED_LINE] == 0


@pytest.mark.parametrize(
    ("text", "ends"),
    [("1,2\n3,4\n", (2, 0, 0)), ("1,2\r\n3,4\r\n", (0, 2, 0)), ("1,2\r3,4\r\n5,6\n", (1, 1, 1))],
)
def test_ends_of_lines_are_counted_by_sort(text, ends):
    for chunk in (1, 3, 100):
        state = scan(text, 2, chunk=chunk)[0]
        assert tuple(state[[kernel.LF, kernel.CRLF, kernel.CR]]) == ends
