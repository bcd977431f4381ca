"""Time and peak memory of a fit against the number of listings, with the floor drawn in.

    python benchmarks/scaling.py --sizes 1e6,3e6,1e7,3e7,1e8 --out scaling.png

Prints the growth exponent: time grows as n to its power. ``--case`` takes one of the
worst cases instead of the listings of the world.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import EngFormatter  # noqa: E402

from benchmarks.contenders import Task, prepare  # noqa: E402
from benchmarks.listings import EPS_KM, min_samples, write_listings  # noqa: E402
from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.measure import Measured, measure  # noqa: E402
from benchmarks.table import middle, significant  # noqa: E402
from benchmarks.worst_cases import CASES  # noqa: E402

FIT, FLOOR = "gclust", "argsort"
INK, GREY = "#1b4965", "#8a8a8a"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table and the exponent, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e5,3e5,1e6", help="numbers of listings, two or more")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each size gets")
    parser.add_argument("--case", choices=list(CASES), default="reference", help="what is fitted")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds allowed for one call")
    parser.add_argument("--scratch", type=Path, help="folder for inputs: 24 bytes a listing")
    parser.add_argument("--out", type=Path, default=Path("scaling.png"), help="the figure")
    options = parser.parse_args(arguments)
    sizes = sorted(round(float(size)) for size in options.sizes.split(","))
    if len(set(sizes)) < 2:
        parser.error("growth needs two sizes or more")
    results = {}
    for n in sizes:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            results |= _measure_size(n, options, Path(folder))
    growth = exponent(sizes, [results[FIT, n].seconds for n in sizes])
    print(f"time grows as n^{growth:.3f}")
    draw(sizes, results, growth, options.case).savefig(options.out, dpi=150)
    print(f"{describe_machine()}; figure in {options.out}")


def _measure_size(
    n: int, options: argparse.Namespace, folder: Path
) -> dict[tuple[str, int], Measured]:
    if options.case == "reference":  # in parts: 1e8 listings would not fit beside their making
        write_listings(folder / "degrees.npy", n)
        task = Task(EPS_KM, min_samples(n))
    else:
        case = CASES[options.case](n)
        np.save(folder / "degrees.npy", case.points)
        task = Task(case.eps_km, case.min_samples)
        del case
    data = {FIT: folder / "degrees.npy", FLOOR: prepare("keys", folder)}
    rounds: dict[str, list[Measured]] = {name: [] for name in data}
    for _ in range(options.rounds):
        for name, path in data.items():
            rounds[name].append(measure(name, path, task, limit_s=options.limit))
    result = {name: middle(several) for name, several in rounds.items()}
    for name, one in result.items():
        if one.fault:
            raise SystemExit(f"{name} at {n:,}: {one.fault}")
    peak = result[FIT].peak_bytes
    print(
        f"{n:>12,} listings: {significant(result[FIT].seconds)} s,"
        f" {significant(result[FIT].seconds / result[FLOOR].seconds)} times the floor,"
        f" {'memory not measured' if peak is None else f'{peak / n:.0f} B a listing'}",
        flush=True,
    )
    return {(name, n): one for name, one in result.items()}


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(
    sizes: list[int], results: dict[tuple[str, int], Measured], growth: float, case: str
) -> Figure:
    """Draw time and memory, both axes logarithmic."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, label, color in (
        (FIT, "DBSCAN.fit, degrees to labels", INK),
        (FLOOR, "floor: argsort of int64 keys", GREY),
    ):
        seconds = [results[name, n].seconds for n in sizes]
        left.loglog(sizes, seconds, marker="o", color=color, label=label)
        peaks = [results[name, n].peak_bytes for n in sizes]
        if None not in peaks:
            gib = [peak / 2**30 for peak in peaks]
            right.loglog(sizes, gib, marker="o", color=color, label=label)
    left.set(xlabel="listings", ylabel="seconds", title=f"Time: grows as n$^{{{growth:.2f}}}$")
    right.set(xlabel="listings", ylabel="GiB above the input", title="Peak memory")
    if case != "reference":
        figure.suptitle(case)
    for axes in (left, right):
        axes.set_xticks(sizes, minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(which="major", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
