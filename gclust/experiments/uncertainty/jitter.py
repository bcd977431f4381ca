"""Positional jitter: each replicate moves imprecise addresses at random within a disc."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.kernels.resampling.random_points import jitter_points
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import distinct
from gclust.listings.validate import round_coordinates
from gclust.pipeline.prepare import Prepared
from gclust.places.cities.city_radii import city_radii_km
from gclust.study.schema import Study

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DISCS = "jitter_discs"
_DISC = pa.schema(
    {
        "lat": pa.float64(),
        "lon": pa.float64(),
        "precision": pa.string(),
        "radius_km": pa.float64(),
    }
)


@dataclass(frozen=True)
class PositionalJitter:
    """Listings whose true position is unknown within a disc round their coordinates.

    All arrays have the shape (m,).
    """

    lat: Floats
    lon: Floats
    """Longitudes in degrees, as in the data."""
    radius_km: Floats
    """Radius of each disc in km, above 0."""
    decimals: int | None
    """Number of decimals to which the study rounds coordinates."""
    seed: int

    def coordinates(self, number: int, threads: int) -> tuple[Floats, Floats]:
        """Return the listings' coordinates in a replicate (degrees), rounded as in the study."""
        lat, lon = jitter_points(self.lat, self.lon, self.radius_km, self.seed, number, threads)
        rows = nw.from_native(pd.DataFrame({"lat": lat, "lon": lon}), eager_only=True)
        north, east = round_coordinates(nw.col("lat"), nw.col("lon"), self.decimals)
        at = rows.select(lat=north, lon=east)
        return at["lat"].to_numpy(), at["lon"].to_numpy()


def no_jitter(study: Study) -> PositionalJitter:
    """Return an empty jitter, for a study that jitters no listing."""
    none = np.zeros(0)
    return PositionalJitter(none, none, none, study.density.rounding, study.uncertainty.seed)


def store_discs(study: Study, engine: Engine, prepared: Prepared) -> nw.LazyFrame[Any]:
    """Store the discs of jittered listings, one row for each location and precision.

    Columns ``lat, lon, precision, radius_km`` (above 0). Raises StudyError if no address has the
    precision that the study names.
    """
    wanted = study.uncertainty
    named = {wanted.precision, *wanted.spread_km}
    is_named = nw.col("precision").is_in(sorted(named))
    columns = ("lat", "lon", "precision")
    places = engine.pandas(distinct(prepared.located.filter(is_named), *columns))
    _check_named(study, engine, prepared, set(places["precision"]))
    places["radius_km"] = places["precision"].map(dict(wanted.spread_km)).astype(np.float64)
    unset = places["radius_km"].isna().to_numpy()
    places.loc[unset, "radius_km"] = city_radii_km(
        places.loc[unset, "lat"],
        places.loc[unset, "lon"],
        inhabitants_per_km2=wanted.inhabitants_per_km2,
    )
    moving = places[places["radius_km"] > 0]
    engine.drop(DISCS)  # that of draws before, if single sources are drawn after all together
    return engine.put(pa.Table.from_pandas(moving, _DISC, preserve_index=False), DISCS)


def _check_named(study: Study, engine: Engine, prepared: Prepared, found: set[str]) -> None:
    """Raise StudyError for a named precision that no address has.

    The precision of cities may be missing if the study names others too.
    """
    wanted = study.uncertainty
    missing = [name for name in wanted.spread_km if name not in found]
    if not wanted.spread_km and not found:
        missing = [wanted.precision]
    if missing:
        key = "spread_km" if missing[0] in wanted.spread_km else "precision"
        there = engine.pandas(distinct(prepared.located, "precision"))["precision"]
        known = ", ".join(sorted(map(repr, there.dropna())))
        raise StudyError(
            f"[uncertainty] {key}: no address has the precision {missing[0]!r}; expected a value of"
            f" the sources' column 'precision', which has {known or 'none'}"
        )


def jitter_table(moved: pd.DataFrame) -> pd.DataFrame:
    """Summarise jittered listings by kind and precision: number, weight, and radii in km.

    ``moved`` has ``kind`` (its name), ``precision, weight, radius_km`` of each listing.
    """
    groups = moved.groupby(["kind", "precision"], sort=True)
    return groups.agg(
        listings=("weight", "size"),
        weight=("weight", "sum"),
        radius_km_least=("radius_km", "min"),
        radius_km_median=("radius_km", "median"),
        radius_km_most=("radius_km", "max"),
    ).reset_index()
