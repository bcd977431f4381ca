"""Check that the disk has room for the temporary files of the listings, before they are read."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from gclust.errors import StudyError
from gclust.listings.engines.duckdb import MOST_UNCOMPRESSED
from gclust.listings.open_sources import Scan
from gclust.memory import shown_amount
from gclust.pipeline.open_engine import temporary_folder
from gclust.plurals import counted
from gclust.study.schema import Study

# Measured with the simulated world, the largest size of all temporary files of a run divided by
# the number of listings: 84 bytes with 10 million listings (not compressed); with 100 million
# (compressed) 20.5, with 1,000 million 49: 38 of these were queries' while listings were summed by
# location, for which they had 2.4 bytes of memory a listing, not 20.
# Of columns: the size of a table with the column less that of one without it.
BYTES_OF_A_ROW = (90.0, 55.0)
"""Bytes on the disk for each listing, in tables that are not compressed and that are."""

BYTES_OF_COLUMN = {
    "text record": (20.0, 8.0),
    "year": (4.5, 0.5),
    "organisation": (36.0, 4.5),
    "field": (26.0, 1.0),
    "country": (0.0, 0.0),  # in the numbers above
    "precision": (11.0, 0.5),
    "citations": (8.0, 2.0),
}
"""Further bytes for the columns that not every study has."""


def check_space(study: Study, scans: Sequence[Scan]) -> None:
    """Raise StudyError if the temporary files of a study's listings need more disk than is free.

    ``scans`` are its opened sources, which know the number of their rows. The number of bytes is
    an estimate: it depends on the listings how well they are compressed.
    """
    need, folder = needed_bytes(study, scans), temporary_folder(study)
    free = shutil.disk_usage(folder).free
    if need > free:
        rows = sum(scan.rows for scan in scans)
        raise StudyError(
            f"{folder}: has {free:,} bytes ({shown_amount(free)}) free, and the temporary files of"
            f" {counted(rows, 'listing')} need about {need:,} ({shown_amount(need)}); make room"
            " there, or"
            " name a folder on another disk with [engine] temp_dir or the environment variable"
            " TMPDIR"
        )


def needed_bytes(study: Study, scans: Sequence[Scan]) -> int:
    """Return how many bytes the temporary files of a study's listings need, about."""
    rows = sum(scan.rows for scan in scans)
    how = 0 if rows <= MOST_UNCOMPRESSED else 1
    names = set(study.needed_columns)
    if any(scan.has_text_records for scan in scans):
        names.add("text record")
    of_row = BYTES_OF_A_ROW[how] + sum(BYTES_OF_COLUMN[name][how] for name in names)
    outputs, tables = study.outputs, 1
    if study.indicators or study.members.on:  # another table of all listings
        tables += 1
    if study.normalises:
        tables += 1
    if outputs.membership_format or outputs.crosswalks:  # and one that is dropped again
        tables += 1
    return int(rows * of_row * tables)
