"""The baseline of a null model: where units may lie, with which probability, and within what."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.null_model.units import Units
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import sum_by
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.rasters import band_of, files_of
from gclust.places.cities.cities import shipped_cities
from gclust.places.rasters.people import people_points
from gclust.sphere import unit_vectors
from gclust.study.schema import Study

PARTS_OF_RADIUS = 3
"""Number of cells, on the radius, to which the inhabitants of a raster are summed."""


class Baseline(NamedTuple):
    """Locations of a baseline, sorted by stratum.

    ``table`` has ``lat, lon`` (degrees), ``weight`` (above 0) and ``stratum``; ``strata`` names
    these. ``stratum`` (u,) is that of each unit, -1 of one whose economy has no baseline.
    """

    table: pd.DataFrame
    strata: tuple[str, ...]
    stratum: NDArray[np.int64]

    @property
    def begin(self) -> NDArray[np.int64]:
        """First location of each stratum, and the number of all."""
        numbers = np.arange(len(self.strata) + 1)
        return np.searchsorted(self.table["stratum"].to_numpy(), numbers)


def check_baseline(study: Study) -> None:
    """Raise StudyError if a study has no baseline of the kind that ``[null]`` names."""
    if study.null.baseline == "population" and study.population.raster is None:
        raise StudyError(
            "[null] baseline = 'population' needs the raster of [population]; set raster there, or"
            ' expected [null] baseline = "listings" (those of kinds that form no clusters)'
        )
    if study.null.baseline == "listings" and set(study.kinds) == {*study.density_kinds}:
        raise StudyError(
            "[null] baseline = 'listings' are those of kinds that form no clusters, but all do;"
            " name those that form clusters in [density] kinds"
        )


def make_baseline(
    study: Study, engine: Engine, prepared: Prepared, units: Units, radius_km: float
) -> Baseline:
    """Make the baseline of a study, and find the stratum of each unit."""
    if study.null.baseline == "population":
        table = people_points(
            files_of(study, study.population),
            unit=study.population.unit,
            band=band_of(study.population),
            spacing_km=radius_km / PARTS_OF_RADIUS,
        ).rename(columns={"people": "weight"})
        economy = nearest_economies(table) if study.null.within == "economies" else None
    else:
        table, economy = _listings(study, engine, prepared)
    if table.empty:
        raise StudyError("[null] baseline: it has no place with a weight above 0")
    if study.null.within == "all":
        whole = np.zeros(units.n, dtype=np.int64)
        return Baseline(table.assign(stratum=0), ("all",), whole)
    return _by_economy(table, np.asarray(economy, dtype=object), prepared, units)


def nearest_economies(places: pd.DataFrame) -> NDArray[np.object_]:
    """Return the economy of the city nearest to each place."""
    cities = shipped_cities()
    return cities.country[cities.nearest(unit_vectors(places["lat"], places["lon"]))]


def economies_of(locations: pd.DataFrame) -> NDArray[np.object_]:
    """Return the economy of each location: that its listings name, else of the nearest city."""
    if "country" not in locations:
        return nearest_economies(locations)
    named = locations["country"].to_numpy(dtype=object, copy=True)
    unknown = named == ""
    named[unknown] = nearest_economies(locations[unknown])
    return named


def _listings(
    study: Study, engine: Engine, prepared: Prepared
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Return the locations of the kinds that form no clusters, with weights and economies."""
    kinds = prepared.staged.kinds
    dense_kinds = [kinds.index(kind) for kind in study.density_kinds]
    others = prepared.located.filter(~nw.col("kind").is_in(dense_kinds))
    table = engine.pandas(sum_by(others, "lat", "lon", weight="units"))
    places = prepared.locations.assign(economy=economies_of(prepared.locations))
    table = table.merge(places[["lat", "lon", "economy"]], on=["lat", "lon"], how="left")
    table = table.sort_values(["lat", "lon"], ignore_index=True)
    table["weight"] = table["weight"].astype(float)
    return table[["lat", "lon", "weight"]], table["economy"].to_numpy(dtype=object)


def _by_economy(
    table: pd.DataFrame, economy: NDArray[np.object_], prepared: Prepared, units: Units
) -> Baseline:
    """Keep the baseline of economies with units, sorted by them."""
    own = economies_of(prepared.locations)[units.parts["location"].to_numpy()]
    weights = pd.DataFrame(
        {"unit": units.parts["unit"], "economy": own, "weight": units.parts["weight"]}
    )
    summed = weights.groupby(["unit", "economy"], as_index=False, sort=True)["weight"].sum()
    order = summed.sort_values(["unit", "weight"], ascending=[True, False], kind="stable")
    of_unit = order.drop_duplicates("unit")["economy"].to_numpy(dtype=object)
    strata = tuple(sorted(set(of_unit) & set(economy)))
    if not strata:
        raise StudyError(
            f"[null] baseline: it has nothing in the economies of the {units.what}"
            f" ({', '.join(sorted(set(of_unit))[:5])})"
        )
    number = {name: at for at, name in enumerate(strata)}
    stratum = np.array([number.get(name, -1) for name in economy], dtype=np.int64)
    table = table.assign(stratum=stratum)[stratum >= 0]
    table = table.sort_values("stratum", kind="stable", ignore_index=True)
    return Baseline(table, strata, np.array([number.get(name, -1) for name in of_unit]))
