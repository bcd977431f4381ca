"""Normalisation of counts by field and year."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine
from gclust.listings.normalise import (
    add_counts,
    factors_of_cells,
    given_totals,
    largest_sum,
    rows_without_cell,
    sums_of_cells,
    too_large,
    values_of_listings,
)
from gclust.listings.stage import Staged
from gclust.listings.sums import rows_by
from gclust.pipeline.run_log import RunLog
from gclust.plurals import counted, either
from gclust.study.schema import Study
from gclust.units import LARGEST_TOTAL, UNIT

COUNTED = "counted_listings"
"""Name of the table of listings with what they count."""

FACTORS = "field_years"
STAGE = "normalise counts"

FEW = 10
"""Number of records below which a field-year is called small."""


def normalise_counts(
    study: Study, engine: Engine, staged: Staged, run_log: RunLog
) -> dict[int, int]:
    """Store the listings with what each counts, in the table `COUNTED`.

    Returns
    -------
    dict
        Code of each kind -> total of what its listings count, in fixed point.

    Raises
    ------
    StudyError
        If a kind has no row with a field and a year, or citations are negative or too large.
    """
    codes = [staged.kinds.index(kind) for kind in study.normalised_kinds]
    unlocated, cited = study.counting.unlocated, study.counting.weight == "citations"
    with run_log.timed(STAGE):
        if cited:
            _refuse_citations(study, engine, staged, codes)
        valued = values_of_listings(staged.listings, codes, unlocated=unlocated, cited=cited)
        cells = engine.pandas(sums_of_cells(valued, codes), STAGE).astype({"value": "int64"})
        factors = factors_of_cells(cells)
        without = engine.pandas(rows_without_cell(valued), STAGE).set_index("kind")["rows"]
        _tell(study, staged, cells, factors, without, run_log)
        table = engine.put(factors, FACTORS)
        counted = engine.store(add_counts(valued, table, codes), COUNTED, STAGE)
        engine.drop(FACTORS)
        totals = engine.pandas(given_totals(counted), STAGE)
    return {int(k): int(u) for k, u in zip(totals["kind"], totals["units"], strict=True)}


def _refuse_citations(study: Study, engine: Engine, staged: Staged, codes: list[int]) -> None:
    """Raise StudyError if citations are negative, not finite, or add up to too many."""
    given = nw.col("citations")
    bad = ~given.is_null() & (~given.is_finite() | (given < 0) | (given > LARGEST_TOTAL))
    rows = staged.listings.filter(nw.col("kind").is_in(codes) & bad)
    for code, number in engine.pandas(rows_by(rows, "kind"), STAGE).itertuples(index=False):
        raise StudyError(
            f"[counting] weight = 'citations': {counted(number, 'row')} of kind"
            f" {staged.kinds[code]!r} {either(number, 'has', 'have')} citations that cannot be"
            f" used; expected numbers from 0 to {LARGEST_TOTAL:g}"
        )
    fractions = values_of_listings(
        staged.listings, codes, unlocated=study.counting.unlocated, cited=False
    )
    sums = engine.pandas(largest_sum(fractions, codes), STAGE)
    for code, total in sums.itertuples(index=False):
        if too_large(float(total)):
            raise StudyError(
                f"[counting] weight = 'citations': those of kind {staged.kinds[code]!r} add up to"
                f" {total:g}; expected at most {LARGEST_TOTAL:g}: divide them by a common factor"
            )


def _tell(
    study: Study,
    staged: Staged,
    cells: pd.DataFrame,
    factors: pd.DataFrame,
    without: pd.Series,
    run_log: RunLog,
) -> None:
    """Say what does not count, and which field-years are small; refuse kinds without any."""
    cited = study.counting.weight == "citations"
    columns = "field, year or citations" if cited else "field or year"
    for kind in study.normalised_kinds:
        code = staged.kinds.index(kind)
        own = cells[cells["kind"] == code]
        rows = int(without.get(code, 0))
        n = int((factors["kind"] == code).sum())
        if not n:
            raise StudyError(
                f"[counting] normalise: no listing of kind {kind!r} has a field and a year"
                f"{' and citations above 0' if cited else ''}"
                f" ({counted(rows, 'row has', 'rows have')}"
                f" no {columns});"
                " expected a source with both, or normalise for other kinds:"
                ' normalise = { kind = "field-year" }'
            )
        if rows:
            run_log.messages.append(
                f"{counted(rows, 'row')} of kind {kind!r} {either(rows, 'has', 'have')} no"
                f" {columns} and"
                f" {either(rows, 'does', 'do')} not count ([counting] normalise);"
                f" {either(rows, 'it still forms', 'they still form')} clusters and ties"
            )
        if (empty := len(own) - n) > 0:
            run_log.messages.append(
                f"{counted(empty, 'field-year')} of kind {kind!r} {either(empty, 'has', 'have')} no"
                f" citations and {either(empty, 'does', 'do')} not count"
            )
        small = own[(own["fraction"] < FEW * UNIT) & (own["value"] > 0)]
        if len(small):
            least = small.sort_values(["fraction", "field", "year"]).iloc[0]
            run_log.messages.append(
                f"{len(small):,} of {counted(n, 'field-year')} of kind {kind!r}"
                f" {either(len(small), 'has', 'have')} fewer than {FEW} records, and each counts as"
                " much as the largest; the smallest,"
                f" {least['field']} in {int(least['year'])}, has {least['fraction'] / UNIT:.3g}"
            )
