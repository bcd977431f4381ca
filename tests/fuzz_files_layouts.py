"""Folders of Parquet files, and columns within columns."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz_files_parquet import part_of, save_table, typed
from tests.fuzz_files_tables import Rows
from tests.fuzz_files_truth import Case

LEFTOVERS = (
    "_SUCCESS",
    "_metadata",
    ".part-0.parquet.crc",
    ".hidden.parquet",
    "_temporary/0/part-9.parquet",
    "_delta_log/00.checkpoint.parquet",
    "README.md",
    ".part-0.parquet",
    "_started_1.parquet",
)


def leftovers(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A folder in which a writer has left what are no rows."""
    case.path = rng.choice(("parts", "parts", "parts/*.parquet", "parts/**/*.parquet"))
    table, held = typed(rng, rows, case.way)
    save_table(rng, table, names, folder / "parts/part-0.parquet", case.way)
    data = (folder / "parts/part-0.parquet").read_bytes()
    left = rng.sample(LEFTOVERS, 2)
    if "*" in case.path:  # what a pattern names is named
        left = [name for name in left if not name.startswith("_") or "parquet" not in name]
    for name in left:
        path = folder / "parts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if name.endswith(".parquet") else b"")
    case.way[:0] = ["leftovers", *left]
    case.doubt("either" if any("parquet" in name for name in left) else "read", "leftovers")
    case.parts.append(part_of("parts/part-0.parquet", held))


def hive(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """Folders named after values: a column of the file's own is never replaced by these."""
    case.path = rng.choice(("parts", "parts", "parts/*/*.parquet", "parts/**/*.parquet"))
    role = rng.choice(("record", "year", "lat", "weight", "country"))
    own = role in rows[0]
    case.way[:0] = ["hive", f"{role} {'of its own' if own else 'of folders'}"]
    table, held = typed(rng, rows, case.way)
    too = []
    for number in range(2):
        take = list(range(number, len(rows), 2)) or [0]
        value = f"{number + 2011}"
        file = f"parts/{names[role]}={value}/part-{number}.parquet"
        if "/" in names[role]:
            file = f"parts/plain/part-{number}.parquet"
        save_table(rng, table.take(take), names, folder / file, case.way)
        taken = [dict(held[i]) for i in take]
        case.parts.append(part_of(file, taken))
        too.append(part_of(file, [{**row, role: value} for row in taken]))
    case.doubt("read" if own else "either", "values in names of folders")
    if not own:
        case.parts_too = too


def links(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A folder, a file or a folder within the folder that is a symbolic link."""
    table, held = typed(rng, rows, case.way)
    way = rng.choice(("folder", "file", "within", "loop"))
    case.way[:0] = ["links", way]
    if way == "folder":
        file = "there/part-0.parquet"
        save_table(rng, table, names, folder / file, case.way)
        (folder / "parts").symlink_to(folder / "there", target_is_directory=True)
    elif way == "file":
        save_table(rng, table, names, folder / "there/data.bin", case.way)
        (folder / "parts").mkdir()
        (folder / "parts/part-0.parquet").symlink_to(folder / "there/data.bin")
    else:
        save_table(rng, table, names, folder / "parts/part-0.parquet", case.way)
        target = folder / ("parts" if way == "loop" else "there")
        if way == "within":
            save_table(rng, table, names, folder / "there/part-1.parquet", case.way)
            case.parts.append(part_of(None, held))
        (folder / "parts/more").symlink_to(target, target_is_directory=True)
    case.path = "parts"
    case.doubt("either", "links")
    case.parts.append(part_of(None, held))


def struct(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """Coordinates within one column, or a column whose name has the dot."""
    case.path = "rows.parquet"
    table, held = typed(rng, rows, case.way)
    lat, lon = table["lat"].combine_chunks(), table["lon"].combine_chunks()
    rest = table.drop_columns(["lat", "lon"])
    if rng.random() < 0.5:
        inner = pa.StructArray.from_arrays([lat, lon], ["latitude", "longitude"])
        table = rest.append_column("geo", inner)
        case.doubt("either", "a struct")
        case.way.insert(0, "struct")
    else:
        table = rest.append_column("geo.latitude", lat).append_column("geo.longitude", lon)
        case.way.insert(0, "dotted names")
    case.options["columns"].update({"lat": "geo.latitude", "lon": "geo.longitude"})
    wanted = [names.get(name, name) for name in table.column_names]
    pq.write_table(table.rename_columns(wanted), folder / case.path)
    case.parts.append(part_of(case.path, held))


def twins(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A Parquet file whose name is a pattern, next to files that fit it, or with a name twice."""
    table, held = typed(rng, rows, case.way)
    if rng.random() < 0.6:
        case.path = rng.choice(("[a]", "rows*", "rows?", "{a,b}", "[!x]rows")) + ".parquet"
        for decoy in ("a.parquet", "b.parquet", "rows1.parquet", "brows.parquet"):
            save_table(rng, table, names, folder / decoy, [])
        save_table(rng, table, names, folder / case.path, case.way)
        case.way.insert(0, "parquet, pattern as name")
        case.doubt("either", "a pattern as a name")
    else:
        case.path = "rows.parquet"
        near = rng.choice((names["lat"], names["lat"].upper(), names["lat"].title()))
        is_same = near == names["lat"]
        table = table.rename_columns([names[name] for name in table.column_names])
        table = table.append_column(near, pa.array([1.0] * len(rows)))
        pq.write_table(table, folder / case.path)
        case.way.insert(0, "parquet, names twice" if is_same else "parquet, names by case")
        case.doubt("refused" if is_same else "either", "names that are the same or nearly")
    case.parts.append(part_of(case.path, held))


LAYOUTS = {leftovers: 2, hive: 2, links: 1, struct: 1, twins: 2}
