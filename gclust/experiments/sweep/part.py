"""Parts of a sweep: the grid points of one shard, and the sweep that all parts give."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from gclust.experiments.grid import Pairs
from gclust.experiments.shards.part import Part, write_part
from gclust.experiments.sweep.grid_point import GridPoint
from gclust.experiments.sweep.result import Sweep
from gclust.experiments.sweep.tables import BaselineTables, assemble_sweep
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter

POINTS = "points.jsonl"
SHARED = tuple(f"{name}.parquet" for name in BaselineTables._fields)


def grid_of(pairs: Pairs) -> dict[str, list[float]]:
    """Return the values of a grid and its baseline, as values that JSON can hold."""
    return {name: list(getattr(pairs, name)) for name in Pairs.__annotations__}


def write_sweep_part(
    part: Part, place: Place, points: list[GridPoint], tables: BaselineTables
) -> Part:
    """Write the grid points of a shard, and the tables that all parts have in common."""

    def fill(folder: ResultWriter) -> None:
        # Python writes floats so that they read back the same, NaN included.
        lines = "".join(json.dumps(asdict(point)) + "\n" for point in points)
        (folder.folder / POINTS).write_text(lines, encoding="utf-8")
        for name, table in tables._asdict().items():
            folder.parquet(name, table)

    return write_part(part, place, fill, SHARED)


def gather_sweep(parts: list[Part]) -> Sweep:
    """Assemble the sweep whose parts are given, one of each shard in order."""
    first = parts[0]
    grid = first.common["grid"]
    pairs = Pairs(*(tuple(grid[name]) for name in Pairs.__annotations__))
    reader = ResultReader(first.folder, "part")
    tables = BaselineTables(*map(reader.table, SHARED))
    points: list[GridPoint] = []
    for part in parts:
        wanted = part.shard.share_of(list(pairs), "pairs")
        points += ResultReader(part.folder, "part").file(POINTS, _Points(wanted))
    return assemble_sweep(first.study, pairs, points, tables, first.warnings)


class _Points:
    """Reader of the grid points of a part, which are those of the given pairs."""

    def __init__(self, wanted: list[tuple[float, float]]) -> None:
        self._wanted = wanted

    def __call__(self, path: Path) -> list[GridPoint]:
        lines = path.read_text(encoding="utf-8").splitlines()
        points = [GridPoint(**json.loads(line)) for line in lines]
        if [(point.eps_km, point.min_samples) for point in points] != self._wanted:
            raise ValueError("its pairs are not those of its shard")
        return points
