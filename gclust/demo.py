"""The demos: from listings to a ranking with a map, on simulated or on real data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

import gclust
from gclust.command import say, terminal
from gclust.datasets import gii_world, simulate
from gclust.datasets.marks import compare_with_published, published_marks
from gclust.datasets.own_files import check_replaceable, write_data_set
from gclust.datasets.us import prepare_us
from gclust.datasets.world import DEFAULT_SCALE, LEAST_SCALE
from gclust.disk import writing
from gclust.plurals import counted
from gclust.progress import resolve
from gclust.report.map_process import map_process
from gclust.results.folders import claim
from gclust.results.run import Run
from gclust.results.summary import summary_lines

MARK = ".gclust-demo"
"""Empty file by which the folder of a demo is known."""
PUBLISHED = "published.csv"


def demo_gii(
    out: Path | None, *, edition: int, scale: float | None, top: int, threads: int | None
) -> None:
    """Simulate listings that reproduce a ranking of the GII, and rank their clusters.

    Raises click.BadParameter if the scale is too small, and FileExistsError if the folder exists
    and is not a demo's.
    """
    scale = DEFAULT_SCALE if scale is None else scale
    if not LEAST_SCALE <= scale < math.inf:
        message = f"{scale:g} is not valid; expected {LEAST_SCALE:g} or more"
        raise click.BadParameter(message, param_hint="--scale")
    out = out or Path(f"gclust-demo-gii-{edition}")
    _make_folder(out, (PUBLISHED,))
    say(
        f"GII {edition}, simulated at scale {scale:g}. Figures that WIPO printed or the press"
        " reported went in, and are marked * where they come out; all others are invented."
        " That they come out checks the arithmetic of the whole way, and validates nothing."
    )
    simulate(out / "world", edition=edition, scale=scale, progress=resolve(True))
    done = _run(out, out / "world" / "study.toml", threads)
    compared = compare_with_published(done.ranking, edition, scale=scale)
    write_data_set(
        out,
        [PUBLISHED],
        lambda place: compared.to_csv(place / PUBLISHED, index=False, lineterminator="\n"),
    )
    _show(done, top, published_marks(done.ranking, edition, scale=scale))
    covered = gii_world(edition).set_index("figure")["value"].get("clusters")
    if covered is not None:
        say(f"The GII {edition} covers {counted(covered, 'cluster')}.")
    counts = "" if scale >= 1.0 else f" (counts to half a record of {scale:g} of the real world)"
    say(
        f"Published figures: {compared['agrees'].sum()} of {len(compared)} that went in come out at"
        f" their printed precision{counts}; each is in {out / PUBLISHED}"
    )
    for row in compared[~compared["agrees"]].itertuples():
        say(
            f"  not: {row.figure} of {row.cluster}, published {row.published:g}, found"
            f" {row.found:g}"
        )


def demo_us(out: Path | None, *, top: int, threads: int | None) -> None:
    """Download US patents, university research and funding rounds, and rank their clusters.

    Raises FileExistsError if the folder exists and is not a demo's.
    """
    out = out or Path("gclust-demo-us")
    _make_folder(out)
    prepared = prepare_us(out / "data", progress=resolve(True))
    say(prepared.describe())
    _show(_run(out, out / "data" / "study.toml", threads), top)


def _run(out: Path, study: Path, threads: int | None) -> Run:
    with map_process(threads):
        return gclust.run(study, out / "run", progress=True, n_jobs=threads, overwrite=True)


def _show(done: Run, top: int, marks: Any = None) -> None:
    for line in summary_lines(done, top=top, marks=marks, **terminal()):
        say(line)


def _make_folder(out: Path, files: tuple[str, ...] = ()) -> None:
    """Make the demo's folder; refuse one with files that no demo made."""
    mark = out / MARK
    if out.is_dir() and any(out.iterdir()) and not mark.is_file():
        raise FileExistsError(f"{out} exists and is not a demo's folder; name another with -o")
    check_replaceable(out, files)
    with claim(out / "run", True, "run"), writing(out):
        out.mkdir(parents=True, exist_ok=True)
        mark.touch()
