"""What later stages of a run need, loaded while its listings are read."""

from __future__ import annotations

from importlib import import_module

from gclust.parallel import end_if_left
from gclust.pipeline.form import load_kernels
from gclust.study.schema import Study

LATER = ("scipy.spatial", "scipy.ndimage", "geopandas", "gclust.places.footprints.outlines")
"""Modules that no run needs before its listings are read, and every run needs then."""


def load_for_later(study: Study) -> None:
    """Load kernels, modules, cities and coasts, which the stages after the reading need at once.

    Reading leaves the interpreter to other threads for most of its time.
    """
    load_kernels(study.clusters)
    for name in LATER:
        end_if_left()  # one after the other, so that Ctrl-C does not wait for all of them
        import_module(name)
    from gclust.places.cities.cities import shipped_cities

    end_if_left()
    shipped_cities()
    if study.population.raster is not None:
        from gclust.places.rasters.coarse import coast

        end_if_left()
        import_module("exactextract")
        end_if_left()
        coast()
