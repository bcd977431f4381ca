"""Counts of clusters by year, or by windows of years, and how much more they vary than records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.uncertainty.dispersion import (
    FIRST_DIFFERENCE,
    SECOND_DIFFERENCE,
    Excess,
    excess_variance,
)
from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.counting import count_records
from gclust.listings.label import label_records
from gclust.listings.sums import sum_by
from gclust.pipeline.form import partition_locations
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.plurals import counted
from gclust.progress import silent
from gclust.study.schema import Study
from gclust.study.sections import Source
from gclust.units import UNIT

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EARLIER = 2
"""Number of windows before the study's own that are read."""

TOO_FEW = "[uncertainty] dispersion = 'windows' needs three windows of years, and that of"
REMEDY = "expected dispersion = 'years', or a source that goes back further"


class OwnCounts(NamedTuple):
    """The study's own clusters, and what is needed to count them in other periods."""

    prepared: Prepared
    clusters: Ints
    """Cluster of each location, -1 for noise."""
    listings: LabelledListings
    """Listings of the study with these clusters."""
    n_clusters: int


def excess_of_kinds(
    study: Study, own: OwnCounts, n_jobs: int | None
) -> tuple[dict[str, Excess], tuple[str, ...]]:
    """Estimate the excess variance of the kinds that ``[uncertainty] dispersion`` names.

    Returns also messages for the user. Raises StudyError if the listings of a kind have too few
    periods.
    """
    wanted, found = study.variation.dispersion, {}
    by_window = [kind for kind, periods in wanted.items() if periods == "windows"]
    windows = _windows(study, own, by_window, n_jobs) if by_window else {}
    for kind, periods in wanted.items():
        if periods == "years":
            counts, totals = _by_year(own, kind)
            excess = excess_variance(counts, totals, FIRST_DIFFERENCE)
            expected = "listings of two years or more"
        else:
            counts, totals = windows[kind]
            part = float(totals[-1] / totals.sum())
            excess = excess_variance(counts, totals, SECOND_DIFFERENCE, part)
            expected = "three windows of years"
        if excess is None:
            raise StudyError(
                f"[uncertainty] dispersion: kind {kind!r} has {len(totals)} of its {periods} with"
                f" listings, and no cluster to compare them; expected {expected} and clusters of"
                " two records or more: remove dispersion, or widen years in [[sources]]"
            )
        found[kind] = excess
    return found, tuple(_message(kind, wanted[kind], each) for kind, each in found.items())


def _message(kind: str, periods: str, excess: Excess) -> str:
    what = {
        "years": "year-to-year noise only; blind to anything that lasts longer than a year",
        "windows": "noise between windows of years; blind to linear growth over three windows",
    }[periods]
    return (
        f"kind {kind!r}: {what}. By {counted(excess.n_clusters, 'cluster')}, differences of"
        f" {periods} have"
        f" {excess.factor:.2f} times the variance of records at random, and the volume of a"
        f" cluster varies by {100 * np.sqrt(excess.k):.1f} % (k = {excess.k:.3g}: the variance of"
        " a count n is n (1 + k n))"
    )


def _by_year(own: OwnCounts, kind: str) -> tuple[Floats, Floats]:
    """Return the counts of each cluster by year, and those of all listings, noise included."""
    listings = own.listings
    dated = listings.of(kind).filter(~nw.col("year").is_null())
    table = listings.collect(sum_by(dated, "cluster", "year", units="fractional_count"))
    years = np.unique(table.loc[table["units"] > 0, "year"].to_numpy(np.int64))
    table = table[table["year"].isin(years)]
    counts = np.zeros((own.n_clusters + 1, len(years)))
    at = table["cluster"].to_numpy(np.int64), np.searchsorted(years, table["year"])
    counts[at] = table["units"].to_numpy() / UNIT  # noise, -1, is the last row
    return counts[:-1], counts.sum(axis=0)


def _windows(
    study: Study, own: OwnCounts, kinds: Sequence[str], n_jobs: int | None
) -> dict[str, tuple[Floats, Floats]]:
    """Count each cluster in the windows of years up to the study's own, the earliest first."""
    for source in study.sources:
        if source.kind in kinds and source.years is None:
            raise StudyError(
                f"[uncertainty] dispersion = 'windows' needs the years of a window, and a source"
                f" of kind {source.kind!r} has none; expected years = [first, last] in"
                " [[sources]], and a file that goes back three times as long"
            )
    earlier = [_in_window(study, own, kinds, back, n_jobs) for back in range(EARLIER, 0, -1)]
    listings = own.listings
    found = {}
    for kind in kinds:
        summed = sum_by(listings.of(kind), "cluster", units="fractional_count")
        table = listings.collect(summed)
        count = np.zeros(own.n_clusters + 1)
        count[table["cluster"].to_numpy(np.int64)] = table["units"].to_numpy() / UNIT
        columns = [counts[kind] for counts in earlier] + [count]
        counts = np.stack(columns, axis=1)
        found[kind] = counts[:-1], counts.sum(axis=0)
    return found


def _in_window(
    study: Study, own: OwnCounts, kinds: Sequence[str], back: int, n_jobs: int | None
) -> dict[str, Floats]:
    """Count the study's clusters, noise last, in the window ``back`` windows before its own."""
    shifted = tuple(
        _shifted(source, back) if source.kind in kinds else source for source in study.sources
    )
    counting = replace(study.counting, totals={})
    study = replace(study, sources=shifted, counting=counting)
    try:
        with open_engine(study, n_jobs, silent) as engine:
            prepared = prepare_listings(study, engine, RunLog(silent, study.study.strict))
            clusters = clusters_of_others(study, own, prepared.locations, n_jobs)
            at = prepared.locations[["lat", "lon"]].assign(label=clusters)
            labelled = label_records(prepared.located, engine.put(at, "places_of_window"))
            counted = count_records(labelled, prepared.totals, study.counting.method)
            table = engine.pandas(counted).astype("int64")
    except StudyError as error:
        raise StudyError(
            f"{TOO_FEW} {_years(shifted, kinds)} cannot be read: {error}; {REMEDY}"
        ) from None
    found = {}
    for kind in kinds:
        mine = table[table["kind"] == prepared.staged.kinds.index(kind)]
        count = np.zeros(own.n_clusters + 1)
        count[mine["label"].to_numpy()] = mine["units"].to_numpy() / UNIT
        found[kind] = count
        if not count.sum() > 0:
            raise StudyError(
                f"{TOO_FEW} {_years(shifted, [kind])} has no listings of kind {kind!r}; {REMEDY}"
            )
    return found


def _years(sources: Sequence[Source], kinds: Sequence[str]) -> str:
    """Return the window of the first source of some kinds in words."""
    years = [source.years for source in sources if source.kind in kinds and source.years]
    return f"{years[0][0]} to {years[0][1]}"


def _shifted(source: Source, back: int) -> Source:
    assert source.years is not None
    first, last = source.years
    length = last - first + 1
    return replace(source, years=(first - back * length, last - back * length))


def clusters_of_others(
    study: Study, own: OwnCounts, others: pd.DataFrame, n_jobs: int | None
) -> Ints:
    """Return the study's own cluster of other locations, -1 for noise, shape (n,).

    They get a cluster as locations without weight do: they neither form nor connect clusters.
    """
    locations = own.prepared.locations
    own_places = locations[["lat", "lon", "density"]].assign(cluster=own.clusters)
    further = others[["lat", "lon"]].assign(density=0, cluster=-2)
    every = pd.concat([own_places, further]).drop_duplicates(["lat", "lon"])
    every = every.sort_values(["lat", "lon"], ignore_index=True)
    labels = partition_locations(study.clusters, every, n_jobs=n_jobs, report=silent).labels
    known = (every["cluster"] >= 0).to_numpy() & (labels >= 0)
    cluster_of = np.full(int(labels.max(initial=-1)) + 2, -1, dtype=np.int64)
    cluster_of[labels[known]] = every["cluster"].to_numpy()[known]
    every["cluster"] = cluster_of[labels]
    found = others[["lat", "lon"]].merge(every, on=["lat", "lon"], how="left")
    return found["cluster"].to_numpy(np.int64)
