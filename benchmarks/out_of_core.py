"""Runs of many listings within a given memory: time, peak memory and disk of every stage.

    python benchmarks/out_of_core.py --sizes 1e7,1e8 --memory 5GB --write

The listings are those of the simulated world, made in ``--scratch`` unless they are there.
``--write`` puts the table between its markers in docs/how_it_works/performance.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from benchmarks.run_stages import RunUse, StageUse, measure_run  # noqa: E402
from benchmarks.table import PAGE, find_markers, put_between_markers, significant  # noqa: E402

LISTINGS = 35_400_000
"""Listings of the simulated world at scale 1, rounded down."""

MARKER = "out-of-core"

RELATIONAL = (
    "read listings",
    "check listings",
    "add up records",
    "add up totals",
    "fold listings",
    "sort locations",
    "label listings",
    "add up ties",
    "count records",
)
"""Stages in the database."""


def main(arguments: list[str] | None = None) -> None:
    """Make the listings, run their studies, print, and with ``--write`` change their page."""
    options = _parse(arguments)
    if options.write:
        find_markers(options.page, MARKER)  # before hours are spent, not after
    if is_busy():
        print("warning: the machine is busy; times will not be what they could be", file=sys.stderr)
    results = {}
    for n in options.sizes:
        folder = options.scratch / f"{n:g}".replace("e+0", "e")
        study = make_world(folder, n)
        if options.only_make:
            continue
        temporary = options.scratch / "temporary"
        temporary.mkdir(exist_ok=True)
        out = options.scratch / f"out-{folder.name}"
        print(f"{n:,} listings with {options.memory}", file=sys.stderr, flush=True)
        results[n] = measure_run(
            study, out, temporary, options.memory, options.threads, decimals=options.decimals
        )
        if results[n].fault:
            raise SystemExit(f"{n:,} listings: {results[n].fault}")
    if options.only_make:
        return
    text = f"{render(results)}\n\n{_below(options, results)}"
    print(text)
    if options.write:
        put_between_markers(options.page, text, MARKER)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e7", help="numbers of listings, such as 1e7,1e8")
    parser.add_argument("--memory", default="5GB", help="of a run, as in [engine] memory")
    parser.add_argument("--threads", type=int, help="all by default")
    parser.add_argument(
        "--decimals", type=int, help="of coordinates; 2 leaves few locations (default: 5)"
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("out-of-core"),
        help="folder for listings (17 bytes each), temporary files and results",
    )
    parser.add_argument("--only-make", action="store_true", help="make the listings, run nothing")
    parser.add_argument("--write", action="store_true", help="put the table into its page")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    options.sizes = [round(float(size)) for size in options.sizes.split(",")]
    return options


def make_world(folder: Path, n: int) -> Path:
    """Simulate a world of at least ``n`` listings unless it is there; return its study.

    It takes 2 microseconds a listing and below 1 GB of memory at any size.
    """
    from gclust.datasets import simulate
    from gclust.datasets.world import LEAST_SCALE

    study = folder / "study.toml"
    if not study.exists():
        simulate(folder, scale=max(n / LISTINGS, LEAST_SCALE), progress=True)
    return study


def render(results: Mapping[int, RunUse]) -> str:
    """Return a Markdown table: a row for each stage over a second, two columns for each size."""
    head = ["stage"]
    for n in results:
        head += [f"{n:,} listings", "memory"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    by_name = {n: stages_by_name(run) for n, run in results.items()}
    longest = by_name[max(results)]
    for name in [name for name, stage in longest.items() if stage.seconds >= 1.0]:
        cells = [name]
        for found in by_name.values():
            stage = found.get(name)
            cells += ["–", "–"] if stage is None else [_seconds(stage), _gigabytes(stage)]
        lines.append(cells)
    whole = ["all"]
    for run in results.values():
        whole += [f"{significant(run.seconds)} s", f"{run.peak_bytes / 1e9:.2f} GB"]
    lines.append(whole)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stages_by_name(run: RunUse) -> dict[str, StageUse]:
    """Sum the times of stages of the same name, and take their largest memory and disk."""
    found: dict[str, StageUse] = {}
    for name, seconds, peak, disk in run.stages:
        before = found.get(name, StageUse(name, 0.0, 0, 0))
        found[name] = StageUse(
            name,
            before.seconds + seconds,
            max(before.peak_bytes, peak),
            max(before.disk_bytes, disk),
        )
    return found


def relational_peak(run: RunUse) -> int:
    """Return the largest memory of the stages that the database computes."""
    stages = stages_by_name(run)
    return max(stages[name].peak_bytes for name in RELATIONAL if name in stages)


def _seconds(stage: StageUse) -> str:
    return f"{significant(stage.seconds)} s"


def _gigabytes(stage: StageUse) -> str:
    return f"{stage.peak_bytes / 1e9:.2f} GB"


def _below(options: argparse.Namespace, results: Mapping[int, RunUse]) -> str:
    """Return what stands below the table."""
    each = "; ".join(
        f"{n:,} listings at {run.locations:,} locations, {run.disk_bytes / 1e9:.1f} GB of temporary"
        f" files, at most {relational_peak(run) / 1e9:.2f} GB of memory in the stages of the"
        " database"
        for n, run in results.items()
    )
    decimals = options.decimals
    rounded = "" if decimals is None else f" and `[density] decimals = {decimals}`"
    text = (
        "Time and largest resident memory of the process by stage, of one run of the simulated"
        f' world with `[engine] memory = "{options.memory}"`{rounded}; stages under a second are'
        f" left out. {each[0].upper()}{each[1:]}. {describe_machine()}; Python"
        f" {platform.python_version()}. {datetime.date.today()}, by `python"
        " benchmarks/out_of_core.py`."
    )
    if is_busy():
        text += " The machine was busy with other work."
    return textwrap.fill(text, 90)


if __name__ == "__main__":
    main()
