"""The worst cases against the reference of the same size: time and peak memory.

    python benchmarks/cases.py --size 1e7

Ends with 1 if a case takes more than its share: 3 times the reference and no more
memory; the two cities in which every cell is undecided may take 30 times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402

from benchmarks.contenders import Task  # noqa: E402
from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.measure import Measured, measure  # noqa: E402
from benchmarks.table import middle, significant  # noqa: E402
from benchmarks.worst_cases import CASES, HARD  # noqa: E402

MOST, MOST_HARD = 3.0, 30.0


def main(arguments: list[str] | None = None) -> None:
    """Measure each case and say which take more than their share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1e6, help="number of points")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds allowed for one call")
    parser.add_argument("--scratch", type=Path, help="folder for inputs: 16 bytes a point")
    options = parser.parse_args(arguments)
    n = round(options.size)
    print(f"{n:,} points; {describe_machine()}")
    base: Measured | None = None
    over = []
    for name, make in CASES.items():
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            case = make(n)
            data, task = Path(folder) / "points.npy", Task(case.eps_km, case.min_samples)
            np.save(data, case.points)
            del case
            several = [
                measure("gclust", data, task, limit_s=options.limit) for _ in range(options.rounds)
            ]
        one = middle(several)
        base = one if base is None else base
        if base.fault:
            raise SystemExit(f"the reference: {base.fault}")
        print(line(name, one, base, n), flush=True)
        if is_over(name, one, base):
            over.append(name)
    if over:
        raise SystemExit(f"more than their share: {'; '.join(over)}")


def line(name: str, one: Measured, base: Measured, n: int) -> str:
    """Return a case's line: time, both ratios, memory."""
    if one.fault:
        return f"{name:46} {one.fault}"
    text = f"{name:46} {significant(one.seconds):>8} s {one.seconds / base.seconds:6.2f} x"
    if one.peak_bytes is not None and base.peak_bytes:
        text += f" {one.peak_bytes / n:6.0f} B {one.peak_bytes / base.peak_bytes:6.2f} x"
    return text


def is_over(name: str, one: Measured, base: Measured) -> bool:
    """Return whether a case took more time or memory than it may."""
    if one.fault:
        return True
    if one.seconds > (MOST_HARD if name in HARD else MOST) * base.seconds:
        return True
    # 5 % for what measuring itself differs by; the hard cities are bound in time alone.
    heavier = one.peak_bytes is not None and one.peak_bytes > 1.05 * base.peak_bytes
    return heavier and name not in HARD


if __name__ == "__main__":
    main()
