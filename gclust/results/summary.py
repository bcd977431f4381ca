"""The summary of a run for the terminal."""

from __future__ import annotations

import textwrap

import pandas as pd

from gclust.escapes import visible
from gclust.listings.rejects import rejects_summary
from gclust.plurals import counted, either
from gclust.ranking.columns import scored
from gclust.ranking.score_in_words import score_in_words
from gclust.ranking.unscored import unscored_in_words
from gclust.report.table import ranking_table, score_is_total
from gclust.results.run import Run


def summary_lines(
    run: Run, *, width: int, top: int, marks: pd.DataFrame | None = None, ascii: bool = False
) -> list[str]:
    """Return the lines of a summary: ranking, numbers of clusters and rows, and file paths.

    The other parameters are those of `gclust.report.table.ranking_table`.
    """
    info = run.info
    merged = info["clusters_before_merging"] - info["clusters"]
    lines = [
        "",
        *ranking_table(run.ranking, width=width, top=top, marks=marks, ascii=ascii).split("\n"),
        *_score(run, width, top),
        "",
        f"{counted(info['clusters'], 'cluster')} (after {counted(merged, 'merge')})",
    ]
    for source in info["sources"]:
        lines.append(
            f"{source['path']}: {counted(source['used'], source['kind'] + ' row')} used,"
            f" {source['rejected']:,} rejected, {source['outside_years']:,} outside the years"
        )
        lines += [f"  {line}" for line in (source["columns"], *source["messages"])]
    for kind, rejects in run.rejects.groupby("kind", sort=False):
        total = sum(source["rejected"] for source in info["sources"] if source["kind"] == kind)
        lines.append(f"{counted(total, kind + ' row')} rejected{rejects_summary(rejects, total)}")
    for raster in info.get("rasters", ()):
        name = raster["bands"][raster["band"] - 1].partition(": ")[2]
        lines.append(
            f"{raster['raster']}: band {raster['band']} of {len(raster['bands'])}"
            + (f" ({name})" if name else "")
            + (f", {raster['files']:,} files as one" if raster["files"] > 1 else "")
        )
    if run.intensity is not None and run.intensity.table["ranked_under"].any():
        spread = run.intensity.table["intensity_rank_range"].dropna()
        n = run.intensity.detail["combination"].nunique()
        lines.append(
            f"Intensity ranks under {counted(n, 'combination')} of footprints and rasters:"
            f" {(spread > 0).sum():,} of {counted(len(spread), 'cluster')}"
            f" {either((spread > 0).sum(), 'moves', 'move')}, by"
            f" {counted(spread.max(), 'rank')} at most (intensity.csv)"
        )
    if "given_areas" in run.tables:
        areas, overlaps = run.tables["given_areas"], run.tables["given_overlaps"]
        inside = overlaps.loc[(overlaps["cluster_id"] >= 0) & (overlaps["area_id"] >= 0), "total"]
        lines.append(
            f"{counted(len(areas), 'given area holds', 'given areas hold')} {inside.sum():.1f} of"
            " the clusters'"
            f" {run.ranking['total'].sum():.1f} per cent (given_areas.csv, given_overlaps.csv)"
        )
    if run.path is not None:
        lines += [
            "",
            f"Map:     {run.path / 'figures' / 'map.png'}",
            f"Ranking: {run.path / 'ranking.csv'}",
            f"All files of the run: {run.path}",
        ]
    return lines


def _score(run: Run, width: int, top: int) -> list[str]:
    """Return lines that say which column of the table ranks, and how it is computed."""
    study = run.study
    words = score_in_words(scored(study.kinds, study.score.of), study.score)
    is_total = score_is_total(run.ranking.head(max(top, 1)))
    lines = [f"Ranked by {'total' if is_total else 'score'}: {words}."]
    if unscored := unscored_in_words(run.ranking, study.score):
        lines.append(f"{unscored}.")
    return ["", *(row for line in lines for row in textwrap.wrap(visible(line), width))]
