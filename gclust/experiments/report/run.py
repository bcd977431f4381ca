"""The report of a run, read from its folder, with the experiments in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.experiments.compare.result import read_comparison
from gclust.experiments.sweep.folder import read_sweep
from gclust.experiments.uncertainty.folder import read_uncertainty
from gclust.results.methods import Methods, methods
from gclust.results.run import Run, read_run
from gclust.results.web.page import page
from gclust.results.web.write import write_page

READERS: dict[str, Callable[[Path], Any]] = {
    "uncertainty": read_uncertainty,
    "sweep": read_sweep,
    "comparison": read_comparison,
}
"""What a folder of an experiment holds -> its reader; ``<what>.json`` identifies it."""


def write_report(
    run: str | Path, path: str | Path | None = None, *, also: Iterable[str | Path] = ()
) -> Path:
    """Write the report of a run: one HTML file that needs no network.

    It shows the map, the ranking, noise, merges, inputs, rejects, every choice of the study with
    its meaning, a methods paragraph and what to cite; and rank uncertainty, a sweep and a
    comparison, if their folders are in that of the run or are named. The file is written
    completely or not at all.

    Parameters
    ----------
    run : path-like
        The folder of a run.
    path : path-like, optional
        The file to write; by default ``report.html`` in the folder of the run. An existing file is
        replaced.
    also : iterable of path-like
        Folders of experiments elsewhere: of ``gclust uncertainty``, ``sweep`` or ``compare``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StudyError
        If the folder holds no run, another folder no experiment, there are two of one kind, an
        indicator's package or Bokeh is not installed, or the file cannot be written.

    Examples
    --------
    >>> import gclust
    >>> done = gclust.run(gclust.datasets.example_study(), out="my-run")
    >>> gclust.write_report("my-run").name
    'report.html'
    """
    found, experiments = read_parts(run, also)
    return write_page(found.path, page(found, **experiments), path)


def run_methods(run: str | Path, *, also: Iterable[str | Path] = ()) -> Methods:
    """Return what a run did in sentences, with the works that they cite; see `report`."""
    found, experiments = read_parts(run, also)
    return methods(found, **{key: experiments.get(key) for key in ("uncertainty", "comparison")})


def read_parts(run: str | Path, also: Iterable[str | Path]) -> tuple[Run, dict[str, Any]]:
    """Read a run, and the experiments in its folder and in others, by what they are."""
    found = read_run(run)
    assert found.path is not None
    inner = sorted(each for each in found.path.iterdir() if each.is_dir() and _what(each))
    folders: dict[str, Path] = {}
    for folder in [*inner, *map(Path, also)]:
        what = _what(folder)
        if what is None:
            raise StudyError(
                f"{folder}: holds no uncertainty, sweep or comparison; expected a folder written"
                " by gclust uncertainty, gclust sweep or gclust compare"
            )
        if what in folders:
            raise StudyError(
                f"{folders[what]} and {folder} both hold a result of gclust {what}; expected one"
            )
        folders[what] = folder
    return found, {what: READERS[what](folder) for what, folder in folders.items()}


def _what(folder: Path) -> str | None:
    return next((what for what in READERS if (folder / f"{what}.json").is_file()), None)
