"""The units that a null model places as a whole: organisations, sites, locations or listings."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine
from gclust.listings.fold import density_units
from gclust.listings.sums import rows_by, sum_by
from gclust.pipeline.prepare import Prepared
from gclust.places.numbered_cells import NumberedCells
from gclust.sphere import chord_of, unit_vectors
from gclust.study.schema import Study

Ints = NDArray[np.int64]

LARGE_SHARE = 0.2
"""Part of all weight from which the largest unit gets a warning."""

ALONE = (
    "listings are placed one by one, as if they were independent: several of one organisation lie"
    " together without any localisation, so that clusters are found where there are none; expected"
    ' [null] units = "organisations"'
)


SINGLE = (
    "each of the {what} has one listing, so that listings are placed one by one, as if they were"
    " independent: several of one organisation lie together without any localisation; names or ids"
    " that differ from listing to listing make no organisations"
)


class Units(NamedTuple):
    """Units and the weight of each at its locations.

    ``parts`` has ``unit`` (from 0), ``location`` (row of the prepared locations) and ``weight``
    (int64, fixed point), sorted by unit and location, whatever the order of the listings.
    """

    what: str
    parts: pd.DataFrame
    messages: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.parts["unit"].max()) + 1

    def weights(self) -> Ints:
        """Return the weight of each unit."""
        total = np.zeros(self.n, dtype=np.int64)
        np.add.at(total, self.parts["unit"].to_numpy(), self.parts["weight"].to_numpy())
        return total

    def main_locations(self) -> Ints:
        """Return the location at which each unit has its largest weight; the first of equal."""
        order = self.parts.sort_values(["unit", "weight"], ascending=[True, False], kind="stable")
        return order.drop_duplicates("unit")["location"].to_numpy()


def gather_units(study: Study, engine: Engine, prepared: Prepared, radius_km: float) -> Units:
    """Gather the units of a study's null model from the listings that form its clusters.

    Raises StudyError if organisations are wanted and no listing has one.
    """
    rows = _weighted(study, prepared)
    units = _gathered(study, engine, prepared, rows, radius_km)
    n_listings = int(engine.pandas(rows.select(nw.len().alias("rows")))["rows"].iloc[0])
    if units.what == "listings" or units.n < n_listings:
        return units
    return units._replace(messages=(*units.messages, SINGLE.format(what=units.what)))


def _gathered(
    study: Study, engine: Engine, prepared: Prepared, rows: nw.LazyFrame[Any], radius_km: float
) -> Units:
    wanted = study.null.units
    if wanted == "locations":
        return _checked("locations", _by_location(prepared), [])
    if wanted == "listings":
        return _checked("listings", _numbered(_single(engine, rows), prepared), [ALONE])
    named = engine.pandas(
        sum_by(rows.filter(~nw.col("organisation").is_null()), *_BY_NAME, weight="density")
    )
    if named.empty and wanted is None:
        message = "no listing has an organisation: all listings at one location are placed together"
        return _checked("locations", _by_location(prepared), [message])
    if named.empty:
        raise StudyError(
            f"[null] units = {wanted!r}, but no listing has an organisation; name its column in the"
            ' source\'s columns = {{ organisation = "..." }}, or expected units = "locations"'
        )
    table, messages = _with_nameless(engine, rows, named)
    parts = _numbered(table, prepared)
    messages += _of_spread(parts, prepared, radius_km) if wanted != "sites" else []
    if wanted == "sites":
        parts = _sites(parts, prepared, radius_km)
    return _checked(wanted or "organisations", parts, messages)


_BY_NAME = ("organisation", "lat", "lon")


def _weighted(study: Study, prepared: Prepared) -> nw.LazyFrame[Any]:
    """Return the usable listings that form clusters, with their ``density``."""
    staged = prepared.staged
    codes = [staged.kinds.index(kind) for kind in study.density_kinds]
    kind_units = {code: staged.kind_units[code] for code in codes}
    totals = prepared.located_totals
    weighted = density_units(prepared.located, study.density.weight, kind_units, totals)
    return weighted.filter(nw.col("density") > 0)


def _by_location(prepared: Prepared) -> pd.DataFrame:
    density = prepared.locations["density"].to_numpy()
    location = np.flatnonzero(density > 0)
    unit = np.arange(len(location))
    return pd.DataFrame({"unit": unit, "location": location, "weight": density[location]})


def _single(engine: Engine, rows: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Return every listing as a unit of its own."""
    table = engine.pandas(rows_by(rows, "lat", "lon", "density"))
    table = table.sort_values(["lat", "lon", "density"], ignore_index=True)
    table = table.loc[np.repeat(table.index.to_numpy(), table["rows"].to_numpy(dtype=np.int64))]
    table = table.rename(columns={"density": "weight"}).reset_index(drop=True)
    return table.assign(unit=np.arange(len(table)))[["unit", "lat", "lon", "weight"]]


def _with_nameless(
    engine: Engine, rows: nw.LazyFrame[Any], named: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Number organisations, then records without one, then locations of listings with neither."""
    rest = rows.filter(nw.col("organisation").is_null())
    by_record = ("kind", "record", "lat", "lon")
    recorded = sum_by(rest.filter(~nw.col("record").is_null()), *by_record, weight="density")
    bare = sum_by(rest.filter(nw.col("record").is_null()), "lat", "lon", weight="density")
    tables = [
        (named, ["organisation"]),
        (engine.pandas(recorded), ["kind", "record"]),
        (engine.pandas(bare), ["lat", "lon"]),
    ]
    found, count, weights = [], 0, []
    for table, by in tables:
        ordered = table.sort_values([*by, *({"lat", "lon"} - {*by})], ignore_index=True)
        unit = ordered.groupby(by, sort=True).ngroup().to_numpy() if len(ordered) else []
        ordered["unit"] = np.asarray(unit, dtype=np.int64) + count
        count += ordered["unit"].nunique()
        weights.append(int(ordered["weight"].sum()))
        found.append(ordered[["unit", "lat", "lon", "weight"]])
    share = 100 * sum(weights[1:]) / sum(weights)
    message = (
        f"{share:.1f} % of the weight has no organisation: each of its records (or, without"
        " records, each of its locations) is placed as an organisation of its own"
    )
    return pd.concat(found, ignore_index=True), [message] if share > 0 else []


def _numbered(table: pd.DataFrame, prepared: Prepared) -> pd.DataFrame:
    """Replace coordinates by the rows of the prepared locations."""
    places = prepared.locations[["lat", "lon"]].assign(location=np.arange(len(prepared.locations)))
    parts = table.merge(places, on=["lat", "lon"], how="left", validate="many_to_one")
    parts = parts[["unit", "location", "weight"]].astype(np.int64)
    return parts.sort_values(["unit", "location"], ignore_index=True)


def _sites(parts: pd.DataFrame, prepared: Prepared, radius_km: float) -> pd.DataFrame:
    """Divide organisations into sites: listings in the same or in touching cells of a grid."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    grid = NumberedCells.of(radius_km)
    at = parts["location"].to_numpy()
    lat, lon = (prepared.locations[name].to_numpy()[at] for name in ("lat", "lon"))
    n_cells = int(grid.begin[-1])
    key, node = np.unique(
        parts["unit"].to_numpy() * n_cells + grid.number(lat, lon), return_inverse=True
    )
    unit, cell = np.divmod(key, n_cells)
    position, other = grid.touching(cell)
    wanted = unit[position] * n_cells + other
    found = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    joined = key[found] == wanted
    pairs = position[joined], found[joined]
    graph = coo_array((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(len(key), len(key)))
    label = connected_components(graph, directed=False)[1]
    # Numbered by their first cell, so that numbers do not depend on the library.
    first = np.full(label.max() + 1, len(key))
    np.minimum.at(first, label, np.arange(len(key)))
    site = np.unique(first[label], return_inverse=True)[1]
    parts = parts.assign(unit=site[node])
    return parts.sort_values(["unit", "location"], ignore_index=True)


def _of_spread(parts: pd.DataFrame, prepared: Prepared, radius_km: float) -> list[str]:
    """Return a message about weight far from the main location of its organisation."""
    main = Units("", parts, ()).main_locations()[parts["unit"].to_numpy()]
    vectors = unit_vectors(prepared.locations["lat"], prepared.locations["lon"])
    apart = np.linalg.norm(vectors[parts["location"].to_numpy()] - vectors[main], axis=1)
    weight = parts["weight"].to_numpy(dtype=float)
    share = 100 * weight[apart > chord_of(2 * radius_km)].sum() / weight.sum()
    if share < 1:
        return []
    return [
        f"{share:.0f} % of the weight lies more than {2 * radius_km:g} km from the main location of"
        " its organisation, but is placed with it, which makes the test cautious; [null] units ="
        ' "sites" places the sites of an organisation separately'
    ]


def _checked(what: str, parts: pd.DataFrame, messages: list[str]) -> Units:
    """Return the units, with a message if one has much of the weight."""
    units = Units(what, parts, ())
    weight = units.weights()
    share = weight.max() / weight.sum()
    if share > LARGE_SHARE:
        messages.append(
            f"one of the {what} has {100 * share:.0f} % of the weight: where it lies decides most,"
            " and no test of so few has much power"
        )
    return units._replace(messages=tuple(messages))
