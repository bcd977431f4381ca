"""Intensity of clusters (score per million inhabitants) for several footprints and rasters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gclust.errors import StudyError, Warn, warn_user
from gclust.pipeline.describe import footprint_options
from gclust.pipeline.rasters import RasterUsed, band_of, check_files, files_of, warnings_of
from gclust.places.geodesic import area_km2
from gclust.places.rasters.population import population
from gclust.progress import Report, resolve, silent
from gclust.ranking.spread import intensity_spread as rank_table
from gclust.ranking.spread import rank_intensities
from gclust.ranking.table import intensity_amounts
from gclust.results.intensity import IntensitySpread
from gclust.results.run import Run
from gclust.study.parse import parse_section
from gclust.study.schema import Study
from gclust.study.sections import Footprint, Intensity, OtherFootprint, OtherRaster

if TYPE_CHECKING:
    import geopandas as gpd


OF_CLUSTERS = ["rank", "cluster_id", "name", "economies", "score"]
_SIZES = {
    "discs": ("radius_km",),
    "convex": ("radius_km",),
    "concave": ("radius_km", "edge_km", "ratio"),
    "alpha": ("radius_km", "alpha_km"),
    "cells": ("cell_km",),
    "raster": (),
    "contour": (),
}
"""The keys of the lengths that each footprint method uses."""


def intensity_spread(
    run: Run,
    *,
    footprints: Sequence[Mapping[str, Any] | OtherFootprint] | None = None,
    rasters: Sequence[Mapping[str, Any] | OtherRaster] | None = None,
    usual: bool | None = None,
    progress: bool | Report | None = None,
) -> IntensitySpread:
    """Rank the clusters of a run by intensity under several footprints and rasters.

    Parameters
    ----------
    run : Run
        Of `gclust.run` or `gclust.read_run`.
    footprints, rasters, usual : optional
        As in a study's section ``[intensity]``, such as
        ``footprints=[{"method": "discs", "radius_km": 3}]`` and
        ``rasters=[{"raster": "gpw.tif", "unit": "per_km2"}]``; paths are relative to the
        folder of the study. Without any of them the study's own section or, where it has
        none, the usual footprints.
    progress : bool or callable, optional
        See :mod:`gclust.progress`.

    Returns
    -------
    IntensitySpread
        Of the first ``top`` clusters of the study.

    Raises
    ------
    StudyError
        If there is no raster, one cannot be read, two combinations bear the same name, or
        a footprint cannot be drawn.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> gclust.intensity_spread(run).table[["name", "intensity_rank", "intensity_rank_range"]]
           name  intensity_rank  intensity_rank_range
    0  Grenoble               1                     0
    1      Lyon               3                     0
    2    Geneva               2                     0
    """
    study, section = run.study, run.study.intensity
    if footprints is not None or rasters is not None or usual is not None:
        section = Intensity(
            usual=bool(usual),
            footprints=_read(footprints or (), OtherFootprint, "footprints"),
            rasters=_read(rasters or (), OtherRaster, "rasters"),
        )
    elif not section.wanted:
        section = Intensity(usual=True)
    study = replace(study, intensity=section)
    for message in warnings_of(check_rasters(study)):
        warn_user(message)
    return spread_of(study, run.clusters, run.locations, resolve(progress))


def _read(entries: Sequence[Any], kind: type, key: str) -> tuple[Any, ...]:
    return tuple(
        entry
        if isinstance(entry, kind)
        else kind(**parse_section(entry, kind, f"{key} number {at}:"))
        for at, entry in enumerate(entries, start=1)
    )


def check_rasters(study: Study) -> list[RasterUsed]:
    """Check a study's rasters; raise StudyError if one is unusable, or ``[intensity]`` has none.

    Returns
    -------
    list of RasterUsed
        The caller gives their warnings.

    Raises
    ------
    StudyError
    """
    used, section = check_files(study), study.intensity
    if section.wanted:
        if not used:
            raise StudyError(
                "[intensity] needs inhabitants; expected a raster in [population], or"
                " rasters = [{ raster = ... }] in [intensity]"
            )
        _footprints(study)
        _rasters(study)
    return used


def spread_of(
    study: Study,
    clusters: gpd.GeoDataFrame,
    locations: pd.DataFrame,
    report: Report = silent,
    warn: Warn = warn_user,
) -> IntensitySpread:
    """Compute and rank the intensity under each combination of footprint and raster of a study.

    Parameters
    ----------
    study : Study
    clusters : GeoDataFrame
        The ranking with the study's own footprints.
    locations : DataFrame
        ``lat, lon, cluster_id, core``.
    report : callable
        Called with ``(fraction, stage)``.
    warn : callable
        Called with each warning about footprints that a raster does not cover; it names the
        combination.

    Raises
    ------
    StudyError
        Naming the footprint.
    """
    first = clusters[clusters["rank"] <= study.study.top].reset_index(drop=True)
    outlines, rasters = _footprints(study), _rasters(study)
    parts, steps = [], len(outlines) * (1 + len(rasters))
    for at, (name, footprint) in enumerate(outlines.items()):
        done = at * (1 + len(rasters))
        report(done / steps, "compare intensities")
        with _named(f"[intensity] {name}", warn):
            shapes = _draw(study, footprint, first, locations)
        for number, (raster_name, raster) in enumerate(rasters.items(), start=1):
            report((done + number) / steps, "compare intensities")
            both = name if len(rasters) == 1 else f"{name} on {raster_name}"
            is_own = at == 0 and _is_own_raster(study, raster)
            with _named(f"[intensity] {both}", warn) as warn_named:
                # One warning of a coarse raster is enough; the run gives that of its own.
                part = (
                    _own(first)
                    if is_own
                    else _measure(study, first, shapes, raster, warn_named, at == 0)
                )
            part["amount"] = intensity_amounts(
                pd.DataFrame(first), study.score, inside=footprint.of == "cores"
            )
            parts.append(part.assign(combination=both, footprint=name, raster=raster_name))
    report(1.0, "compare intensities")
    detail = rank_intensities(pd.concat(parts, ignore_index=True))
    columns = [
        "rank", "cluster_id", "name", "economies", "score", "combination", "footprint", "raster",
        "area_km2", "population", "uncovered_share", "intensity", "intensity_rank",
    ]  # fmt: skip
    return IntensitySpread(rank_table(detail), detail[columns])


def _own(first: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the areas and populations that the run has measured."""
    return pd.DataFrame(first[[*OF_CLUSTERS, "area_km2", "population", "uncovered_share"]])


def _draw(
    study: Study,
    footprint: Footprint,
    first: gpd.GeoDataFrame,
    locations: pd.DataFrame,
) -> gpd.GeoSeries:
    """Return the footprints of the first clusters: the run's own, or drawn round all locations."""
    if footprint is study.footprint:
        return first.geometry
    from gclust.places.footprints.outlines import footprints

    position = pd.Series(np.arange(len(first)), index=first["cluster_id"])
    labels = locations["cluster_id"].map(position).fillna(-1).to_numpy(np.int64)
    if study.clusters.formed_on is not None:  # as in `gclust.pipeline.describe.members`
        labels[locations["density"].to_numpy() == 0] = -1
    return footprints(
        locations["lat"].to_numpy(),
        locations["lon"].to_numpy(),
        labels >= 0,
        labels,
        footprint_options(study, footprint),
        n_clusters=len(first),
        names=first["name"].tolist(),
    )


def _measure(
    study: Study,
    first: gpd.GeoDataFrame,
    shapes: gpd.GeoSeries,
    raster: OtherRaster,
    warn: Warn,
    warn_of_coarse: bool,
) -> pd.DataFrame:
    people = population(
        shapes,
        files_of(study, raster),
        unit=raster.unit,
        band=band_of(raster),
        names=first["name"].tolist(),
        warn=warn,
        warn_of_coarse=warn_of_coarse,
    )
    return pd.DataFrame(first[OF_CLUSTERS]).assign(
        area_km2=area_km2(shapes),
        population=people["population"].to_numpy(),
        uncovered_share=people["uncovered_share"].to_numpy(),
    )


@contextmanager
def _named(what: str, warn: Warn) -> Iterator[Warn]:
    """Put the name of the footprint or combination before errors and warnings."""
    try:
        yield lambda message: warn(f"{what}: {message}")
    except StudyError as error:
        raise StudyError(f"{what}: {error}") from error


def _footprints(study: Study) -> dict[str, Footprint]:
    """Return the footprints by name, the study's own first, without repetitions."""
    section, radius = study.intensity, study.radius_km
    named: dict[str, Footprint] = {_name(study, study.footprint): study.footprint}
    seen = {_key(study, study.footprint)}
    usual: list[OtherFootprint] = []
    if section.usual:
        half = radius / 2
        usual = [OtherFootprint(radius_km=half * times) for times in (1, 2, 3)]
        usual += [
            OtherFootprint(method=method) for method in ("convex", "concave", "alpha", "cells")
        ]
    for footprint in (*usual, *section.footprints):
        name, key = footprint.name or _name(study, footprint), _key(study, footprint)
        if key in seen:
            continue
        if name in named:
            raise StudyError(f"[intensity] two footprints are called {name!r}; rename one of them")
        named[name] = footprint
        seen.add(key)
    return named


def _key(study: Study, footprint: Footprint) -> tuple[Any, ...]:
    """Return method and lengths of a footprint, which are equal for equal footprints."""
    sizes = study.sizes(footprint)
    if sizes["ratio"] is not None:
        sizes["edge_km"] = None
    return (footprint.method, footprint.of, *(sizes[size] for size in _SIZES[footprint.method]))


def _name(study: Study, footprint: Footprint) -> str:
    method, sizes = footprint.method, study.sizes(footprint)
    scale = {"discs": "radius_km", "concave": "edge_km", "alpha": "alpha_km", "cells": "cell_km"}
    if method == "raster":
        name = "raster cells"
    elif method in ("convex", "contour"):
        name = method
    elif method == "concave" and sizes["ratio"] is not None:
        name = f"concave, ratio {sizes['ratio']:.3g}"
    else:
        name = f"{method} {sizes[scale[method]]:.3g} km"
    return f"{name} of cores" if footprint.of == "cores" else name


def _rasters(study: Study) -> dict[str, OtherRaster]:
    """Return the rasters by name, the study's own first, without repetitions."""
    own, listed = study.population, list(study.intensity.rasters)
    if own.raster is not None:
        listed.insert(0, OtherRaster(raster=own.raster, unit=own.unit, band=own.band))
    named: dict[str, OtherRaster] = {}
    seen = set()
    for raster in listed:
        files = files_of(study, raster)
        name = raster.name or files.stem
        paths = tuple(map(os.path.abspath, files.files))
        key = paths, raster.unit, band_of(raster)
        if key in seen:
            continue
        if name in named:
            raise StudyError(f"[intensity] two rasters are called {name!r}; rename one of them")
        named[name] = raster
        seen.add(key)
    return named


def _is_own_raster(study: Study, raster: OtherRaster) -> bool:
    own = study.population
    return (raster.raster, raster.unit, band_of(raster)) == (own.raster, own.unit, band_of(own))
