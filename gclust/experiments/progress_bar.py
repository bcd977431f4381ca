"""Progress bars on the terminal, with the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gclust.escapes import visible
from gclust.progress import LogProgress, Report

QUICK_SECONDS = 1.0
ESTIMATED_OVER_SECONDS = 3600.0
"""Seconds over which speed is measured; rich's default of 30 may be shorter than one pair."""


@contextmanager
def time_left(console: Console | None = None) -> Iterator[Report]:
    """Draw a progress bar with elapsed and remaining time for each stage; in a log, write lines.

    Parameters
    ----------
    console : rich.console.Console, optional
        Console to draw on, by default stderr.

    Yields
    ------
    callable
        Takes ``(fraction, stage)``. Stages of less than a second leave no bar.
    """
    console = Console(stderr=True) if console is None else console
    if not console.is_terminal:
        yield LogProgress(console.file)  # type: ignore[arg-type]
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, speed_estimate_period=ESTIMATED_OVER_SECONDS
    ) as progress:
        bars: dict[str, TaskID] = {}

        def report(fraction: float, stage: str) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(visible(stage), total=1.0)
            bar = bars[stage]
            progress.update(bar, completed=fraction)
            task = next(task for task in progress.tasks if task.id == bar)
            if fraction >= 1.0 and (task.elapsed or 0.0) < QUICK_SECONDS:
                progress.remove_task(bar)
                del bars[stage]

        yield report
