"""Find innovation clusters in geocoded addresses, and rank them.

The public names are loaded on first use, so that ``import gclust`` stays quick
and compiles nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Clusters": "gclust.study.schema",
    "Comparison": "gclust.experiments.comparison",
    "ContourClusters": "gclust.study.schema",
    "Counting": "gclust.study.schema",
    "DBSCAN": "gclust.cluster.dbscan",
    "Density": "gclust.study.schema",
    "DensityContour": "gclust.cluster.contour",
    "Footprint": "gclust.study.schema",
    "HDBSCAN": "gclust.cluster.hdbscan",
    "HierarchyClusters": "gclust.study.schema",
    "Intensity": "gclust.study.schema",
    "Members": "gclust.study.schema",
    "Merge": "gclust.study.schema",
    "Names": "gclust.study.schema",
    "Population": "gclust.study.schema",
    "Run": "gclust.study.folder",
    "Score": "gclust.study.schema",
    "Source": "gclust.study.schema",
    "Study": "gclust.study.schema",
    "Surface": "gclust.cluster.surface",
    "Sweep": "gclust.experiments.result",
    "Uncertainty": "gclust.experiments.uncertainty_result",
    "compare": "gclust.experiments.compare",
    "heaps": "gclust.study.heaps",
    "intensity_spread": "gclust.study.intensity",
    "leaders": "gclust.ranking.leaders",
    "list_indicators": "gclust.study.catalogue",
    "parameter_surface": "gclust.cluster.surface",
    "read_run": "gclust.study.folder",
    "read_study": "gclust.study.schema",
    "read_sweep": "gclust.experiments.files",
    "run": "gclust.study.run",
    "sweep": "gclust.experiments.sweep",
    "uncertainty": "gclust.experiments.uncertainty",
}
_SUBMODULES = ("datasets", "testing")

__all__ = [*_HOME, *_SUBMODULES]

if TYPE_CHECKING:
    from gclust import datasets, testing
    from gclust.cluster.contour import DensityContour
    from gclust.cluster.dbscan import DBSCAN
    from gclust.cluster.hdbscan import HDBSCAN
    from gclust.cluster.surface import Surface, parameter_surface
    from gclust.experiments.compare import compare
    from gclust.experiments.comparison import Comparison
    from gclust.experiments.files import read_sweep
    from gclust.experiments.result import Sweep
    from gclust.experiments.sweep import sweep
    from gclust.experiments.uncertainty import uncertainty
    from gclust.experiments.uncertainty_result import Uncertainty
    from gclust.ranking.leaders import leaders
    from gclust.study.catalogue import list_indicators
    from gclust.study.folder import Run, read_run
    from gclust.study.heaps import heaps
    from gclust.study.intensity import intensity_spread
    from gclust.study.run import run
    from gclust.study.schema import (
        Clusters,
        ContourClusters,
        Counting,
        Density,
        Footprint,
        HierarchyClusters,
        Intensity,
        Members,
        Merge,
        Names,
        Population,
        Score,
        Source,
        Study,
        read_study,
    )


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _SUBMODULES:
        return import_module(f"gclust.{name}")
    raise AttributeError(f"module 'gclust' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
