"""The files of a run that ``[outputs]`` asks for, computed from its listings."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from gclust.listings.engines.protocol import Engine
from gclust.pipeline.crosswalks import crosswalks
from gclust.pipeline.memberships import membership_tables
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.stages import Stages
from gclust.results.folders import Place
from gclust.results.memberships import NAME, write_memberships
from gclust.results.run import Run


def add_outputs(
    run: Run,
    engine: Engine,
    prepared: Prepared,
    run_log: RunLog,
    stages: Stages,
    place: Place | None,
) -> Run:
    """Add the tables of ``[outputs]`` to a run.

    Memberships, which may be larger than memory, go to their file at once; without a folder
    (``place``) they are held in memory.
    """
    study = run.study
    tables = {}
    if study.outputs.crosswalks:
        tables = stages.step(
            "add up crosswalks",
            lambda: crosswalks(study, engine, prepared, run.ranking, run.locations, run_log),
        )
    wanted, memberships = study.outputs.membership_format, None
    if wanted is not None:
        with run_log.timed("list memberships"):
            rows = membership_tables(study, engine, prepared, run.locations)
            if place is None:
                memberships = pa.concat_tables(rows)
            else:
                path = place.unfinished / f"{NAME}.{wanted}"
                write_memberships(rows, path, study.outputs.csv_encoding)
    return replace(run, tables={**run.tables, **tables}, listed=memberships)
