"""The listings of a run from its own folder, for comparisons without the files that it read.

``memberships.parquet`` has every listing with its record, weight and location, and
``locations.parquet`` the coordinates: all that clusters and counts depend on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from gclust.errors import StudyError
from gclust.listings.sources.files import matching_files
from gclust.results.run import Run
from gclust.study.schema import Study
from gclust.study.sections import Source
from gclust.study.write_toml import absolute_path

FILE = "memberships.parquet"
COLUMNS = ("kind", "record", "location", "weight")
QUERY = """\
SELECT m.record, p.lat, p.lon, m.weight FROM 'memberships.parquet' AS m
LEFT JOIN (
    SELECT file_row_number AS location, lat, lon
    FROM read_parquet('locations.parquet', file_row_number = true)
) AS p USING (location)
WHERE m.kind = '{kind}'"""
"""SQL of the listings of a kind. Those without a place have no coordinates."""

Listed = Mapping[str, Source]


def listed_sources(run: Run) -> Listed | None:
    """Return sources in a run's own folder by kind, None if the files that it read are there.

    They have the listings inside the years of the study, and no further columns. It is None also
    if the run has no memberships; then reading its sources is an error that says what is missing.
    """
    if run.path is None or all(_is_there(source, run.study) for source in run.study.sources):
        return None
    path = run.path / FILE
    if not path.is_file() or not {*COLUMNS} <= {*pq.read_schema(path).names}:
        return None
    return {
        kind: Source(
            kind=kind,
            sql=QUERY.format(kind=kind.replace("'", "''")),
            sql_paths=(str(run.path),),
            # Those that were rejected for it have no coordinates here.
            null_island="keep",
        )
        for kind in run.study.kinds
    }


def check_listed(runs: tuple[Run, Run], listed: tuple[Listed | None, Listed | None]) -> None:
    """Check that listings from a run's folder are enough to decompose changes.

    Raises
    ------
    StudyError
        If scores depend on other columns of listings, or the runs round coordinates differently.
    """
    for run, own in zip(runs, listed, strict=True):
        if own is None:
            continue
        gone = f"{run.path}: the listings that it read are not there, and {FILE}"
        for study in (each.study for each in runs):
            needs = [need for need in study.needs if not need.optional]
            if needs:
                raise StudyError(f"{gone} has no column {needs[0].column!r} ({needs[0].by})")
        if len({each.study.density.decimals for each in runs}) > 1:
            raise StudyError(f"{gone} has coordinates that are rounded, not as the other run's")


def _is_there(source: Source, study: Study) -> bool:
    """Return whether a source can be read."""
    if source.sql is not None:
        folders = source.sql_paths or (".",)
        return all((study.folder / each).is_dir() for each in folders)
    if source.path is None:
        return not isinstance(source.data, str)
    try:
        return bool(
            matching_files(str(absolute_path(Path(study.folder) / source.path)), source.kind)
        )
    except StudyError:
        return False
