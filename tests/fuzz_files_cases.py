"""Cases of files of listings; each follows from a seed and a number."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from gclust.listings.sources.source import SourceFiles
from tests.fuzz_files_bytes import (
    CONTAINERS,
    ENCODINGS,
    damaged,
    encoded,
    ending,
    fitting,
    is_utf8,
    packed,
    save,
    zipped,
)
from tests.fuzz_files_csv import NAMES, Sheet, change, quote_nothing, sheet_of, write
from tests.fuzz_files_layouts import LAYOUTS
from tests.fuzz_files_parquet import parquet_parts, parquet_whole
from tests.fuzz_files_points import POINTS
from tests.fuzz_files_tables import Rows, as_texts, draw, plain_row, size
from tests.fuzz_files_tools import by_tool
from tests.fuzz_files_truth import TOKENS, Case
from tests.fuzz_files_twists import SHAPES, TWISTS, twist_stray_quotes

OPTIONS = {each.name for each in fields(SourceFiles)}
FURTHER = ("year", "organisation", "field", "country", "precision")
FAR = 20_600  # beyond the rows that a sniffer looks at
ODD_FILES = (
    "rows", "my rows", "rows (1)", "données", "o'rows", "rows,1", "50% & more", "行", "rows.v2",
)  # fmt: skip
GLOB_FILES = ("[a]", "rows*", "rows?", "{a,b}", "[!x]rows", "a**b")


def some_names(rng: random.Random) -> dict[str, str]:
    return NAMES[rng.choice(("own", "own", "plain", "plain", "plain", *NAMES))]


def options_of(rng: random.Random, rows: Rows, names: dict[str, str], way: list[str]) -> dict:
    """Return what a study says of a source: columns, window, null island, what is missing."""
    there = {role for row in rows for role in row}
    columns = {role: name for role, name in names.items() if role in there and role != name}
    options: dict[str, Any] = {"columns": columns, "further": FURTHER}
    window, keep = rng.random() < 0.4, rng.random() < 0.5
    if "year" in there and window:
        options["years"] = (2010, 2015)
        way.append("window")
    if "null_island" in OPTIONS and keep:
        options["null_island"] = "keep"
        way.append("null island kept")
    if rng.random() < 0.08 and "missing" in OPTIONS and not is_tokened(rows):
        options["missing"] = ("A61K", "Acme", "unknown")
        way.append("missing named")
    return options


def is_tokened(rows: Rows) -> bool:
    """Whether texts of a table mean nothing by default: are they that with others named, too?"""
    return any(isinstance(v, str) and v.strip() in TOKENS for row in rows for v in row.values())


def started(rng: random.Random, seed: int, number: int) -> tuple[Case, Rows, dict[str, str]]:
    """Draw a table and the options to read it with."""
    way: list[str] = []
    rows = draw(rng, size(rng), way)
    if rng.random() < 0.01:
        short = min(rows, key=lambda row: len(str(row)))  # a long text so often is a gigabyte
        rows = [{**short, **plain_row(rng)} for _ in range(FAR)] + rows
        way.append("far rows")
    names = some_names(rng)
    options = options_of(rng, rows, names, way)
    return Case(seed, number, way, "", options, []), rows, names


def tool_csv(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A CSV file that a common tool wrote."""
    file = rng.choice(ODD_FILES) if rng.random() < 0.2 else "rows"
    in_gz = rng.random() < 0.15
    case.path = f"{file}.csv" + (".gz" if in_gz else "")
    tool, text, part = by_tool(rng, rows, names, folder, case.path)
    case.parts.append(part)
    encoding = "utf-8-sig" if rng.random() < 0.1 else "utf-8"
    data = encoded(text, encoding)
    save(folder / case.path, packed(rng, data, "gz") if in_gz else data)
    case.way[:0] = [tool, *(["gz"] if in_gz else []), *(["BOM"] if "sig" in encoding else [])]


def dialect(rng: random.Random, case: Case, sheet: Sheet) -> None:
    """Choose a delimiter and quotes."""
    sheet.delimiter = rng.choice((",", ",", ";", "\t", "|"))
    sheet.quoting = rng.choice(("minimal", "minimal", "all", "text", "none"))
    if sheet.quoting == "none":
        quote_nothing(sheet)
    case.way.append(f"{sheet.quoting} quoted, {sheet.delimiter!r}")


def twist(rng: random.Random, case: Case, sheet: Sheet) -> None:
    """Do up to two things wrong."""
    count = rng.choices((0, 1, 2), (0.35, 0.45, 0.2))[0]
    done: list[Callable[..., str]] = []
    for function in rng.choices(list(TWISTS), list(TWISTS.values()), k=count):
        if function in done or (function in SHAPES and SHAPES.intersection(done)):
            continue
        done.append(function)
        name = function.__name__.removeprefix("twist_").replace("_", " ")
        case.way.append(name)
        case.doubt(function(rng, sheet), name)
    if sheet.quoting == "none":  # a later twist may have put in what needs quotes
        case.doubt("either", "no quotes")
    if rng.random() < 0.2:
        case.options["delimiter"] = sheet.delimiter
        case.way.append("delimiter named")
    says_quote = rng.random() < 0.3
    if says_quote and "quote" in OPTIONS:
        case.options["quote"] = "" if sheet.quoting == "none" else '"'
        case.way.append("quote named")
        if done == [twist_stray_quotes]:
            case.verdict = "read"


def encode(rng: random.Random, case: Case, sheet: Sheet, file: str | None) -> bytes:
    """Write a sheet in some encoding, which is named or not."""
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.22 else "utf-8"
    named = rng.random() < 0.6 and "encoding" in OPTIONS
    if any(fitting(name, encoding) != name for name in sheet.header):
        encoding = "utf-8"  # names that the source gives stay as they are
    change(sheet, lambda text: fitting(text, encoding))
    text, part = write(sheet, file)
    data = encoded(text, encoding)
    if not encoding.startswith("utf-"):
        readable = [str(value) for row in part.rows for value in row.values()]
        if named:
            case.doubt("read" if encoding == "latin-1" else "either", "a rare encoding")
        elif is_utf8(data) and not text.isascii():
            data, encoding = text.encode("utf-8"), "utf-8"  # by chance; nobody could know
        elif not text.isascii():
            is_read = any(not value.isascii() for value in readable)
            case.doubt("refused" if is_read else "either", "an encoding that is not named")
    elif encoding.startswith("utf-16"):
        case.doubt("either", "UTF-16")
    if encoding != "utf-8":
        case.way.append(encoding + (" named" if named else ""))
        if named:
            case.options["encoding"] = "utf-16" if encoding.startswith("utf-16") else encoding
    case.parts.append(part)
    return data


def sheet_csv(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A CSV file with twists, in any encoding, in any container, damaged or not."""
    sheet = sheet_of(rng, as_texts(rows), names, rng.choice((0, 0, 1, 3)))
    sheet.first = FAR if len(rows) > FAR else 0
    rows_were = len(sheet.rows)
    dialect(rng, case, sheet)
    twist(rng, case, sheet)
    container = rng.choice(CONTAINERS) if rng.random() < 0.2 else "plain"
    file = rng.choice(ODD_FILES) if rng.random() < 0.1 else "rows"
    base = file + rng.choice((".csv", ".csv", ".csv", ".tsv", ".txt", ".CSV")) + ending(container)
    case.path = f"{file}.zip" if container.startswith("zip") else base
    is_named = not container.startswith("zip")
    data = encode(rng, case, sheet, case.path if is_named else None)
    if container == "zip of two" and not (sheet.more or sheet.fewer or sheet.header_at):
        other = Sheet(**{**vars(sheet), "rows": sheet.rows[: rows_were // 2]})
        text, part = write(other, None)
        case.parts.append(part)
        encoding = next((w.split()[0] for w in case.way if w.split()[0] in ENCODINGS), "utf-8")
        whole = zipped([("rows.csv", data), ("more.csv", encoded(text, encoding))])
    else:
        whole = packed(rng, data, container)
    if container != "plain":
        case.way.insert(0, container)
        case.doubt("read" if container == "gz" else "either", container)
        broken = None
        if rng.random() < 0.3 and container not in ("plain as gz", "gz as plain"):
            broken = damaged(rng, whole, container)
        if broken is not None:
            whole = broken
            case.way.insert(1, "damaged")
            case.doubt("refused", f"a damaged {container}")
    case.way.insert(0, "sheet")
    save(folder / case.path, whole)


def several_csv(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """Several CSV files of one source, alike or not."""
    case.path = rng.choice(("part-*.csv", "part-*", "*.csv", "**/*.csv", "parts"))
    is_folder = case.path == "parts"
    if is_folder:
        case.doubt("either", "a folder of CSV files")
    alike, count = rng.random() < 0.5, rng.choice((2, 2, 3))
    texts = as_texts(rows)
    first = sheet_of(rng, texts, names, 1)
    case.way[:0] = ["several sheets", "alike" if alike else "unlike"]
    for number in range(count):
        sheet = Sheet(first.header, first.roles, first.rows[number::count])
        if not alike:
            sheet = (
                sheet_of(rng, texts[number::count], names, rng.choice((0, 1)))
                if (texts[number::count])
                else sheet
            )
            sheet.delimiter = rng.choice(",,;\t")
            sheet.quoting = rng.choice(("minimal", "all"))
            sheet.ends = rng.choice((("\n",), ("\r\n",)))
            case.doubt("either", "files of one source that are unlike")
        if not sheet.rows:
            case.doubt("either", "a header without rows")
        file = f"parts/part-{number}.csv" if is_folder else f"part-{number}.csv"
        text, part = write(sheet, file)
        case.parts.append(part)
        if rng.random() < 0.03:
            case.way.append("an empty file")
            case.doubt("either", "an empty file")
            save(folder / "part-x.csv", b"")
        save(folder / file, text.encode("utf-8"))


def odd_csv(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A file that is next to nothing, or whose name is a pattern."""
    case.path = "rows.csv"
    way = rng.randrange(5)
    sheet = sheet_of(rng, as_texts(rows), names, 0)
    text, part = write(sheet, case.path)
    case.way.insert(
        0, ("empty", "header only", "blank only", "pattern as name", "names guessed")[way]
    )
    if way == 0:
        text = ""
    elif way == 1:
        text = text[: text.index("\n") + 1] if "\n" not in "".join(sheet.header) else ""
    elif way == 2:
        text = rng.choice(("\n", "\n\n\n", "\ufeff", " ", "\r\n"))
    elif way == 3:
        name = rng.choice(GLOB_FILES)
        case.path = part.file = f"{name}.csv"
        for decoy in ("a.csv", "b.csv", "rows1.csv", "!rows.csv", "xrows.csv", "axb.csv"):
            if decoy != case.path:
                save(folder / decoy, text.encode("utf-8"))
        case.doubt("either", "a pattern as a name")
    else:
        for role, guess in (
            ("lat", ("LAT", "Latitude", "lat.")),
            ("lon", ("Longitude", "lng", "LON")),
        ):
            sheet.header[sheet.roles.index(role)] = rng.choice(guess)
            case.options["columns"].pop(role, None)
        text, part = write(sheet, case.path)
        case.doubt("either", "names that may be guessed")
    save(folder / case.path, text.encode("utf-8"))
    if way < 3:
        case.doubt("refused", "nothing in it")
    case.parts.append(part)


WRITERS: dict[Callable[..., None], int] = {
    tool_csv: 26, sheet_csv: 38, several_csv: 7, odd_csv: 3, parquet_whole: 10, parquet_parts: 8,
    **LAYOUTS, **POINTS,
}  # fmt: skip


def make_case(seed: int, number: int, folder: Path) -> Case:
    """Draw a case and write its files into an empty folder."""
    rng = random.Random(f"{seed}:{number}")
    writer = rng.choices(list(WRITERS), list(WRITERS.values()))[0]
    case, rows, names = started(rng, seed, number)
    writer(rng, case, rows, names, folder)
    return case
