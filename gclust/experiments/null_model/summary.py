"""Summary of a null model for the terminal."""

from __future__ import annotations

import textwrap

from gclust.experiments.null_model.result import NullModel
from gclust.plurals import counted
from gclust.report.text_table import ALWAYS, NEEDED, Column, filled, fixed, significant, table_lines

COLUMNS = (
    Column("name", ("", "Cluster"), None, ALWAYS),
    Column("observed", ("Weight", "observed"), significant, 6),
    Column("expected", ("", "expected"), significant, 6),
    Column("excess", ("Excess", "in sd"), fixed(2), NEEDED),
    Column("family_p", ("p, all", "places"), fixed(4), ALWAYS),
    Column("peak_pointwise_p", ("p, own peak:", "descriptive"), fixed(4), 5),
)


def summary_lines(found: NullModel, *, top: int, width: int, ascii: bool = False) -> list[str]:
    """Return lines of text: the table, its meaning, and the paths of the files."""
    level = f"{100 * found.study.null.level:g} %"
    lines = [
        f"{found.draws_in_words}.",
        f"{found.verdict}.",
        f"p for all places: the share of the draws whose largest excess over all"
        f" {counted(found.n_places, 'place')} is at least the cluster's. With no localisation, the"
        f" probability that any cluster has {level} or less is {level}. A value for a cluster's own"
        " peak is descriptive: the peak was chosen for its excess.",
        f"Weight is that of all listings within {found.radius_km:g} km of a place.",
        *(f"Note: {warning}." for warning in found.warnings),
    ]
    wrapped = [row for line in lines for row in textwrap.wrap(line, width)]
    rows = found.table.head(top)
    columns = [filled(column, rows) for column in COLUMNS]
    table = table_lines(columns, width, ascii) if len(rows) else ["No cluster is found."]
    shown = ["", *table, "", *wrapped]
    if found.path is not None:
        shown += [
            "",
            f"Table:  {found.path / 'null_model.csv'}",
            f"Places: {found.path / 'null_places.csv'}",
            f"All files: {found.path}",
        ]
    return shown
