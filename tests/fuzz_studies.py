"""Give commands random studies, for as long as one likes: each must end well or say why not.

    python -m tests.fuzz_studies --minutes 10
    python -m tests.fuzz_studies --seed 123 --cases 1

The first is a run; the second repeats the one case that a run has named. The exit status is 1
after a failure. Every case goes through the command itself: it must end with exit code 0, or
with 2 and one line that says what is wrong; then nothing may have been written.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from gclust.cli import main
from tests.fuzz_studies_cases import Case, make_case

ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SLOW_SECONDS = 60.0
DRAWN = (
    "results.run._draw",
    "report.intensity.draw_intensity",
    "experiments.sweep.folder.draw_surfaces",
    "experiments.sweep.folder.draw_k_distance",
    "experiments.uncertainty.folder.draw_rank_sets",
    "experiments.compare.result.draw_bump_chart",
)


@dataclass
class Count:
    """How cases ended."""

    cases: int = 0
    accepted: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


def world(folder: Path) -> None:
    """Write the listings that studies name: three towns, and files that are none."""
    rng = np.random.default_rng(1)
    rows = []
    for record in range(120):
        for _ in range(int(rng.integers(1, 4))):
            lat, lon = ((48.137, 11.575), (48.371, 10.898), (47.067, 15.442))[record % 3]
            rows.append((record, lat + rng.normal(0, 0.02), lon + rng.normal(0, 0.02)))
    table = pd.DataFrame(rows, columns=["record", "lat", "lon"]).round(4)
    table["year"] = 2015 + table["record"] % 5
    table["organisation"] = "O" + (table["record"] % 7).astype(str)
    table["field"] = "F" + (table["record"] % 4).astype(str)
    table["country"], table["precision"] = "DE", "street"
    table["weight"] = 1.0
    table.to_csv(folder / "patent.csv", index=False)
    table.sample(frac=0.6, random_state=1).to_csv(folder / "publication.csv", index=False)
    (folder / "empty.csv").touch()
    (folder / "noise.parquet").write_bytes(rng.bytes(300))
    (folder / "people.tif").write_bytes(b"II*\0" + rng.bytes(100))
    (folder / "folder.csv").mkdir()


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Leave out the figures, which take most of the time and no value of a study but texts."""
    with contextlib.ExitStack() as stack:
        for name in DRAWN:
            stack.enter_context(mock.patch(f"gclust.{name}"))
        yield


def check(case: Case, folder: Path) -> tuple[int, float]:
    """Run a case in a folder that holds a `world`; return its exit code and the seconds.

    Raises
    ------
    AssertionError
        If it ended in any other way than it should.
    """
    before = tree(folder)
    case.write(folder)
    with_case = tree(folder)
    out, err = io.StringIO(), io.StringIO()
    start = time.perf_counter()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.nullcontext() if case.is_whole else undrawn(),
    ):
        try:
            main(args=case.words, prog_name="gclust")
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            raise AssertionError(f"{type(error).__name__}\n{traceback.format_exc()}") from error
    took = time.perf_counter() - start
    try:
        judge(code, out.getvalue(), err.getvalue())
        if code != 0:
            written = tree(folder) ^ with_case
            assert not written, f"written in spite of a refusal: {sorted(written)[:5]}"
    finally:
        for name in tree(folder) - before:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    assert took < SLOW_SECONDS, f"took {took:.0f} s"
    return code, took


def judge(code: object, out: str, err: str) -> None:
    """Raise AssertionError unless a command has ended as it should."""
    assert code in (0, 2), f"exit code {code!r}: {err[-2000:]}"
    assert "Traceback" not in out + err, err[-2000:]
    for text in (out, err):
        found = ACTS.search(text)
        assert not found, f"{found[0]!r} is printed: {text[max(0, found.start() - 200) :][:300]!r}"
    said = [line for line in err.splitlines() if not line.startswith("gclust: warning: ")]
    if code == 0:
        assert said == [], said
    elif not (said and said[0].startswith("Usage: ")):
        assert len(said) == 1, f"{len(said)} lines: {err[-2000:]!r}"
        assert said[0].startswith("gclust: "), said
        assert len(said[0]) < 5000, f"{len(said[0])} letters: {said[0][:300]}"


def tree(folder: Path) -> set[str]:
    """The names of all that is in a folder."""
    return {
        os.path.relpath(os.path.join(inside, name), folder)
        for inside, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }


def fuzz(seeds: Iterator[int], end: float, show: bool = False) -> Count:
    """Check cases until the time is over or the seeds are."""
    count = Count()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(os.path.realpath(name))
        world(folder)
        for seed in seeds:
            if time.monotonic() > end:
                break
            case = make_case(seed)
            count.cases += 1
            try:
                code, took = check(case, folder)
                count.accepted += code == 0
                count.slowest = max(count.slowest, took)
            except AssertionError as error:
                count.failures.append(f"seed {seed}: {case}\n{error}")
                if show:
                    print(count.failures[-1], flush=True)
    return count


def run() -> int:
    """Read the options, check cases, and say how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cases", type=int, default=10**9)
    options = parser.parse_args()
    first = secrets.randbelow(10**9) if options.seed is None else options.seed
    seeds = iter(range(first, first + options.cases))
    count = fuzz(seeds, time.monotonic() + 60 * options.minutes, show=True)
    print(
        f"{count.cases} cases from seed {first} on: {count.accepted} accepted,"
        f" {count.cases - count.accepted - len(count.failures)} refused,"
        f" {len(count.failures)} failed; the slowest took {count.slowest:.1f} s"
    )
    return 1 if count.failures else 0


if __name__ == "__main__":
    sys.exit(run())
