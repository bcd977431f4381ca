"""Commands; thin. Each calls what a Python user would call."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import gclust
from gclust.command import Command, Commands, say
from gclust.disk import writing
from gclust.errors import StudyError
from gclust.spelling import did_you_mean

if TYPE_CHECKING:
    from gclust.results.run import Run

NARROW, WIDE = 80, 200
PUBLISHED = "published.csv"
TOP = click.IntRange(0, 1_000_000)
LONGEST_NAME = 50
"""Letters of a study's name in that of its folder; four bytes each fit into 255."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(gclust.__version__, prog_name="gclust")
def main() -> None:
    """Find innovation clusters in geocoded addresses, and rank them."""
    # A terminal that cannot show a dash or a letter gets a substitute, not a crash.
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@main.command(cls=Command)
@click.argument("study", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--overwrite", is_flag=True, help="Replace the run in that folder.")
@click.option(
    "--top", type=TOP, default=20, show_default=True, help="Rows of the ranking to print."
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def run(study: Path, out: Path | None, overwrite: bool, top: int, threads: int | None) -> None:
    """Run STUDY.toml: cluster its listings, score and rank the clusters."""
    read = gclust.read_study(study)
    out = out if out is not None else Path(f"{_folder_name(read.study.name)}-run")
    done = gclust.run(read, out, progress=True, n_jobs=threads, overwrite=overwrite)
    _show(done, top=top)


@main.command(cls=Command)
@click.argument("study", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder of the sweep.")
@click.option("--overwrite", is_flag=True, help="Replace the sweep in that folder.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def sweep(study: Path, out: Path | None, overwrite: bool, threads: int | None) -> None:
    """Try STUDY.toml with many pairs of eps_km and min_samples.

    Its section [sweep] says which. A sweep that was stopped goes on where it
    was when it is started again.
    """
    from gclust.experiments.progress_bar import time_left
    from gclust.experiments.sweep.summary import summary_lines

    read = gclust.read_study(study)
    out = out if out is not None else Path(f"{_folder_name(read.study.name)}-sweep")
    with time_left() as progress:
        done = gclust.sweep(read, out=out, progress=progress, n_jobs=threads, overwrite=overwrite)
    for line in summary_lines(done):
        say(line)


@main.command(cls=Command)
@click.argument("study", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for what is found.")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier call left there.")
@click.option("--top", type=TOP, default=20, show_default=True, help="Rows of the table to print.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def uncertainty(
    study: Path, out: Path | None, overwrite: bool, top: int, threads: int | None
) -> None:
    """Draw the records of STUDY.toml anew, and say how firm each rank is.

    Its section [uncertainty] says what is drawn, and how often.
    """
    from gclust.experiments.uncertainty.summary import summary_lines

    read = gclust.read_study(study)
    out = out if out is not None else Path(f"{_folder_name(read.study.name)}-uncertainty")
    done = gclust.uncertainty(read, out, progress=True, n_jobs=threads, overwrite=overwrite)
    width, ascii_only = _terminal()
    for line in summary_lines(done, top=top, width=width, ascii=ascii_only):
        say(line)


@main.command(cls=Command)
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A free one by default.")
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def tune(study: Path, port: int, browser: bool, threads: int | None) -> None:
    """Try STUDY.toml's parameters on a page with sliders, until Ctrl-C.

    The page can write what was chosen as a new study. It is served to this
    machine alone, at 127.0.0.1, and to browsers alone that were given the whole
    address that is printed. To see it on another machine, forward its port
    there under the same number: ssh -L PORT:127.0.0.1:PORT.
    """
    from gclust.experiments.tune.run import tune as serve

    def ready(address: str) -> None:
        say(f"gclust tune is at {address}\nCtrl-C ends it.")

    serve(study, port=port, ready=ready, show=browser, progress=True, n_jobs=threads)
    say("Ended.")


@main.command(cls=Command)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder of the comparison.")
@click.option("--overwrite", is_flag=True, help="Replace the comparison in that folder.")
@click.option("--decompose/--no-decompose", default=True, help="Whether to decompose the changes.")
@click.option(
    "--after",
    type=click.Path(path_type=Path),
    help="Folder of an earlier comparison that ended with A: clusters keep their ids.",
)
@click.option("--top", type=TOP, default=20, show_default=True, help="Rows of the table to print.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def compare(
    a: Path,
    b: Path,
    out: Path | None,
    overwrite: bool,
    decompose: bool,
    after: Path | None,
    top: int,
    threads: int | None,
) -> None:
    """Compare two runs: what moved, and what each change comes from.

    A and B are folders of runs, or studies, which are run first. Each change
    of a rank or score is divided among the data, the formation of clusters,
    the kinds and the weights, as far as these differ.
    """
    from gclust.experiments.compare.summary import difference_lines, summary_lines
    from gclust.report.comparison_table import changes_table

    out = out if out is not None else Path(f"{_stem(a)}-to-{_stem(b)}")
    done = gclust.compare(
        a,
        b,
        out,
        decompose=decompose,
        after=after,
        progress=True,
        n_jobs=threads,
        overwrite=overwrite,
    )
    width, ascii_only = _terminal()
    for line in difference_lines(done, width):
        say(line)
    say()
    say(changes_table(done.table, done.factors, width=width, top=top, ascii=ascii_only))
    say()
    for line in summary_lines(done, width):
        say(line)


@main.command(cls=Command)
@click.argument("name", required=False)
def indicators(name: str | None) -> None:
    """List the indicators that a study may ask for, or tell all about NAME."""
    from gclust.report.catalogue import catalogue_text, indicator_text

    table = gclust.list_indicators()
    width, ascii_only = _terminal()
    if name is None:
        say(catalogue_text(table, width=width, ascii=ascii_only))
    elif name in table.index:
        say(indicator_text(table.loc[name], width=width, ascii=ascii_only))
    else:
        hint = did_you_mean(name, table.index, otherwise=".")
        raise StudyError(f"{name!r} is no indicator{hint} gclust indicators lists all")


@main.command(cls=Command)
@click.argument("world", type=click.Choice(["gii", "us"]), default="gii")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for everything made.")
@click.option("--edition", type=click.Choice(["2025", "2023"]), help="Of the GII; 2025 by default.")
@click.option("--scale", type=float, help="Size of the simulated world; 1.0 is the real size.")
@click.option(
    "--top", type=TOP, default=20, show_default=True, help="Rows of the ranking to print."
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")
def demo(
    world: str,
    out: Path | None,
    edition: str | None,
    scale: float | None,
    top: int,
    threads: int | None,
) -> None:
    """Show the whole way, from listings to a ranking with a map.

    gii simulates the listings behind the Global Innovation Index's cluster
    tables (no network needed); us fetches real data of the United States.
    """
    if world == "us":
        if edition is not None or scale is not None:
            raise click.UsageError("--edition and --scale belong to the simulated world, demo gii")
        _demo_us(out or Path("gclust-demo-us"), top, threads)
    else:
        _demo_gii(out, int(edition or 2025), scale, top, threads)


def _demo_gii(
    out: Path | None, edition: int, scale: float | None, top: int, threads: int | None
) -> None:
    from gclust.datasets import simulate
    from gclust.datasets.made import make_in
    from gclust.datasets.marks import compare_with_published, published_marks
    from gclust.datasets.world import DEFAULT_SCALE, LEAST_SCALE

    scale = DEFAULT_SCALE if scale is None else scale
    if not LEAST_SCALE <= scale < math.inf:
        raise click.BadParameter(
            f"{scale:g}; expected {LEAST_SCALE:g} or more", param_hint="--scale"
        )
    out = out or Path(f"gclust-demo-gii-{edition}")
    _prepare_demo(out, (PUBLISHED,))
    say(
        f"GII {edition}, simulated at scale {scale:g}. The listings are simulated; figures printed"
        " by WIPO or reported by the press are reproduced and marked *, all others are modelled."
    )
    simulate(out / "world", edition=edition, scale=scale, progress=_progress())
    done = gclust.run(
        out / "world" / "study.toml", out / "run", progress=True, n_jobs=threads, overwrite=True
    )
    compared = compare_with_published(done.ranking, edition)
    make_in(
        out,
        [PUBLISHED],
        lambda place: compared.to_csv(place / PUBLISHED, index=False, lineterminator="\n"),
    )
    _show(done, top=top, marks=published_marks(done.ranking, edition))
    say(
        f"Published ranks and shares: {compared['agrees'].sum()} of {len(compared)} come out of the"
        f" listings; each is in {out / PUBLISHED}"
    )
    for row in compared[~compared["agrees"]].itertuples():
        say(
            f"  not: {row.figure} of {row.cluster}, published {row.published:g}, found"
            f" {row.found:g}"
        )


def _demo_us(out: Path, top: int, threads: int | None) -> None:
    from gclust.datasets.us import prepare_us

    _prepare_demo(out)
    prepared = prepare_us(out / "data", progress=_progress())
    say(prepared.describe())
    done = gclust.run(
        out / "data" / "study.toml", out / "run", progress=True, n_jobs=threads, overwrite=True
    )
    _show(done, top=top)


def _prepare_demo(out: Path, files: tuple[str, ...] = ()) -> None:
    """Make the demo's folder; refuse one with anything in it that a demo did not make."""
    from gclust.datasets.made import check_place
    from gclust.results.folders import claim

    mark = out / ".gclust-demo"
    if out.is_dir() and any(out.iterdir()) and not mark.is_file():
        raise FileExistsError(f"{out} exists and is not a demo's folder; name another with -o")
    check_place(out, files)
    with claim(out / "run", True, "run"), writing(out):
        out.mkdir(parents=True, exist_ok=True)
        mark.touch()


@main.command(cls=Command)
@click.argument("name")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Cache folder to use.")
def fetch(name: str, out: Path | None) -> None:
    """Fetch the published data set NAME into the cache, checked by its sums."""
    from gclust.datasets import fetch as fetch_files  # the command bears the same name

    for path in fetch_files(name, cache=out, progress=_progress()).values():
        say(path)


def _progress() -> Callable[[float, str], None]:
    from gclust.progress import resolve

    return resolve(True)


def _folder_name(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return kept.strip("-.")[:LONGEST_NAME] or "study"


def _stem(path: Path) -> str:
    """What a run's folder or a study is called, for the folder of what is made of it."""
    absolute = path.resolve()
    return absolute.stem if absolute.suffix == ".toml" else absolute.name


def _terminal() -> tuple[int, bool]:
    """Columns of the terminal, within limits, and whether it shows ASCII alone."""
    width = shutil.get_terminal_size((NARROW, 24)).columns
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return min(max(width, 60), WIDE), not encoding.replace("-", "").startswith("utf")


def _show(done: Run, *, top: int, marks: Any = None) -> None:
    """Print the ranking, what was found, and where the files are."""
    from gclust.listings.rejects import rejects_summary
    from gclust.report.table import ranking_table

    width, ascii_only = _terminal()
    say()
    say(ranking_table(done.ranking, width=width, top=top, marks=marks, ascii=ascii_only))
    info = done.info
    merged = info["clusters_before_merging"] - info["clusters"]
    say(
        f"\n{info['clusters']} clusters (after {merged} merges;"
        f" the GII 2025 covers {info['calibration_clusters']})"
    )
    for source in info["sources"]:
        say(
            f"{source['path']}: {source['used']:,} {source['kind']} rows used,"
            f" {source['rejected']:,} rejected, {source['outside_years']:,} outside the years"
        )
        click.echo(f"  {source['columns']}")
        for line in source["messages"]:
            click.echo(f"  {line}")
    for kind, rejects in done.rejects.groupby("kind", sort=False):
        click.echo(f"{len(rejects):,} {kind} rows rejected{rejects_summary(rejects)}")
    for raster in info.get("rasters", ()):
        name = raster["bands"][raster["band"] - 1].partition(": ")[2]
        click.echo(
            f"{raster['raster']}: band {raster['band']} of {len(raster['bands'])}"
            + (f" ({name})" if name else "")
            + (f", {raster['files']:,} files as one" if raster["files"] > 1 else "")
        )
    if done.intensity is not None and done.intensity.table["ranked_under"].any():
        spread = done.intensity.table["intensity_rank_range"].dropna()
        say(
            f"Intensity ranks under {done.intensity.detail['combination'].nunique()} footprints and"
            f" rasters: {(spread > 0).sum()} of {len(spread)} clusters move, by {spread.max()}"
            " ranks at most (intensity.csv)"
        )
    if done.path is not None:
        say(f"\nMap:     {done.path / 'figures' / 'map.png'}")
        say(f"Ranking: {done.path / 'ranking.csv'}")
        say(f"All files of the run: {done.path}")
