"""Read files of listings that are written in all ways, and compare with what is expected.

    python -m tests.fuzz_files --cases 20000 --seed 1 --jobs 2
    python -m tests.fuzz_files --seed 1 --case 123 --keep folder

The first is a run; the second repeats one case, and leaves its files. Reading must give the
table back exactly or refuse it with a reason; well-formed files of common tools must be read.
The exit status is 1 after a failure.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import multiprocessing
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from gclust.errors import StudyError
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.open_sources import Scan
from tests.fuzz_files_cases import make_case
from tests.fuzz_files_compare import (
    Outcome,
    check_read,
    judge_refusal,
    kind_of,
    open_case,
    read_case,
    read_opened,
)
from tests.fuzz_files_report import Report
from tests.fuzz_files_truth import Case

BATCH = 8  # cases read as the sources of one study: most of a study's time is not its rows'
SECONDS = 60.0  # after which a batch is said to hang

Opened = tuple[Case, Scan]


class Hang(BaseException):
    """Raised in what takes too long; no Exception, so that nothing takes it for a refusal."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang in what takes longer, where the system can."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Hang(f"{seconds:g} s are over")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def folder_of(case: Case, root: Path) -> Path:
    return root / f"{case.number:08d}"


def failed(case: Case, error: BaseException) -> Outcome:
    message = str(error).strip().splitlines() or [""]
    return Outcome(case, "failed", f"{type(error).__name__}: {message[0]}")


def alone(case: Case, folder: Path) -> Outcome:
    """Read and check one case with an engine of its own."""
    try:
        with DuckDBEngine(folder.parent, threads=2) as engine, limited(SECONDS):
            wrong = check_read(case, read_case(engine, case, folder), folder, folder)
    except StudyError as error:
        return judge_refusal(case, error)
    except (Exception, Hang) as error:  # whatever it is, the case must be reported
        return failed(case, error)
    return Outcome(case, "failed", wrong) if wrong else Outcome(case, "read")


def together(engine: DuckDBEngine, opened: list[Opened], root: Path) -> Iterator[Outcome]:
    """Read and check cases in one study; without those that are refused if some are."""
    while opened:
        try:
            found = read_opened(engine, opened, root)
        except StudyError as error:
            refused = [case for case, _ in opened if is_named(case, str(error), root)]
            if len(opened) > 1 and len(refused) == 1:
                yield judge_refusal(refused[0], error)
                opened = [each for each in opened if each[0] is not refused[0]]
                drop_listings(engine)
                continue
            if len(opened) == 1:
                yield judge_refusal(opened[0][0], error)
                return
        except Exception as error:  # one of them is at fault
            if len(opened) == 1:
                yield failed(opened[0][0], error)
                return
        else:
            for (case, _), read in zip(opened, found, strict=True):
                wrong = check_read(case, read, root, folder_of(case, root))
                yield Outcome(case, "failed", wrong) if wrong else Outcome(case, "read")
            return
        drop_listings(engine)
        half = len(opened) // 2
        yield from together(engine, opened[:half], root)
        drop_listings(engine)
        opened = opened[half:]


def drop_listings(engine: DuckDBEngine) -> None:
    """Drop what a study has stored, but not what opening its sources has."""
    engine.connection.execute("DROP TABLE IF EXISTS listings")


def is_named(case: Case, message: str, root: Path) -> bool:
    return f"{kind_of(case)!r}" in message or f"{folder_of(case, root).name}/" in message


def read_batch(engine: DuckDBEngine, cases: list[Case], root: Path) -> Iterator[Outcome]:
    """Open all cases, then read those that can be opened."""
    opened = []
    for case in cases:
        try:
            opened.append((case, open_case(engine, case, folder_of(case, root))))
        except StudyError as error:
            yield judge_refusal(case, error)
        except Exception as error:  # whatever it is, the case must be reported
            yield failed(case, error)
    yield from together(engine, opened, root)


def made(seed: int, number: int, root: Path) -> Case:
    folder = root / f"{number:08d}"
    folder.mkdir()
    try:
        return make_case(seed, number, folder)
    except Exception as error:  # the fuzzer's own fault
        error.add_note(f"while making case {number} of seed {seed}")
        raise


def check(seed: int, numbers: list[int]) -> list[Outcome]:
    """Make, read and check cases; those that fail among others are read again alone."""
    with tempfile.TemporaryDirectory(prefix="fuzz-files-") as name:
        root = Path(name)
        cases = [made(seed, number, root) for number in numbers]
        try:
            with DuckDBEngine(root, threads=2) as engine, limited(SECONDS):
                outcomes = list(read_batch(engine, cases, root))
        except (Exception, Hang):  # which of them is at fault?
            outcomes = [alone(case, folder_of(case, root)) for case in cases]
        return [
            confirmed(each, folder_of(each.case, root)) if each.end == "failed" else each
            for each in outcomes
        ]


def confirmed(outcome: Outcome, folder: Path) -> Outcome:
    """Read a failed case alone; where that is right, it fails with others only."""
    again = alone(outcome.case, folder)
    if again.end == "failed":
        return again
    return Outcome(outcome.case, "failed", f"with others only: {outcome.message}")


def light(outcomes: list[Outcome]) -> list[Outcome]:
    """Leave out the rows: they need not go from process to process."""
    for outcome in outcomes:
        outcome.case.parts, outcome.case.parts_too = [], None
    return outcomes


def work(seed: int, numbers: list[int]) -> list[Outcome]:
    """Check cases in a process that ends itself where not even a signal ends a hang."""
    faulthandler.dump_traceback_later(5 * SECONDS, exit=True)
    try:
        return light(check(seed, numbers))
    finally:
        faulthandler.cancel_dump_traceback_later()


def batches(seed: int, cases: int, jobs: int) -> Iterator[list[Outcome] | str]:
    """Yield outcomes batch by batch; a text where a process died."""
    lists = [list(range(i, min(i + BATCH, cases))) for i in range(0, cases, BATCH)]
    if jobs == 1:
        yield from (light(check(seed, numbers)) for numbers in lists)
        return
    while lists:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            futures = [pool.submit(work, seed, numbers) for numbers in lists]
            done = 0
            try:
                for future in futures:
                    yield future.result()
                    done += 1
            except BrokenProcessPool:
                yield f"a process died among cases {lists[done][0]} to {lists[done][-1]} or later"
        lists = lists[done + 1 :]


def run(seed: int, cases: int, jobs: int, minutes: float | None = None) -> int:
    """Check cases until there are enough or the time is up; return the exit status."""
    begin = reported = time.monotonic()
    report = Report(seed)
    print(f"seed {seed}", flush=True)
    for outcomes in batches(seed, cases, jobs):
        report.add(outcomes)
        now = time.monotonic()
        if now - reported >= 20:
            reported = now
            print(report.progress(now - begin), flush=True)
        if minutes is not None and now - begin > 60 * minutes:
            break
    print(report.summary(time.monotonic() - begin), flush=True)
    return 1 if report.failures else 0


def repeat(seed: int, number: int, keep: str | None) -> int:
    """Make and read one case alone, and print all of it."""
    with contextlib.ExitStack() as stack:
        name = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-files-"))
        root = Path(name)
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(root / f"{number:08d}", ignore_errors=True)
        case = made(seed, number, root)
        outcome = alone(case, folder_of(case, root))
    print(f"way: {', '.join(case.way)}\npath: {case.path}\noptions: {case.options}")
    print(f"rows: {Counter(len(part.rows) for part in case.parts)}")
    print(f"must be: {case.verdict} {case.why}\n{outcome.end}: {outcome.message}")
    return 1 if outcome.end == "failed" else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_files", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="stop after so many cases")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--seed", type=int, help="seed of all cases (random by default)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--case", type=int, help="repeat this case alone")
    parser.add_argument("--keep", help="folder in which the files of --case are left")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    if options.case is not None:
        return repeat(seed, options.case, options.keep)
    return run(seed, options.cases, options.jobs, options.minutes)


if __name__ == "__main__":
    sys.exit(main())
