"""Result of a null model: the excess of each cluster, and what chance gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.escapes import visible
from gclust.experiments.null_model.excess import ByChance, Places, peaks
from gclust.plurals import counted, either
from gclust.study.schema import Study
from gclust.units import UNIT

Floats = NDArray[np.float64]

DESCRIPTIVE = "descriptive: the peak was chosen"
"""Label of the pointwise p value at a cluster's own peak, which is no test."""
WITHOUT_BASELINE = "not tested: no baseline near it"
HEAD = 5


class Clustering(NamedTuple):
    """The study's clusters: that of each location (-1: noise), and names and economies by id."""

    clusters: NDArray[np.int64]
    named: pd.DataFrame


@dataclass(frozen=True, repr=False)
class NullModel:
    """A null model of a study: clusters that exceed what chance gives.

    The columns of a table are those of its file. What they mean, with unit and formula, is in
    ``datapackage.json`` of the folder, and in the reference.

    Attributes
    ----------
    study : Study
    table : DataFrame
        One row per cluster, that with the largest excess first: ``null_model.csv`` of
        ``gclust null``. Its ``peak_pointwise_p`` is descriptive, since the place was chosen for its
        excess.
    places : DataFrame
        One row per place with observed weight, that with the largest excess first:
        ``null_places.csv`` of ``gclust null``.
    largest : ndarray of float64, shape (draws,)
        Largest excess of each draw: ``null_draws.parquet`` of ``gclust null``.
    critical : float
        Excess above which a place is significant.
    p_value : float
        Of the largest excess of all places: the test of no localisation at all.
    n_places : int
        Number of places that are tested together.
    units : str
        What was placed: organisations, sites, locations or listings.
    n_units : int
    radius_km : float
    warnings : tuple of str
        Warnings about the data.
    path : Path, optional
        The result folder, if it was written.

    Examples
    --------
    >>> import gclust
    >>> found = gclust.null_model(gclust.datasets.example_study())
    >>> found.n_units, found.units
    (24, 'organisations')
    """

    study: Study
    table: pd.DataFrame
    places: pd.DataFrame
    largest: Floats
    critical: float
    p_value: float
    n_places: int
    radius_km: float
    units: str = ""
    n_units: int = 0
    warnings: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def draws_in_words(self) -> str:
        """The number of draws, units, baseline and seed in one line."""
        wanted = self.study.null
        where = "each within its economy" if wanted.within == "economies" else "anywhere"
        baseline = {"population": "inhabitants", "listings": "listings of other kinds"}
        return (
            f"{counted(wanted.draws, 'draw')} of {self.n_units:,} {self.units}, placed by"
            f" {baseline[wanted.baseline]}, {where}; seed {wanted.seed}"
        )

    @property
    def verdict(self) -> str:
        """What the draws say of all places together, and how many clusters exceed chance."""
        level = f"{100 * self.study.null.level:g} %"
        n, found = len(self.table), int(self.table["significant"].sum())
        return (
            f"Largest excess of {counted(self.n_places, 'place')}: p = {self.p_value:.3g}. {found}"
            " of"
            f" {counted(n, 'cluster')} {either(found, 'exceeds', 'exceed')} chance at {level} for"
            " all places together"
        )

    def __repr__(self) -> str:
        lines = [f"Null model: {visible(self.study.heading)}", self.draws_in_words, self.verdict]
        shown = self.table.head(HEAD)[["name", "observed", "expected", "excess", "family_p"]]
        text = shown.round({"observed": 1, "expected": 1, "excess": 2, "family_p": 4})
        if len(text):
            lines += [visible(line) for line in text.to_string(index=False).split("\n")]
        lines += [] if self.path is None else [f"Folder: {self.path}"]
        return "\n  ".join(lines)


def null_model_result(
    study: Study,
    clustering: Clustering,
    locations: pd.DataFrame,
    places: Places,
    by_chance: ByChance,
) -> NullModel:
    """Make the tables of a null model."""
    n = len(clustering.named)
    peak, of_place = peaks(places, locations, clustering.clusters, n)
    measured = _measured(places, by_chance)
    table = _clusters(study, clustering, locations, measured, peak)
    seen = measured.assign(cluster_id=of_place)[places.tested.observed > 0]
    seen = seen.sort_values(["excess", "lat", "lon"], ascending=[False, True, True])
    return NullModel(
        study=study,
        table=table,
        places=seen.reset_index(drop=True),
        largest=by_chance.largest,
        critical=by_chance.critical(study.null.level),
        p_value=float(measured["family_p"].min()),
        n_places=len(places.cell),
        radius_km=study.null.radius_km or study.clusters.scale_km,
    )


def _measured(places: Places, by_chance: ByChance) -> pd.DataFrame:
    """Return one row per place, in the order of their numbers."""
    lat, lon = places.grid.centre(places.cell)
    tested, excess = places.tested, places.excess
    return pd.DataFrame(
        {
            "lat": lat,
            "lon": lon,
            "observed": tested.observed / UNIT,
            "expected": tested.expected / UNIT,
            "sd": tested.scale / UNIT,
            "excess": excess,
            "family_p": by_chance.family_p(excess),
            "pointwise_p": by_chance.pointwise_p,
        }
    )


def _clusters(
    study: Study,
    clustering: Clustering,
    locations: pd.DataFrame,
    measured: pd.DataFrame,
    peak: NDArray[np.int64],
) -> pd.DataFrame:
    """Return one row per cluster: its largest excess and p values."""
    n, clusters = len(peak), clustering.clusters
    density = np.zeros(n, dtype=np.int64)
    inside = clusters >= 0
    np.add.at(density, clusters[inside], locations["weight"].to_numpy()[inside])
    table = clustering.named.copy()
    table.insert(0, "cluster_id", np.arange(n))
    table["density"] = density / UNIT
    at = measured.reindex(peak).reset_index(drop=True)  # -1 is no row: missing values
    for column in ("lat", "lon", "observed", "expected", "sd", "excess", "family_p"):
        table[column] = at[column].to_numpy(dtype=float)
    table["significant"] = (table["family_p"] <= study.null.level).to_numpy(dtype=bool)
    table["peak_pointwise_p"] = at["pointwise_p"].to_numpy(dtype=float)
    table["peak_pointwise_note"] = np.where(peak >= 0, DESCRIPTIVE, WITHOUT_BASELINE)
    order = table.sort_values(["excess", "cluster_id"], ascending=[False, True], kind="stable")
    return order.reset_index(drop=True)
