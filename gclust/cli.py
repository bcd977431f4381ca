"""Subcommands of the command ``gclust``; each calls the Python function of the same name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

import gclust
from gclust.command import Command, Commands, say, terminal
from gclust.errors import StudyError
from gclust.spelling import did_you_mean

LONGEST_NAME = 50
"""Letters of a study's name in that of its folder; 4 bytes each fit into the 255 of a file name."""

PATH = click.Path(path_type=Path)
STUDY = click.argument("study", type=PATH)
TOP = click.option(
    "--top",
    type=click.IntRange(0, 1_000_000),
    default=20,
    show_default=True,
    help="Rows of the table to print.",
)
THREADS = click.option("--threads", type=click.IntRange(min=1), help="Threads; all by default.")


class ShardNumber(click.ParamType):
    """Type of the option ``--shard``: a number and a count, such as 3/16."""

    name = "NUMBER/COUNT"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the shard; the message of the error for wrong text says what was expected."""
        from gclust.experiments.shards.shard import read_shard

        try:
            return read_shard(value) if isinstance(value, str) else value
        except StudyError as error:
            self.fail(str(error), param, ctx)


SHARD = click.option(
    "--shard",
    type=ShardNumber(),
    help="Compute only this share of the work, such as 3/16: the third of sixteen, which may run"
    " on as many machines. gclust gather joins the parts.",
)


def output(what: str) -> Callable[[Any], Any]:
    """Return a decorator that adds the options ``--out`` and ``--overwrite`` to a command."""

    def add(function: Any) -> Any:
        overwrite = click.option("--overwrite", is_flag=True, help=f"Replace the {what} in it.")
        out = click.option("-o", "--out", type=PATH, help=f"Folder of the {what}.")
        return out(overwrite(function))

    return add


def say_all(lines: Iterable[str]) -> None:
    """Print each line, with control characters escaped."""
    for line in lines:
        say(line)


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
@STUDY
@output("run")
@TOP
@THREADS
def run(study: Path, out: Path | None, overwrite: bool, top: int, threads: int | None) -> None:
    """Run STUDY.toml: cluster its listings, score and rank the clusters."""
    from gclust.report.map_process import map_process

    with map_process(threads):  # first, for it loads its modules while this process does
        from gclust.results.summary import summary_lines

        read = gclust.read_study(study)
        out = out or _folder(read.study.name, "run")
        done = gclust.run(read, out, progress=True, n_jobs=threads, overwrite=overwrite)
    if (after := done.info["execution"]["resumed_after"]) is not None:
        click.echo(f"gclust: went on after: {after}", err=True)
    say_all(summary_lines(done, top=top, **terminal()))


@main.command(cls=Command)
@STUDY
@output("sweep")
@click.option(
    "--auto", is_flag=True, help="Choose all values from the data, whatever [sweep] says."
)
@SHARD
@THREADS
def sweep(
    study: Path, out: Path | None, overwrite: bool, auto: bool, shard: Any, threads: int | None
) -> None:
    """Run STUDY.toml for many pairs of eps_km and min_samples.

    Its section [sweep] lists the values; those that it does not list are chosen
    from the data. A sweep that was stopped resumes when it is started again.
    """
    from gclust.experiments.progress_bar import time_left
    from gclust.experiments.shards.summary import summary_lines as part_lines
    from gclust.experiments.sweep.summary import summary_lines

    read = gclust.read_study(study)
    out = out or _folder(read.study.name, _with_shard("sweep", shard))
    how: Any = {"n_jobs": threads, "overwrite": overwrite, "shard": shard}
    if auto:
        how |= {"eps_km": "auto", "min_samples": "auto"}
    with time_left() as progress:
        done: Any = gclust.sweep(read, out=out, progress=progress, **how)
    say_all(summary_lines(done) if shard is None else part_lines(done))


@main.command(cls=Command)
@STUDY
@output("result")
@SHARD
@TOP
@THREADS
def uncertainty(
    study: Path, out: Path | None, overwrite: bool, shard: Any, top: int, threads: int | None
) -> None:
    """Compute the uncertainty of each rank of STUDY.toml from random draws.

    Its section [uncertainty] says what is drawn, and how often.
    """
    from gclust.experiments.shards.summary import summary_lines as part_lines
    from gclust.experiments.uncertainty.summary import summary_lines

    read = gclust.read_study(study)
    out = out or _folder(read.study.name, _with_shard("uncertainty", shard))
    how: Any = {"n_jobs": threads, "overwrite": overwrite, "shard": shard}
    done: Any = gclust.uncertainty(read, out, progress=True, **how)
    say_all(part_lines(done) if shard is not None else summary_lines(done, top=top, **terminal()))


@main.command(cls=Command)
@STUDY
@output("result")
@TOP
@THREADS
def null(study: Path, out: Path | None, overwrite: bool, top: int, threads: int | None) -> None:
    """Test whether the clusters of STUDY.toml exceed what chance gives.

    Its section [null] says what is placed at random as a whole (organisations),
    by which baseline (inhabitants), and how often.
    """
    from gclust.experiments.null_model.summary import summary_lines

    read = gclust.read_study(study)
    out = out or _folder(read.study.name, "null")
    done = gclust.null_model(read, out, progress=True, n_jobs=threads, overwrite=overwrite)
    say_all(summary_lines(done, top=top, **terminal()))


@main.command(cls=Command)
@STUDY
@output("result")
@TOP
@THREADS
def localise(study: Path, out: Path | None, overwrite: bool, top: int, threads: int | None) -> None:
    """Measure which kinds or fields of STUDY.toml are localised.

    Its section [localisation] says what is compared: K-densities of the sites of
    organisations, and with [places] given an index over these areas.
    """
    from gclust.experiments.localisation.summary import summary_lines

    read = gclust.read_study(study)
    out = out or _folder(read.study.name, "localisation")
    done = gclust.localisation(read, out, progress=True, n_jobs=threads, overwrite=overwrite)
    say_all(summary_lines(done, top=top, **terminal()))


@main.command(cls=Command)
@click.argument("parts", type=PATH, nargs=-1, required=True, metavar="PART...")
@output("result")
@TOP
def gather(parts: tuple[Path, ...], out: Path | None, overwrite: bool, top: int) -> None:
    """Join the parts that gclust sweep or gclust uncertainty wrote with --shard.

    The result has the same bytes as that of one process. Listings are not
    read.
    """
    from gclust.experiments.shards.part import read_part
    from gclust.experiments.sweep import summary as of_sweep
    from gclust.experiments.uncertainty import summary as of_uncertainty

    first = read_part(parts[0])
    out = out or _folder(first.study.study.name, first.of)
    done = gclust.gather(parts, out, progress=True, overwrite=overwrite)
    if isinstance(done, gclust.Sweep):
        say_all(of_sweep.summary_lines(done))
    else:
        say_all(of_uncertainty.summary_lines(done, top=top, **terminal()))


@main.command(cls=Command)
@STUDY
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A free one by default.")
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.")
@THREADS
def tune(study: Path, port: int, browser: bool, threads: int | None) -> None:
    """Try parameters of STUDY.toml on a web page with sliders; Ctrl-C ends it.

    The page can write the chosen parameters as a new study. It is served only
    to this machine, at 127.0.0.1, and only to browsers that open the whole
    address that is printed. To see it on another machine, forward its port
    there under the same number: ssh -L PORT:127.0.0.1:PORT.
    """
    from gclust.experiments.tune.run import tune as serve

    def ready(address: str) -> None:
        say(f"gclust tune is at {address}\nCtrl-C ends it.")

    serve(study, port=port, ready=ready, show=browser, progress=True, n_jobs=threads)
    say("Ended.")


@main.command(cls=Command)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@output("comparison")
@click.option("--decompose/--no-decompose", default=True, help="Whether to decompose the changes.")
@click.option(
    "--after",
    type=PATH,
    help="Folder of an earlier comparison whose second run is A: clusters keep their ids.",
)
@TOP
@THREADS
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
    """Compare two runs: the changes of ranks and scores, and their causes.

    A and B are folders of runs, or studies, which are run first. Each change
    of a rank or score is decomposed into contributions of the data, the
    formation of clusters, the kinds and the weights, if these differ.
    """
    from gclust.experiments.compare.summary import difference_lines, summary_lines
    from gclust.report.comparison_table import changes_table

    out = out or Path(f"{_stem(a)}-to-{_stem(b)}")
    how: Any = {"progress": True, "n_jobs": threads, "overwrite": overwrite}
    done = gclust.compare(a, b, out, decompose=decompose, after=after, **how)
    shape = terminal()
    width, table = shape["width"], changes_table(done.table, done.factors, top=top, **shape)
    say_all([*difference_lines(done, width), "", table, "", *summary_lines(done, width)])


@main.command(cls=Command)
@click.argument("folder", metavar="RUN", type=PATH)
@click.option("--inputs", type=PATH, help="Folder of the inputs, if they are not where they were.")
@THREADS
def verify(folder: Path, inputs: Path | None, threads: int | None) -> None:
    """Compute RUN again from its study and inputs, and compare every file.

    RUN is the folder of a run, or a ZIP file of it. The exit code is 0 if all
    files are the same, 1 if not; then it says what differs, by how much, and
    why that may be.
    """
    from gclust.experiments.verify.summary import summary_lines

    found = gclust.verify(folder, inputs=inputs, progress=True, n_jobs=threads)
    say_all(summary_lines(found))
    if not found.same:
        raise click.exceptions.Exit(1)


@main.command(cls=Command)
@click.argument("folder", metavar="RUN", type=PATH)
@click.option("-o", "--out", type=PATH, help="The file to write; RUN/report.html by default.")
@click.option(
    "--with",
    "also",
    type=PATH,
    multiple=True,
    help="Folder of gclust uncertainty, sweep or compare to show too; those in RUN always are.",
)
@click.option(
    "--methods", is_flag=True, help="Print the methods paragraph and BibTeX; write no file."
)
def report(folder: Path, out: Path | None, also: tuple[Path, ...], methods: bool) -> None:
    """Write the report of RUN: one HTML file that needs no network.

    It has an interactive map, the ranking, noise, merges, inputs, every choice
    of the study with its meaning, a methods paragraph, and what to cite.
    """
    from gclust.experiments.report.run import run_methods

    if methods and out is not None:
        raise click.UsageError("--methods prints and writes no file: leave out --out")
    if methods:
        say_all(run_methods(folder, also=also).page.split("\n"))
    else:
        say(f"Report: {gclust.write_report(folder, out, also=also)}")


@main.command(cls=Command)
@click.argument("name", required=False)
def indicators(name: str | None) -> None:
    """List the indicators that a study can compute, or describe NAME."""
    from gclust.report.catalogue import catalogue_text, indicator_text

    table = gclust.list_indicators()
    if name is None:
        say(catalogue_text(table, **terminal()))
    elif name in table.index:
        say(indicator_text(table.loc[name], **terminal()))
    else:
        hint = did_you_mean(name, table.index, otherwise=".")
        raise StudyError(
            f'{name!r} is not a known indicator{hint} Run "gclust indicators" for a list'
        )


@main.command(cls=Command)
@click.argument("world", type=click.Choice(["gii", "us"]), default="gii")
@click.option("-o", "--out", type=PATH, help="Folder for all output.")
@click.option("--edition", type=click.Choice(["2025", "2023"]), help="Of the GII; 2025 by default.")
@click.option("--scale", type=float, help="Size of the simulated world; 1.0 is the real size.")
@TOP
@THREADS
def demo(
    world: str,
    out: Path | None,
    edition: str | None,
    scale: float | None,
    top: int,
    threads: int | None,
) -> None:
    """Run an example, from listings to a ranking with a map.

    gii simulates the listings behind the Global Innovation Index's cluster
    tables (no network needed); us fetches real data of the United States.
    """
    from gclust.demo import demo_gii, demo_us

    if world == "gii":
        demo_gii(out, edition=int(edition or 2025), scale=scale, top=top, threads=threads)
    elif edition is not None or scale is not None:
        raise click.UsageError("--edition and --scale are only for simulated data: gclust demo gii")
    else:
        demo_us(out, top=top, threads=threads)


@main.command(cls=Command)
@click.argument("name")
@click.option("-o", "--out", type=PATH, help="Cache folder to use.")
def fetch(name: str, out: Path | None) -> None:
    """Download the data set NAME into the cache, and check its files by sha256."""
    from gclust.datasets import fetch as fetch_files  # the command bears the same name
    from gclust.progress import resolve

    say_all(map(str, fetch_files(name, cache=out, progress=resolve(True)).values()))


def _folder(name: str, what: str) -> Path:
    """Return the default folder of a result, named after its study."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return Path(f"{kept.strip('-.')[:LONGEST_NAME] or 'study'}-{what}")


def _with_shard(what: str, shard: Any) -> str:
    """Return what the default folder of a command holds, with the numbers of its shard."""
    return what if shard is None else f"{what}-{shard.number}-of-{shard.count}"


def _stem(path: Path) -> str:
    """Return the name of a run's folder or of a study."""
    absolute = path.resolve()
    return absolute.stem if absolute.suffix == ".toml" else absolute.name
