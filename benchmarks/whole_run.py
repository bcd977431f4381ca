"""A whole ``gclust run`` against the script that a researcher writes today, in turn.

    python benchmarks/whole_run.py --sizes 1e6,1e7 --rounds 3 --write

Both get the same Parquet files and the same raster, each in a process of its own, imports
included; the times are those from start to end of the process, and the memory is the most that it
held, together with the process that draws the map of ``gclust run``. gclust also merges, names,
maps and writes all its files, which the script does not.
``--write`` puts the table between the markers of docs/how_it_works/performance.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import rasterio  # noqa: E402
from rasterio.transform import from_origin  # noqa: E402

from benchmarks.listings import EPS_KM, SEED, min_samples, parts  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from benchmarks.table import PAGE, find_markers, put_between_markers  # noqa: E402
from gclust.places.cities.gazetteer import gazetteer  # noqa: E402

NAME = "whole-run"
"""Of the markers in docs/how_it_works/performance.md."""

CELL_DEGREES = 1 / 12
"""Side of the raster's cells."""

TEAM = 4.0
"""Mean number of listings of a record: the sizes of teams are geometric."""

SCRIPT = "the script: pandas, `dbscan`, Shapely's concave hulls, exactextract"
METHODS = {"discs": "`gclust run`, discs", "concave": "`gclust run`, concave hulls"}
ROWS = {"script": SCRIPT, **METHODS}


LOOK_SECONDS = 0.02
"""Time between two looks at the memory of a process."""


class Taken(NamedTuple):
    """What one process took."""

    seconds: float
    peak_bytes: int


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and with ``--write`` put the table into its page."""
    options = _parse(arguments)
    if options.write:
        find_markers(options.page, NAME)
    if is_busy():
        print("warning: the machine is busy; times will not be what they could be", file=sys.stderr)
    results: dict[tuple[str, int], Taken] = {}
    for n in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            results |= _measure_size(n, options, Path(folder))
    text = _text(options, results)
    print(text)
    if options.write:
        put_between_markers(options.page, text, NAME)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e6", help="numbers of listings, such as 1e6,1e7")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each gets")
    parser.add_argument("--rows", default=",".join(ROWS), help="some of: %(default)s")
    parser.add_argument("--scratch", type=Path, help="folder for inputs and results")
    parser.add_argument("--write", action="store_true", help="put the table into its page")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    options.sizes = [round(float(size)) for size in options.sizes.split(",")]
    options.rows = options.rows.split(",")
    if unknown := sorted(set(options.rows) - set(ROWS)):
        parser.error(f"no row is called {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return options


def write_world(folder: Path, n: int) -> None:
    """Write listings of records, a raster of inhabitants, and a study for each method."""
    (folder / "listings").mkdir(parents=True)
    for number, table in enumerate(_tables(n)):
        pq.write_table(table, folder / "listings" / f"part-{number:04d}.parquet")
    _write_raster(folder / "population.tif")
    for method in METHODS:
        (folder / f"{method}.toml").write_text(
            f'[study]\nname = "{method}"\n'
            '[[sources]]\nkind = "patent"\npath = "listings/*.parquet"\n'
            f"[clusters]\neps_km = {EPS_KM}\nmin_samples = {min_samples(n)}\n"
            f'[footprint]\nmethod = "{method}"\n'
            '[population]\nraster = "population.tif"\nunit = "count"\n',
            encoding="utf-8",
        )


def _tables(n: int) -> Iterator[pa.Table]:
    """Yield listings in parts; the listings of a record are spread over a part."""
    first = 0
    for number, points in enumerate(parts(n), start=1):
        rng = np.random.default_rng([SEED, number, 1])
        sizes = rng.geometric(1.0 / TEAM, len(points))
        record = np.repeat(np.arange(len(sizes)), sizes)[: len(points)] + first
        first = int(record[-1]) + 1
        columns = {"record": rng.permutation(record), "lat": points[:, 0], "lon": points[:, 1]}
        yield pa.table(columns)


def _write_raster(path: Path) -> None:
    """Write inhabitants of the cities of the gazetteer, spread over the cells about them."""
    table = gazetteer()
    table = table[~table["section"]]
    people = table["population"].to_numpy(dtype=np.float64)
    height, width = round(180 / CELL_DEGREES), round(360 / CELL_DEGREES)
    cells = np.full((height, width), 1.0)
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        lat = table["lat"].to_numpy() + rng.normal(0.0, 0.1, len(table))
        lon = table["lon"].to_numpy() + rng.normal(0.0, 0.1, len(table))
        row = np.clip(((90.0 - lat) / CELL_DEGREES).astype(int), 0, height - 1)
        column = ((lon + 180.0) / CELL_DEGREES).astype(int) % width
        np.add.at(cells, (row, column), people / 20)
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    profile |= {"height": height, "width": width, "compress": "deflate", "tiled": True}
    transform = from_origin(-180.0, 90.0, CELL_DEGREES, CELL_DEGREES)
    with rasterio.open(path, "w", transform=transform, **profile) as file:
        file.write(cells.astype(np.float32), 1)


def _measure_size(
    n: int, options: argparse.Namespace, folder: Path
) -> dict[tuple[str, int], Taken]:
    write_world(folder, n)
    rounds: dict[str, list[Taken]] = defaultdict(list)
    for turn in range(options.rounds + 1):  # the first turn warms up caches of files and kernels
        for row in options.rows:
            taken = _call(row, n, folder, folder / f"out-{row}-{turn}")
            said = f"{taken.seconds:.1f} s, {taken.peak_bytes / 1e9:.2f} GB"
            print(f"{n:,} listings, round {turn}: {row} {said}", file=sys.stderr, flush=True)
            if turn:
                rounds[row].append(taken)
    return {
        (row, n): Taken(
            median(one.seconds for one in each), int(median(one.peak_bytes for one in each))
        )
        for row, each in rounds.items()
    }


def _call(row: str, n: int, folder: Path, out: Path) -> Taken:
    if row == "script":
        out.mkdir()
        script = str(Path(__file__).with_name("whole_run_script.py"))
        command = [sys.executable, script, folder, EPS_KM, min_samples(n), out]
    else:
        command = [sys.executable, "-m", "gclust", "run", folder / f"{row}.toml", "-o", out]
    start = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": ROOT}
    )
    ended, together = 0, 0
    while not ended:
        time.sleep(LOOK_SECONDS)
        together = max(together, _held_bytes(process.pid))
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{row} failed with {n:,} listings: exit code {process.returncode}")
    return Taken(seconds, max(usage.ru_maxrss * 1024, together))


def _held_bytes(pid: int) -> int:
    """Return the memory that a process holds, with what is not shared of those it has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        pages = _pages(pid)[0]
        for child in children:
            resident, shared = _pages(int(child))
            pages += resident - shared
    except OSError:  # one has ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _pages(pid: int) -> tuple[int, int]:
    """Return the resident pages of a process, and how many of them are those of files."""
    found = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    return int(found[1]), int(found[2])


def _text(options: argparse.Namespace, results: dict[tuple[str, int], Taken]) -> str:
    lines = ["| listings | " + " | ".join(f"{n:,}" for n in options.sizes) + " |"]
    lines.append("| --- |" + " ---: |" * len(options.sizes))
    for row in options.rows:
        cells = []
        for n in options.sizes:
            taken, base = results[row, n], results.get(("script", n))
            ratio = f" ({taken.seconds / base.seconds:.2g}×)" if base and row != "script" else ""
            cells.append(f"{taken.seconds:.1f} s{ratio}, {taken.peak_bytes / 1e9:.2f} GB")
        lines.append(f"| {ROWS[row]} | " + " | ".join(cells) + " |")
    names = ("gclust", "dbscan", "duckdb", "pandas", "shapely", "exactextract", "numba")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return "\n".join(
        [
            *lines,
            "",
            "From the start of a process to its end, and the most memory that it held: medians of"
            f" {options.rounds} rounds, in turn, after one that warms up. In brackets as a multiple"
            " of the script's time. The script merges nothing, names nothing and draws no map.",
            "",
            f"{describe_machine()}; Python {platform.python_version()}, {versions}."
            f" {datetime.date.today()}, by `python benchmarks/whole_run.py`.",
        ]
    )


if __name__ == "__main__":
    main()
