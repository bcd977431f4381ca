"""Messages about rejected rows: their number, their weight, and the limit of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gclust.errors import StudyError
from gclust.listings.rejects import rejects_summary
from gclust.listings.sources.source import LEAST_REJECTED
from gclust.listings.stage import Staged
from gclust.plurals import counted

HEAVY, LEAST_WEIGHT = 10.0, 0.005
"""Rejected rows are warned of if their part of the weight is at least the second, and more than
the first times their part of the rows."""


def refuse_many_rejects(most: float, staged: Staged) -> None:
    """Refuse a source if too large a part of its rows or weight is rejected.

    Rows near latitude 0, longitude 0 do not count: they are known to have no place.
    """
    for row, weight in _sources(staged):
        rejected = row["rejected"] - row["null_island"]
        if rejected < LEAST_REJECTED:
            continue
        of_rows, of_weight = _parts(row, weight)
        if max(of_rows, of_weight) > most:
            mine = staged.rejects["kind"] == row["kind"]
            of_kind = staged.sources["kind"] == row["kind"]
            total = int(staged.sources.loc[of_kind, "rejected"].sum())
            share = (
                f"{100 * of_rows:.1f} %"
                if of_rows >= of_weight
                else f"{100 * of_weight:.1f} % of their weight"
            )
            within = " within the years or without a year" if row["outside_years"] else ""
            raise StudyError(
                f"{row['path']}: {rejected:,} of {counted(row['used'] + rejected, 'row')}{within}"
                f" ({share}) were"
                f" rejected, more than [study] max_rejects = {most:g} allows"
                + rejects_summary(staged.rejects[mine], total)
                + f" ({row['columns']})"
            )


def weights_of_rejects(staged: Staged) -> tuple[list[list[str]], list[str]]:
    """Say how much the rejected rows weigh where listings have weights.

    Returns
    -------
    messages : list of list of str
        For each source.
    warnings : list of str
        Those of these where few rows hold much of the weight.
    """
    messages: list[list[str]] = []
    warnings: list[str] = []
    for row, weight in _sources(staged):
        rejected = row["rejected"] - row["null_island"]
        if not rejected or weight["used"] == row["used"]:
            messages.append([])
            continue
        of_rows, of_weight = _parts(row, weight)
        text = (
            f"{row['path']}: rejected rows weigh {weight['rejected']:,.10g}, which is"
            f" {100 * of_weight:.3g} % of the weight ({counted(rejected, 'row')},"
            f" {100 * of_rows:.3g} %)"
        )
        is_heavy = of_weight >= LEAST_WEIGHT and of_weight > HEAVY * of_rows
        messages.append([] if is_heavy else [text])
        warnings += [text] if is_heavy else []
    return messages, warnings


def _sources(staged: Staged) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the rows of each source with its weights."""
    rows, weights = staged.sources.to_dict("records"), staged.weights.to_dict("records")
    return list(zip(rows, weights, strict=True))


def _parts(row: Mapping[str, Any], weight: Mapping[str, Any]) -> tuple[float, float]:
    """Return the rejected part of a source's rows, and of its weight."""
    rejected = row["rejected"] - row["null_island"]
    of_weight = weight["rejected"] / max(weight["used"] + weight["rejected"], 1e-300)
    return rejected / (row["used"] + rejected), of_weight
