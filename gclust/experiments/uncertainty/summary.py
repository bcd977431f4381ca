"""Summary of rank uncertainty for the terminal."""

from __future__ import annotations

import textwrap

from gclust.escapes import visible
from gclust.experiments.uncertainty.result import Uncertainty
from gclust.experiments.uncertainty.sources_alone import largest_in_words
from gclust.plurals import counted
from gclust.ranking.columns import scored
from gclust.ranking.score_in_words import score_in_words
from gclust.report.rank_uncertainty import rank_uncertainty_table


def summary_lines(found: Uncertainty, *, top: int, width: int, ascii: bool = False) -> list[str]:
    """Return lines of text: the table, its meaning, and the paths of the files."""
    level = f"{100 * found.study.uncertainty.level:g} %"
    n, fixed = len(found.table), ", ".join(found.score_leaves_out)
    given = f", with {fixed} as it is" if fixed else ""
    given += f", {found.assumption}" if found.assumption else ""
    these = "this cluster" if n == 1 else f"these {n:,} clusters"
    alone = int((found.table["rank_set_low"] == found.table["rank_set_high"]).sum())
    options = found.study.score
    score = score_in_words(scored(found.study.kinds, options.of), options)
    lines = [
        f"Score: {visible(score)}.",
        f"{found.draws_in_words}.",
        f"Rank sets hold the true ranks of {these} at once with a probability of"
        f" {level}{given}; drawn ranks are {level} of the draws and promise no such thing.",
        "Among the first 10 or 100: yes, possible or no, by these sets; a set for one cluster"
        " alone is narrower (marginal_rank_set_low and _high).",
        f"{len(found.pairs):,} of {counted(n * (n - 1) // 2, 'pair')} of clusters cannot be"
        f" distinguished; {counted(alone, 'cluster has', 'clusters have')} one rank alone.",
        *_not_resampled(found),
        *_moved(found),
        *largest_in_words(found.sources, found.study.uncertainty.level),
        *(f"Note: {warning}." for warning in found.warnings),
        found.superpopulation,
    ]
    wrapped = [row for line in lines for row in textwrap.wrap(line, width)]
    shown = [
        "",
        rank_uncertainty_table(found.table, width=width, top=top, ascii=ascii),
        "",
        *wrapped,
    ]
    if found.path is not None:
        shown += [
            "",
            f"Figure: {found.path / 'figures' / 'rank_sets.png'}",
            f"Table:  {found.path / 'uncertainty.csv'}",
            f"Pairs:  {found.path / 'pairs.csv'}",
            *([] if found.sources is None else [f"Sources: {found.path / 'sources.csv'}"]),
            *([] if found.moved is None else [f"Moved:  {found.path / 'moved.csv'}"]),
            f"All files: {found.path}",
        ]
    return shown


def _not_resampled(found: Uncertainty) -> list[str]:
    """Return a line that names the kinds that are the same in all draws."""
    if not found.not_resampled:
        return []
    line = f"Not resampled: {', '.join(found.not_resampled)}."
    if found.score_leaves_out:
        line += (
            " Intervals of the score, drawn ranks and rank sets leave out what varies in"
            f" {', '.join(found.score_leaves_out)}."
        )
    return [line]


def _moved(found: Uncertainty) -> list[str]:
    """Return lines with the number of jittered listings and the range of their radii."""
    if found.moved is None:
        return []
    if found.moved.empty:
        return ["No listing is jittered: all radii are 0."]
    least, most = found.moved["radius_km_least"].min(), found.moved["radius_km_most"].max()
    discs = f"{most:.1f} km" if least == most else f"{least:.1f} to {most:.1f} km"
    return [
        f"{counted(found.moved['listings'].sum(), 'listing is', 'listings are')} jittered in each"
        f" draw, within discs of {discs}."
    ]
