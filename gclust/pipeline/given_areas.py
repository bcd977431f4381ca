"""Areas of the user's, counted, scored and ranked as clusters are, and their overlaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import merge
from gclust.errors import StudyError
from gclust.indicators.counts import shares
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.describe import centres, densest_km2, inhabitants, names_of
from gclust.pipeline.footprint_counts import count_locations
from gclust.pipeline.indicators import compute_indicators
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.rank_clusters import rank_clusters
from gclust.pipeline.run_log import RunLog
from gclust.places.footprints.containment import containing_footprint
from gclust.places.geodesic import area_km2
from gclust.places.given_areas import overlaps_km2, read_areas
from gclust.results.run import Run
from gclust.study.schema import Study

if TYPE_CHECKING:
    import geopandas as gpd


def read_given_areas(study: Study) -> gpd.GeoDataFrame | None:
    """Read the areas of ``[places] given``, None without them; see `read_areas`."""
    places = study.places
    if places.given is None:
        return None
    path = Path(study.folder / places.given)
    taken = [each.heading for each in study.indicators if each.heading in ("area_id", "area_code")]
    if taken:
        raise StudyError(
            f"[[indicators]]: the table of given areas has a column {taken[0]!r} of its own; give"
            ' the indicator another name: column = "..."'
        )
    return read_areas(
        path, name=places.name, code=places.code, layer=places.layer, where=places.where
    )


def given_area_tables(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    areas: gpd.GeoDataFrame,
    run: Run,
    run_log: RunLog,
) -> dict[str, pd.DataFrame]:
    """Count and rank given areas, and compare them with the run's clusters.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings.
    prepared : Prepared
    areas : GeoDataFrame
        See `gclust.places.given_areas.read_areas`.
    run : Run
        With its clusters.
    run_log : RunLog

    Returns
    -------
    dict
        ``given_areas`` and ``given_overlaps``; see the methods of `gclust.results.run.Run`.
    """
    shapes = areas.geometry.to_numpy()
    with run_log.timed("count given areas"):
        locations = prepared.locations
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        nobody = np.full(len(lat), -1, dtype=np.int64)
        area = containing_footprint(lat, lon, nobody, shapes)
        count = count_locations(study, engine, prepared, area, len(areas))
    counted = MergedCounts(
        merge(len(areas), {}, {}, rule="none"),
        np.arange(len(areas), dtype=np.int64),
        count,
        shares(count, prepared.world_totals),
    )
    described = _describe(study, areas, locations.assign(label=area), run_log)
    listings = labelled_listings(study, engine, prepared, area)
    indicators = compute_indicators(study, described, counted, listings, run_log)
    plain = described.drop(columns=["geometry"])
    ranked = rank_clusters(study, plain, counted, indicators)
    ranked = ranked.rename(columns={"cluster_id": "area_id"})
    if "area_code" in areas:
        codes = areas["area_code"].to_numpy()[ranked["area_id"]]
        ranked.insert(ranked.columns.get_loc("name") + 1, "area_code", codes)
    from geopandas import GeoDataFrame

    table = GeoDataFrame(ranked, geometry=shapes[ranked["area_id"]], crs=4326)
    with run_log.timed("compare given areas"):
        overlaps = _overlaps(study, engine, prepared, run, table, area)
    return {"given_areas": table, "given_overlaps": overlaps}


def _describe(
    study: Study, areas: gpd.GeoDataFrame, locations: pd.DataFrame, run_log: RunLog
) -> gpd.GeoDataFrame:
    """Measure the areas as clusters are: economies, centre, area, inhabitants."""
    table = areas[["name", "geometry"]].copy()
    table.insert(0, "cluster_id", np.arange(len(areas), dtype=np.int64))
    table["economies"] = _economies(study, locations, len(areas))
    centre = centres(locations, locations["label"], len(areas))
    table["lat"], table["lon"] = centre
    table["area_km2"] = area_km2(areas.geometry)
    table["area_90"] = densest_km2(locations, len(areas), centre)
    table["population"] = np.nan
    if study.population.raster is not None:
        with run_log.timed("count inhabitants of given areas"):
            people = inhabitants(
                study,
                table.geometry,
                run_log.report,
                names=table["name"],
                warn=lambda message: run_log.warn(f"[places] given: {message}"),
            )
        table["population"] = people["population"].to_numpy()
        table["uncovered_share"] = people["uncovered_share"].to_numpy()
    return table


def _economies(study: Study, locations: pd.DataFrame, n_areas: int) -> NDArray[np.object_]:
    """Return the economies of areas by the listings in them, "" for areas without any."""
    found = np.full(n_areas, "", dtype=object)
    weighed = locations[(locations["label"] >= 0) & (locations["density"] > 0)]
    if weighed.empty:
        return found
    ids, dense = np.unique(weighed["label"], return_inverse=True)
    labels = pd.Series(dense.astype(np.int64))
    inside = weighed.reset_index(drop=True)
    found[ids] = names_of(study, inside, labels, ids.size)["economies"].to_numpy()
    return found


def _overlaps(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    run: Run,
    areas: gpd.GeoDataFrame,
    area: NDArray[np.int64],
) -> pd.DataFrame:
    """Count the records that a cluster and an area have in common, and the ground."""
    cluster = run.locations["cluster_id"].to_numpy(np.int64)
    n_areas = len(areas)
    # Pairs of a cluster and an area as one number; -1 is outside of all.
    pair = (cluster + 1) * (n_areas + 1) + area + 1
    pairs, label = np.unique(pair, return_inverse=True)
    label = label.astype(np.int64) - int(pairs[0] == 0)
    pairs = pairs[pairs > 0]
    count = count_locations(study, engine, prepared, label, len(pairs))[list(study.kinds)]
    table = pd.DataFrame(
        {"cluster_id": pairs // (n_areas + 1) - 1, "area_id": pairs % (n_areas + 1) - 1}
    )
    for kind in study.kinds:
        table[f"{kind}_count"] = count[kind]
    table["total"] = shares(count, prepared.world_totals).sum(axis=1)
    by_id = run.clusters.sort_values("cluster_id"), areas.sort_values("area_id")
    shapes = [each.geometry.to_numpy() for each in by_id]
    ground = pd.DataFrame(
        dict(zip(("cluster_id", "area_id", "overlap_km2"), overlaps_km2(*shapes), strict=True))
    )
    both = ["cluster_id", "area_id"]
    table = table.merge(ground, on=both, how="outer").sort_values(both, ignore_index=True)
    counts = [f"{kind}_count" for kind in study.kinds]
    table[[*counts, "total"]] = table[[*counts, "total"]].fillna(0.0)
    inside = (table["cluster_id"] >= 0) & (table["area_id"] >= 0)
    table.loc[inside, "overlap_km2"] = table.loc[inside, "overlap_km2"].fillna(0.0)
    outside = {"cluster": "noise", "area": "outside"}
    for name, key, ranked in zip(outside, both, by_id, strict=True):
        own = ranked.set_index(key)
        whole = table[key].map(own["total"])
        table[f"share_of_{name}"] = 100 * table["total"] / whole.where(whole > 0)
        table[name] = table[key].map(own["name"]).fillna(outside[name])
    shown = ["cluster_id", "cluster", "area_id", "area", *counts, "total"]
    return table[[*shown, "share_of_cluster", "share_of_area", "overlap_km2"]]
