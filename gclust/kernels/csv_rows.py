"""A byte-by-byte scanner of the rows and fields of delimited text, after RFC 4180.

The text is read in chunks; ``state`` keeps what the next chunk needs. The scanner follows
two readings at once: one with quotes, and one of physical lines, in which a quote is an
ordinary character. Where they differ, a quote may have opened a field by mistake.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel

# Positions of the values in `state`.
(
    MODE,  # mode of the row being read, one of the six below
    OFFSET,  # bytes read so far
    LINE,  # physical line of the next byte, from 1
    ROWS,  # rows with the expected number of fields
    ROW_START,  # byte and line at which the row being read begins
    ROW_LINE,
    FIELDS,  # delimiters of that row so far
    FILLED,  # whether that row has more than blanks
    LINE_FIELDS,  # delimiters of the physical line being read
    LINE_FILLED,
    FIELD_START,  # byte at which the field of the physical line begins
    FIELD_QUOTED,  # whether that byte is a quote
    LAST_QUOTE,  # byte of the last quote
    PIECE,  # delimiters of this physical line that lie within a quoted field
    AFTER_CR,  # whether the last byte was a carriage return that ended a line
    SHIFT,  # line of a row minus its number, as last noted
    BAD_RUN,  # consecutive rows with a wrong number of fields
    TEN_LINE,  # line at which ten such consecutive rows begin, 0 for none
    BLANKS,  # lines with blanks only
    LF,  # ends of lines outside quotes
    CRLF,
    CR,
    LONGEST,  # bytes of the longest row
    QUOTED_FIELDS,
    QUOTED_BREAKS,  # ends of lines within quotes
    MALFORMED_LINE,  # first line with text after a closing quote
    SWALLOWED_LINE,  # first line within a quoted field that alone looks like a row
    SWALLOWED_FROM,  # the line at which that field's row begins
    RAGGED_LINE,  # first physical line with a wrong number of delimiters
    WRAPPED_LINE,  # first physical line with a field that begins and ends with a quote
    OTHER_ESCAPES,  # escapes before a byte other than quote or escape
    COMMITTED,  # bytes of `out` that hold whole rows
    FILLED_OUT,  # bytes of `out` in use
) = range(33)
STATE_SIZE = 33

AT_START, UNQUOTED, QUOTED, CLOSED, TRAILING, ESCAPED = range(6)

NEWLINE, RETURN, BLANK, TAB = 10, 13, 32, 9
NEVER = -1
"""Value of a quote or an escape that matches no byte."""

IN_A_ROW = 10
"""Number of consecutive rows with a wrong number of fields at which a file is refused."""


def new_state(line: int, offset: int) -> NDArray[np.int64]:
    """Return the scanner's state before the first byte of the data, at a given line and offset."""
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    state[[LINE, ROW_LINE, SHIFT]] = line
    state[[OFFSET, ROW_START, FIELD_START]] = offset
    state[LAST_QUOTE] = -1
    return state


def special_bytes(delimiter: int, quote: int, escape: int) -> NDArray[np.bool_]:
    """Return flags, shape (256,): which bytes are a delimiter, quote, escape or line end."""
    special = np.zeros(256, dtype=np.bool_)
    special[[delimiter, NEWLINE, RETURN]] = True
    for byte in (quote, escape):
        if byte != NEVER:
            special[byte] = True
    return special


@helper
def _end_line(state, at, expected):
    """End the field of the physical line that ends before byte ``at``, and the line."""
    _end_piece(state, at)
    if state[LINE_FILLED] == 1 and state[LINE_FIELDS] != expected and state[RAGGED_LINE] == 0:
        state[RAGGED_LINE] = state[LINE]
    state[LINE_FIELDS] = 0
    state[LINE_FILLED] = 0
    state[LINE] += 1


@helper
def _end_piece(state, at):
    """End the field of the physical line that ends before byte ``at``."""
    wraps = state[FIELD_QUOTED] == 1 and state[LAST_QUOTE] == at - 1
    if wraps and at - state[FIELD_START] >= 2 and state[WRAPPED_LINE] == 0:
        state[WRAPPED_LINE] = state[LINE]
    state[FIELD_QUOTED] = 0
    state[FIELD_START] = at + 1


@helper
def _swallow(state, expected):
    """Note a physical line within a quoted field that has as many delimiters as a row."""
    if state[PIECE] == expected and state[SWALLOWED_LINE] == 0:
        state[SWALLOWED_LINE] = state[LINE]
        state[SWALLOWED_FROM] = state[ROW_LINE]
    state[PIECE] = 0


@helper
def _copy(data, begin, end, out, state):
    """Append bytes of the row being read to ``out``."""
    filled = state[FILLED_OUT]
    for k in range(begin, end):
        out[filled + k - begin] = data[k]
    state[FILLED_OUT] = filled + end - begin


@helper
def _end_row(state, at, expected, bad, shifts, n):
    """End the row before byte ``at``; return whether it has the expected number of fields."""
    size = at - state[ROW_START]
    good = False
    if state[FILLED] == 0 and state[FIELDS] == 0:
        state[BLANKS] += 1
    elif state[FIELDS] == expected:
        good = True
        shift = state[ROW_LINE] - state[ROWS]
        if shift != state[SHIFT]:
            shifts[n[1], 0] = state[ROWS]
            shifts[n[1], 1] = shift
            n[1] += 1
            state[SHIFT] = shift
        state[ROWS] += 1
        state[BAD_RUN] = 0
        state[LONGEST] = max(state[LONGEST], size)
    else:
        bad[n[0], 0] = state[ROW_START]
        bad[n[0], 1] = at
        bad[n[0], 2] = state[ROW_LINE]
        bad[n[0], 3] = state[FIELDS] + 1
        n[0] += 1
        state[BAD_RUN] += 1
        if state[BAD_RUN] == IN_A_ROW and state[TEN_LINE] == 0:
            state[TEN_LINE] = state[ROW_LINE]
    state[FIELDS] = 0
    state[FILLED] = 0
    return good


@kernel
def scan_rows(data, state, special, syntax, bad, shifts, out):
    """Scan the rows of a chunk, up to its end or until the array ``bad`` or ``shifts`` is full.

    Returns the number of bytes read, and the numbers of rows of ``bad`` and ``shifts`` in use.

    Parameters
    ----------
    data : ndarray of uint8, shape (n,)
    state : ndarray of int64, shape (STATE_SIZE,)
        Changed in place.
    special : ndarray of bool, shape (256,)
        From `special_bytes`.
    syntax : ndarray of int64, shape (4,)
        Delimiter, quote, escape (the quote itself if quotes are doubled), and the expected
        number of delimiters in a row.
    bad : ndarray of int64, shape (m, 4)
        Output: rows with a wrong number of fields: first byte, last byte + 1, line, fields.
    shifts : ndarray of int64, shape (k, 2)
        Output: where the difference of line and row number changes: row number, difference.
    out : ndarray of uint8
        Output: good rows, each ended by a newline, after its present content; nothing is
        copied if it is empty.
    """
    delimiter, quote, escape, expected = syntax[0], syntax[1], syntax[2], syntax[3]
    base = state[OFFSET]
    n = np.zeros(2, dtype=np.int64)
    copying = out.size > 0
    row_from = 0  # index in data of the row's first byte not yet in out
    mode = state[MODE]
    i = 0
    while i < data.size and n[0] < len(bad) and n[1] < len(shifts):
        byte = data[i]
        at = base + i
        if byte == NEWLINE and state[AFTER_CR] == 1:
            # The second byte of a CRLF: the line has ended at the first.
            state[AFTER_CR] = 0
            state[FIELD_START] = at + 1
            if mode != QUOTED:
                state[CR] -= 1
                state[CRLF] += 1
                state[ROW_START] = at + 1
                row_from = i + 1
            i += 1
            continue
        state[AFTER_CR] = 0
        if not special[byte]:
            if byte == BLANK and (mode in (AT_START, CLOSED, TRAILING)):
                mode = TRAILING if mode != AT_START else AT_START
                i += 1
                continue
            if mode == AT_START:
                mode = UNQUOTED
            elif mode == ESCAPED:
                state[OTHER_ESCAPES] += 1
                mode = QUOTED
            elif mode in (CLOSED, TRAILING):
                if state[MALFORMED_LINE] == 0:
                    state[MALFORMED_LINE] = state[LINE]
                mode = UNQUOTED
            # A line with blanks only is no row; after a filled byte blanks need no check.
            while i < data.size and not special[data[i]]:
                if data[i] != BLANK and data[i] != TAB:
                    state[FILLED] = 1
                    state[LINE_FILLED] = 1
                    while i < data.size and not special[data[i]]:
                        i += 1
                    break
                i += 1
            continue
        if byte in (NEWLINE, RETURN):
            state[AFTER_CR] = 1 if byte == RETURN else 0
            line = state[LINE]
            _end_line(state, at, expected)
            if mode in (QUOTED, ESCAPED):
                state[LINE] = line  # the line that ends, for the note
                _swallow(state, expected)
                state[LINE] = line + 1
                state[QUOTED_BREAKS] += 1
                mode = QUOTED
            else:
                state[CR if byte == RETURN else LF] += 1
                good = _end_row(state, at, expected, bad, shifts, n)
                if copying:
                    if good:
                        _copy(data, row_from, i, out, state)
                        out[state[FILLED_OUT]] = NEWLINE
                        state[FILLED_OUT] += 1
                        state[COMMITTED] = state[FILLED_OUT]
                    else:
                        state[FILLED_OUT] = state[COMMITTED]
                row_from = i + 1
                state[ROW_START] = at + 1
                state[ROW_LINE] = line + 1
                mode = AT_START
        elif byte == delimiter:
            _end_piece(state, at)
            state[LINE_FIELDS] += 1
            state[LINE_FILLED] = 1
            if mode in (QUOTED, ESCAPED):
                state[PIECE] += 1
                mode = QUOTED
            else:
                state[FIELDS] += 1
                mode = AT_START
        else:
            state[FILLED] = 1
            state[LINE_FILLED] = 1
            if byte == quote:
                if at == state[FIELD_START]:
                    state[FIELD_QUOTED] = 1
                state[LAST_QUOTE] = at
            if mode == AT_START and byte == quote:
                mode = QUOTED
                state[QUOTED_FIELDS] += 1
                state[PIECE] = 0
            elif mode == AT_START:
                mode = UNQUOTED
            elif mode == QUOTED:
                # A doubled quote closes a field and opens it again at once.
                mode = CLOSED if byte == quote else ESCAPED
            elif mode == ESCAPED or (mode == CLOSED and byte == quote and escape == quote):
                mode = QUOTED
            elif mode in (CLOSED, TRAILING):
                if state[MALFORMED_LINE] == 0:
                    state[MALFORMED_LINE] = state[LINE]
                mode = UNQUOTED
        i += 1
    if copying and i > row_from:
        _copy(data, row_from, i, out, state)
    state[OFFSET] = base + i
    state[MODE] = mode
    return i, n[0], n[1]
