"""Time and peak memory of the whole fit, and of its tiles, one after another.

    python benchmarks/tiles.py --sizes 1e6,1e7 --tiles 4,16,64

Locations of the listings of the world are clustered as a whole, then in tiles
(`benchmarks/tile_steps.py`). Each step of each tile has a process of its own, reads its input from
files and writes files; labels must be those of the whole fit. Prints a table. Runs on Linux.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from benchmarks.contenders import keys_of  # noqa: E402
from benchmarks.listings import EPS_KM, SEED, min_samples, parts  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from benchmarks.table import significant  # noqa: E402
from benchmarks.tile_steps import (  # noqa: E402
    LinkedTile,
    Tile,
    borders_of,
    divide,
    find_cores,
    join_components,
    link_tile,
)
from gclust.cluster.dbscan import DBSCAN  # noqa: E402
from gclust.cluster.dbscan_steps import CoreLocations  # noqa: E402
from gclust.cluster.fixed_point import UNIT  # noqa: E402
from gclust.cluster.locations import assign_locations, cluster_locations  # noqa: E402

COLUMNS = ("lat", "lon", "units")
MEGABYTE = 1e6
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Spent(NamedTuple):
    """One step in a process of its own."""

    seconds: float
    processor_s: float
    """Of all threads: other work of the machine changes it little."""
    peak_bytes: int
    """Above what the process held before, its input included."""
    result: Any


class InTiles(NamedTuple):
    """All steps of all tiles."""

    owned: list[int]
    halo: list[int]
    divided: Spent
    tiles: list[list[Spent]]
    """The finding, linking and labelling of each tile."""
    joined: Spent

    @property
    def peak_bytes(self) -> int:
        """Largest peak of a process that works on one tile."""
        return max(one.peak_bytes for steps in self.tiles for one in steps)

    @property
    def seconds(self) -> float:
        """Seconds of all steps, one after another."""
        steps = [self.divided, self.joined, *(one for steps in self.tiles for one in steps)]
        return sum(one.seconds for one in steps)

    @property
    def processor_s(self) -> list[float]:
        """Processor seconds of finding, linking and labelling, summed over tiles."""
        return [sum(one.processor_s for one in step) for step in zip(*self.tiles, strict=True)]


def alone(step: Callable[..., Any], *args: Any) -> Spent:
    """Call a step in a forked process, which has the kernels loaded; measure it.

    Raises
    ------
    SystemExit
        If the process fails or is killed.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(sender, step, args))
    process.start()
    sender.close()
    try:
        spent = receiver.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"{step.__name__} failed, exit {process.exitcode}") from None
    process.join()
    return Spent(*spent)


def _measured(sender: Any, step: Callable[..., Any], args: tuple[Any, ...]) -> None:
    before = _resident("VmRSS")
    PEAK.write_text("5", encoding="ascii")  # sets the high-water mark to now
    start, processor = time.perf_counter(), time.process_time()
    result = step(*args)
    seconds = time.perf_counter() - start, time.process_time() - processor
    sender.send((*seconds, max(_resident("VmHWM") - before, 0), result))


def _resident(field: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in {STATUS}")


def make(folder: Path, n: int) -> int:
    """Write the locations of ``n`` listings, a part at a time; return their number."""
    folded = [np.unique(keys_of(part), return_counts=True) for part in parts(n, SEED)]
    keys, at = np.unique(np.concatenate([keys for keys, _ in folded]), return_inverse=True)
    counts = np.concatenate([counts for _, counts in folded])
    lat, lon = degrees_of(keys)
    np.save(folder / "lat.npy", lat)
    np.save(folder / "lon.npy", lon)
    np.save(folder / "units.npy", np.bincount(at, counts).astype(np.int64) * UNIT)
    return len(keys)


def degrees_of(keys: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the degrees that `benchmarks.contenders.keys_of` made keys of."""
    lat, lon = keys >> 32, keys & 0xFFFFFFFF
    return (lat - 900_000_000) / 1e7, (lon - 1_800_000_000) / 1e7


def fit_whole(folder: Path, model: DBSCAN) -> None:
    """Cluster all locations at once."""
    labels, core = cluster_locations(*(np.load(folder / f"{name}.npy") for name in COLUMNS), model)
    np.savez(folder / "whole.npz", labels=labels, core=core)


def divide_into(folder: Path, n_tiles: int, model: DBSCAN) -> list[tuple[int, int]]:
    """Write a file for each tile; return how many locations each owns and has in its halo."""
    lat, lon, units = (np.load(folder / f"{name}.npy") for name in COLUMNS)
    sizes = []
    for k, (ids, owned) in enumerate(divide(lat, lon, -(-len(lat) // n_tiles), model)):
        columns = {"lat": lat[ids], "lon": lon[ids], "units": units[ids]}
        np.savez(folder / f"tile-{k}.npz", ids=ids, owned=owned, **columns)
        sizes.append((int(owned.sum()), int((~owned).sum())))
    for name, fill, dtype in (("core", False, np.bool_), ("labels", -1, np.int64)):
        np.save(folder / f"{name}.npy", np.full(len(lat), fill, dtype=dtype))
    return sizes


def find_step(folder: Path, k: int, model: DBSCAN) -> None:
    """Write the core flags of the locations that a tile owns."""
    with np.load(folder / f"tile-{k}.npz") as tile:
        ids, owned = tile["ids"], tile["owned"]
        found = find_cores(tile["lat"], tile["lon"], tile["units"], model)
    np.load(folder / "core.npy", mmap_mode="r+")[ids[owned]] = found[owned]


def link_step(folder: Path, k: int, model: DBSCAN) -> int:
    """Write the components of a tile; return how many core locations its halo has."""
    with np.load(folder / f"tile-{k}.npz") as tile:
        ids, owned, lat, lon = (tile[name] for name in ("ids", "owned", "lat", "lon"))
    core = np.load(folder / "core.npy", mmap_mode="r")[ids]
    linked = link_tile(Tile(ids, owned), lat, lon, core, model)
    np.savez(folder / f"linked-{k}.npz", **linked._asdict())
    return int((~linked.owned).sum())


def load_linked(folder: Path, k: int) -> LinkedTile:
    """Read the components of a tile."""
    with np.load(folder / f"linked-{k}.npz") as linked:
        return LinkedTile(**linked)


def join_step(folder: Path, n_tiles: int) -> None:
    """Write the labels of the components of each tile."""
    labels = join_components(lambda k: load_linked(folder, k), n_tiles)
    for k, each in enumerate(labels):
        np.save(folder / f"numbers-{k}.npy", each)


def label_step(folder: Path, k: int, model: DBSCAN) -> None:
    """Write the labels of the locations that a tile owns."""
    with np.load(folder / f"tile-{k}.npz") as tile:
        ids, owned, lat, lon = (tile[name] for name in ("ids", "owned", "lat", "lon"))
    core = np.isin(ids, (linked := load_linked(folder, k)).ids, assume_unique=True)
    label = np.load(folder / f"numbers-{k}.npy")[linked.component]
    labels = np.load(folder / "labels.npy", mmap_mode="r+")
    labels[linked.ids[linked.owned]] = label[linked.owned]
    cores = CoreLocations(lat[core], lon[core], label)
    border = borders_of(Tile(ids, owned), core)
    at = np.searchsorted(ids, border)
    labels[border] = assign_locations(lat[at], lon[at], cores, model)


def fit_tiles(folder: Path, n_tiles: int, model: DBSCAN) -> InTiles:
    """Cluster the locations of a folder tile by tile; the labels are in ``labels.npy``."""
    divided = alone(divide_into, folder, n_tiles, model)
    numbers = range(len(divided.result))
    found = [alone(find_step, folder, k, model) for k in numbers]
    linked = [alone(link_step, folder, k, model) for k in numbers]
    joined = alone(join_step, folder, len(numbers))
    labelled = [alone(label_step, folder, k, model) for k in numbers]
    owned, halo = (list(column) for column in zip(*divided.result, strict=True))
    steps = [list(tile) for tile in zip(found, linked, labelled, strict=True)]
    return InTiles(owned, halo, divided, steps, joined)


def check_labels(folder: Path) -> None:
    """Raise SystemExit unless the labels of tiles and whole fit are equal."""
    with np.load(folder / "whole.npz") as whole:
        for name in ("labels", "core"):
            differ = np.flatnonzero(whole[name] != np.load(folder / f"{name}.npy"))
            if len(differ):
                raise SystemExit(f"{name} of {len(differ)} locations are not the whole fit's")


HEAD = (
    "| listings | locations | tiles | halo | peak of a process | a location | time"
    " | processor: find + link + label | divide | join | shared core locations |"
)


def whole_row(n: int, locations: int, spent: Spent) -> str:
    """Return the line of a whole fit."""
    cells = [f"{n:,}", f"{locations:,}", "whole fit", "", _megabytes(spent.peak_bytes)]
    cells += [f"{spent.peak_bytes / locations:.0f} B", f"{significant(spent.seconds)} s"]
    return _line([*cells, f"{significant(spent.processor_s)} s", "", "", ""])


def tiles_row(n: int, found: InTiles) -> str:
    """Return the line of a number of tiles."""
    locations = sum(found.owned)
    parts_of_it = " + ".join(significant(seconds) for seconds in found.processor_s)
    cells = [f"{n:,}", f"{locations:,}", f"{len(found.owned)}"]
    cells += [f"{100 * sum(found.halo) / locations:.2f} %", _megabytes(found.peak_bytes)]
    cells += [f"{found.peak_bytes / locations:.1f} B", f"{significant(found.seconds)} s"]
    cells.append(f"{significant(sum(found.processor_s))} s: {parts_of_it}")
    for one in (found.divided, found.joined):
        cells.append(f"{significant(one.processor_s)} s, {_megabytes(one.peak_bytes)}")
    shared = sum(linked.result for _, linked, _ in found.tiles)
    return _line([*cells, f"{shared:,}"])


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.0f} MB"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> None:
    """Measure, check labels, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e6", help="numbers of listings")
    parser.add_argument("--tiles", default="4,16,64", help="numbers of tiles, about")
    parser.add_argument("--border", default="nearest", choices=["nearest", "first", "noise"])
    parser.add_argument("--threads", type=int, help="of each process; all by default")
    parser.add_argument("--scratch", type=Path, help="folder for files: 120 bytes a location")
    options = parser.parse_args(arguments)
    if not PEAK.exists():
        raise SystemExit("peak memory is read from /proc, which is there on Linux alone")
    warm = np.array([0.0, 0.1])
    ones = np.full(2, UNIT)
    cluster_locations(warm, warm, ones, DBSCAN(30, 2, n_jobs=1))  # loads kernels before any fork
    print(f"{describe_machine()}{'; the machine is busy' if is_busy() else ''}")
    print(HEAD + "\n" + _line(["---"] + ["---:"] * 10), flush=True)
    for n in (round(float(size)) for size in options.sizes.split(",")):
        model = DBSCAN(EPS_KM, min_samples(n), border=options.border, n_jobs=options.threads)
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            folder = Path(scratch)
            locations = alone(make, folder, n).result
            print(whole_row(n, locations, alone(fit_whole, folder, model)), flush=True)
            for n_tiles in (int(number) for number in options.tiles.split(",")):
                found = fit_tiles(folder, n_tiles, model)
                check_labels(folder)
                print(tiles_row(n, found), flush=True)


if __name__ == "__main__":
    main()
