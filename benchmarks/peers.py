"""gclust against its peers and the floor, on the same points and the same machine.

    python benchmarks/peers.py --sizes 1e5,1e6,1e7 --write

Every call runs in a process of its own; peers take turns, round by round; medians are
shown. A time is printed only after the labels have been found to agree. ``--write``
puts the table between the markers of docs/how_it_works/performance.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import tempfile
import textwrap
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402

from benchmarks.agreement import (  # noqa: E402
    DisagreementError,
    Missed,
    check_equal,
    check_partition,
)
from benchmarks.contenders import (  # noqa: E402
    CONTENDERS,
    REFERENCE,
    Answer,
    Task,
    installed,
    prepare,
)
from benchmarks.listings import EPS_KM, PER_MILLION, min_samples, write_listings  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from benchmarks.measure import Measured, measure  # noqa: E402
from benchmarks.table import PAGE, find_markers, middle, put_between_markers, render  # noqa: E402
from benchmarks.vectors import chord  # noqa: E402

BASE = "gclust"
ONCE_S = 60.0
"""Seconds above which a call is made once."""
ROWS = [name for name in CONTENDERS if name != REFERENCE]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and with ``--write`` put the table into its page."""
    options = _parse(arguments)
    if options.write:
        find_markers(options.page)  # before hours are spent, not after
    if is_busy():
        print("warning: the machine is busy; times will not be what they could be", file=sys.stderr)
    results: dict[tuple[str, int], Measured] = {}
    missed: dict[int, Missed] = {}
    for n in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            of_size, missed[n] = _measure_size(n, options, Path(folder))
            results |= of_size
    text = _text(options, results, missed)
    print(text)
    if options.write:
        put_between_markers(options.page, text)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e5,1e6", help="numbers of listings, such as 1e5,1e6")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each peer gets")
    parser.add_argument("--peers", default=",".join(ROWS), help="some of: %(default)s")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds allowed for one call")
    parser.add_argument("--scratch", type=Path, help="folder for inputs: 100 bytes a listing")
    parser.add_argument("--write", action="store_true", help="put the table into its page")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    options.sizes = [round(float(size)) for size in options.sizes.split(",")]
    options.peers = options.peers.split(",")
    if unknown := sorted(set(options.peers) - set(ROWS)):
        parser.error(f"no peer is called {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if BASE not in options.peers:
        options.peers.insert(0, BASE)
    return options


def _measure_size(
    n: int, options: argparse.Namespace, folder: Path
) -> tuple[dict[tuple[str, int], Measured], Missed]:
    write_listings(folder / "degrees.npy", n)
    task = Task(EPS_KM, min_samples(n))
    rounds: dict[str, list[Measured]] = defaultdict(list)
    for name in options.peers:
        if not installed(CONTENDERS[name].package):
            rounds[name].append(Measured(None, None, "not installed"))
        elif n > CONTENDERS[name].largest:
            rounds[name].append(Measured(None, None, "–"))
    todo = [name for name in options.peers if name not in rounds]
    if any(CONTENDERS[name].agreement == "first" for name in todo):
        _call(REFERENCE, task, folder, options.limit)
    missed = Missed()
    for turn in range(options.rounds):
        for name in [name for name in todo if not _is_done(rounds[name])]:
            one = _call(name, task, folder, options.limit)
            rounds[name].append(one)
            missed = _check(name, folder, task, one) or missed
            said = one.fault or f"{one.seconds:.3f} s"
            print(f"{n:,} listings, round {turn + 1}: {name} {said}", file=sys.stderr, flush=True)
    return {(name, n): middle(rounds[name]) for name in options.peers}, missed


def _is_done(rounds: list[Measured]) -> bool:
    """Return whether a peer gets no further turn: it failed, or is slow beyond doubt."""
    return any(one.fault or one.seconds > ONCE_S for one in rounds)


def _call(name: str, task: Task, folder: Path, limit_s: float) -> Measured:
    contender = CONTENDERS[name]
    found = _found(name, folder) if contender.answer else None
    if found is not None:
        found.unlink(missing_ok=True)
    data = prepare(contender.reads, folder)
    one = measure(name, data, task, found=found, limit_s=limit_s)
    if name in (BASE, REFERENCE) and one.fault:
        raise SystemExit(f"{name} {one.fault}: nothing can be compared")
    return one


def _found(name: str, folder: Path) -> Path:
    return folder / f"found-{name}.npz"


def _check(name: str, folder: Path, task: Task, one: Measured) -> Missed | None:
    """Hold what a peer found against what gclust found; return what it missed."""
    contender = CONTENDERS[name]
    if contender.agreement is None or one.fault:
        return None
    answer = _read(name, folder)
    if contender.reads == "folded":
        place = np.load(folder / "place.npy")
        answer = Answer(answer.labels[place], answer.core[place])
    expected = _read(REFERENCE if contender.agreement == "first" else BASE, folder)
    try:
        if contender.agreement == "partition":
            vectors = np.load(prepare("vectors", folder))
            reach = chord(task.eps_km)
            return check_partition(answer, expected, name, vectors, reach, task.min_samples)
        check_equal(answer, expected, name)
    except DisagreementError as error:
        raise SystemExit(f"labels disagree, no time is shown: {error}") from error
    return None


def _read(name: str, folder: Path) -> Answer:
    with np.load(_found(name, folder)) as found:
        return Answer(found["labels"], found["core"])


def _text(
    options: argparse.Namespace,
    results: dict[tuple[str, int], Measured],
    missed: dict[int, Missed],
) -> str:
    titles = {name: CONTENDERS[name].title for name in options.peers}
    table = render(titles, options.sizes, results, BASE)
    packages = dict.fromkeys(CONTENDERS[name].package for name in options.peers)
    versions = {package: installed(package) for package in [*packages, "numba"]}
    missing = [package for package, found in versions.items() if not found]
    listed = ", ".join(f"{package} {found}" for package, found in versions.items() if found)
    timed = {name for name, n in results if not results[name, n].fault}
    said = (
        "Time, in brackets as a multiple of gclust's, and peak memory above the input in bytes a"
        f" listing: medians of {options.rounds} rounds, each call in a process of its own after a"
        f" small call that compiles (one round where a call takes over {ONCE_S:g} s)."
        " `–`: not run, for it would take hours or all memory."
        f" Simulated listings of the world, eps {EPS_KM:g} km, `min_samples` {PER_MILLION} for each"
        " million. Labels were compared before a time was shown."
    )
    if "sklearn" in timed:
        said += ' Those of scikit-learn are identical to gclust\'s with `border="first"`.'
    if "dbscan" in timed:
        said += f" Cores, noise and clusters of `dbscan` are the same{_exceptions(missed)}."
    if any("†" in titles[name] for name in timed):
        said += " † Another method, a hierarchy over all distances: its labels are not compared."
    if "geos" in timed:
        said += " ‡ In a sinusoidal projection, whose distances differ: labels are not compared."
    where = (
        f"{describe_machine()}; Python {platform.python_version()}, {listed}"
        + (f"; not installed: {', '.join(missing)}" if missing else "")
        + f". {_today()}, by `python benchmarks/peers.py`."
    )
    return "\n\n".join([table, textwrap.fill(said, 88), textwrap.fill(where, 88)])


def _exceptions(missed: dict[int, Missed]) -> str:
    """Say what ``dbscan`` missed, at which sizes."""
    said = [
        f"{of.cores:,} cores, {of.links:,} links and {of.borders:,} border points of {n:,}"
        for n, of in missed.items()
        if any(of)
    ]
    if not said:
        return ""
    return f" but for what it misses ({'; '.join(said)}), which a k-d tree finds as gclust does"


def _today() -> str:
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


if __name__ == "__main__":
    main()
