"""What is wrong with CSV files: each twist does one thing to a sheet.

It returns the least verdict that it leaves (see `tests.fuzz_files_truth.Case`).
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.fuzz_files_csv import Sheet, change, quote_nothing


def column(rng: random.Random, sheet: Sheet) -> int:
    """Return a column whose texts are free: an organisation, a record, or one that none reads."""
    free = [i for i, role in enumerate(sheet.roles) if role in ("organisation", "record", None)]
    return rng.choice(free) if free else -1


def twist_stray_quotes(rng: random.Random, sheet: Sheet) -> str:
    """Quotes in fields without quotes: inches, and one that opens and never closes."""
    at = column(rng, sheet)
    if at < 0:
        return "read"
    quote_nothing(sheet)
    for row in sheet.tail:
        if rng.random() < 0.2:
            row[at] = f'{rng.randrange(9)}" pipe'
    if rng.random() < 0.6:
        rng.choice(sheet.tail)[at] = '"the first'
    return "either"


def twist_backslashes(rng: random.Random, sheet: Sheet) -> str:
    """Quotes within quotes are escaped by a backslash, as some dumps have them."""
    at = column(rng, sheet)
    if at < 0:
        return "read"
    change(sheet, lambda text: text.replace("\\", "/").replace('"', "'"))
    sheet.header = [name.replace("\\", "/").replace('"', "'") for name in sheet.header]
    sheet.quoting, sheet.escape = "all", '\\"'
    for row in [sheet.tail[0], *rng.sample(sheet.tail, len(sheet.tail) // 3)]:
        row[at] = rng.choice(('the "first" one', 'a "b, c" d', '5" pipe'))
    return "either"


def twist_ragged(rng: random.Random, sheet: Sheet) -> str:
    """Rows with too few or too many fields, one or many."""
    for number in sheet.some(rng, rng.choice((1, 1, 2, max(1, len(sheet.tail) // 2)))):
        if rng.random() < 0.5:
            few = rng.randrange(1, len(sheet.header))
            kept = sheet.rows[number][: len(sheet.header) - few]
            if "".join(kept).strip():  # an empty line is no row
                sheet.fewer[number] = few
        else:
            sheet.more[number] = ["more"] * rng.choice((1, 1, 5))
    return "either"


def twist_comment_lines(rng: random.Random, sheet: Sheet) -> str:
    """Lines that only a person would skip."""
    for number in sheet.some(rng, 2):
        sheet.rows[number] = [f"# part {number}", *sheet.rows[number][1:]]
        sheet.fewer[number] = len(sheet.header) - 1
    return "either"


def twist_title(rng: random.Random, sheet: Sheet) -> str:
    """Lines before the header."""
    sheet.before = rng.choice((["Export of 2020"], ["# made by hand"], ["Title", ""], ["", ""]))
    return "either"


def twist_blank_lines(rng: random.Random, sheet: Sheet) -> str:
    """Blank lines between rows."""
    sheet.blank_after = set(sheet.some(rng, len(sheet.tail) // 5 + 1)) - {len(sheet.rows) - 1}
    return "either"


def twist_blank_end(rng: random.Random, sheet: Sheet) -> str:
    """No end of the last line, or several blank lines after it."""
    sheet.end_of_file = rng.choice(("", "\n\n", "\n\n\n\n", "\r\n\r\n"))
    return "read" if sheet.end_of_file == "" else "either"


def twist_line_ends(rng: random.Random, sheet: Sheet) -> str:
    """Ends of Windows, of old Macintoshes, or mixed ones."""
    sheet.ends = rng.choice(
        (("\r\n",), ("\r",), ("\n", "\r\n"), ("\n", "\n", "\r"), ("\r\n", "\n"))
    )
    sheet.end_of_file = sheet.ends[0]
    if "\r" in sheet.ends:
        change(sheet, lambda text: text.replace("\n", " ").replace("\r", " "))
        sheet.header = [name.replace("\n", " ") for name in sheet.header]
    return "read" if sheet.ends == ("\r\n",) else "either"


def twist_header_again(rng: random.Random, sheet: Sheet) -> str:
    """The header once more, as in files that were put together."""
    sheet.header_at = sheet.some(rng, 1)[0]
    return "either"


def twist_trailing(rng: random.Random, sheet: Sheet) -> str:
    """A delimiter at the end of each line, so that there is one more column without a name."""
    sheet.trailing = True
    return "either"


def twist_nul(rng: random.Random, sheet: Sheet) -> str:
    """A byte of zeros in a text."""
    at = column(rng, sheet)
    if at < 0:
        return "read"
    rng.choice(sheet.tail)[at] = "a\0b"
    return "either"


def twist_twice(rng: random.Random, sheet: Sheet) -> str:
    """A column's name twice: of one that is read, or of one that is not."""
    at = rng.randrange(len(sheet.header))
    to = rng.randrange(len(sheet.header) + 1)
    is_read = sheet.roles[at] is not None
    sheet.header.insert(to, sheet.header[at])
    sheet.roles.insert(to, None)
    for row in sheet.rows:
        row.insert(to, rng.choice(("1", "2", "")))
    return "refused" if is_read else "either"


def twist_near_names(rng: random.Random, sheet: Sheet) -> str:
    """Columns whose names differ from others' by case, by blanks or by a number at the end."""
    at = rng.randrange(len(sheet.header))
    name = sheet.header[at]
    near = rng.choice((name.upper(), name.title(), name + " ", name + "_1", " " + name))
    if near in sheet.header:
        return "read"
    to = rng.randrange(len(sheet.header) + 1)
    sheet.header.insert(to, near)
    sheet.roles.insert(to, None)
    for row in sheet.rows:
        row.insert(to, rng.choice(("1", "2", "")))
    return "either"


def twist_break_in_header(rng: random.Random, sheet: Sheet) -> str:
    """A name over two lines, of a column that nothing asks for."""
    sheet.header.insert(0, "two lines" if sheet.quoting == "none" else "two\nlines")
    sheet.roles.insert(0, None)
    for row in sheet.rows:
        row.insert(0, "x")
    return "either"


def twist_empty_rows(rng: random.Random, sheet: Sheet) -> str:
    """Rows of nothing but delimiters, as spreadsheets leave them."""
    first = len(sheet.rows) - len(sheet.tail)
    for number in rng.sample(range(len(sheet.tail)), max(1, len(sheet.tail) // 9)):
        sheet.tail[number][:] = [""] * len(sheet.tail[number])
        sheet.fewer.pop(first + number, None)  # a row cut to nothing would be a blank line
    return "read"


def twist_long_text(rng: random.Random, sheet: Sheet) -> str:
    """A text of 3 MB."""
    at = column(rng, sheet)
    if at < 0 or rng.random() < 0.7:
        return "read"
    rng.choice(sheet.tail)[at] = "x" * 3_000_000
    return "either"


SHAPES = {  # at most one of these, or none could say what the file means
    twist_stray_quotes, twist_backslashes, twist_ragged, twist_comment_lines, twist_trailing,
    twist_header_again,
}  # fmt: skip
TWISTS: dict[Callable[[random.Random, Sheet], str], int] = {
    twist_stray_quotes: 4, twist_backslashes: 3, twist_ragged: 5, twist_comment_lines: 1,
    twist_title: 2, twist_blank_lines: 2, twist_blank_end: 3, twist_line_ends: 4,
    twist_header_again: 2, twist_trailing: 2, twist_nul: 1, twist_twice: 2, twist_near_names: 2,
    twist_break_in_header: 1, twist_empty_rows: 2, twist_long_text: 1,
}  # fmt: skip
