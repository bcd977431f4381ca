"""Entry point that joins the parts of a sweep or of rank uncertainty."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gclust.experiments.shards.complete import complete_parts
from gclust.experiments.sweep.folder import write_sweep
from gclust.experiments.sweep.part import gather_sweep
from gclust.experiments.sweep.result import Sweep
from gclust.experiments.uncertainty.folder import write_uncertainty
from gclust.experiments.uncertainty.part import gather_uncertainty
from gclust.experiments.uncertainty.result import Uncertainty
from gclust.progress import Report, resolve
from gclust.results.folders import claim


def gather(
    parts: Iterable[str | Path],
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    overwrite: bool = False,
) -> Sweep | Uncertainty:
    """Join the parts of a sweep or of rank uncertainty, which many machines may have computed.

    The result is the same, to the byte of every file, as that of one process without shards.
    Listings are not read, so that the parts can be joined where the data are not.

    Parameters
    ----------
    parts : iterable of path-like
        Folders that `gclust.sweep` or `gclust.uncertainty` wrote with ``shard``, in any order:
        all shards of one count.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    overwrite : bool
        Whether an earlier result in ``out`` may be replaced.

    Returns
    -------
    Sweep or Uncertainty

    Raises
    ------
    StudyError
        If a folder is no part or is damaged, shards are missing, or parts have different
        studies, data or versions; the message says which and how they differ.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> for number in (1, 2):
    ...     part = gclust.uncertainty(study, f"part-{number}", shard=(number, 2))
    >>> found = gclust.gather(["part-1", "part-2"])
    >>> found.table[["rank", "name", "rank_set_low", "rank_set_high"]]
       rank      name  rank_set_low  rank_set_high
    0     1  Grenoble             1              2
    1     2      Lyon             1              2
    2     3    Geneva             3              3
    """
    if isinstance(parts, str | Path):
        parts = [parts]
    read = complete_parts(parts)
    report = resolve(progress)
    with claim(out, overwrite, read[0].of) as place:
        if read[0].of == "sweep":
            swept = gather_sweep(read)
            return swept if place is None else write_sweep(swept, place, report)
        found = gather_uncertainty(read, report)
        return found if place is None else write_uncertainty(found, place, report)
