"""Find innovation clusters in geocoded addresses, and rank them.

The public names are loaded on first use, so that ``import gclust`` stays quick
and compiles nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gclust._version import __version__

_HOME = {
    "Clusters": "gclust.study.clustering_methods",
    "Comparison": "gclust.experiments.compare.result",
    "ContourClusters": "gclust.study.clustering_methods",
    "Counting": "gclust.study.sections",
    "DBSCAN": "gclust.cluster.dbscan",
    "Density": "gclust.study.sections",
    "DensityContour": "gclust.cluster.contour",
    "Footprint": "gclust.study.sections",
    "HDBSCAN": "gclust.cluster.hdbscan",
    "HierarchyClusters": "gclust.study.clustering_methods",
    "Intensity": "gclust.study.sections",
    "KDensity": "gclust.experiments.localisation.k_density",
    "Localisation": "gclust.experiments.localisation.result",
    "Members": "gclust.study.sections",
    "Merge": "gclust.study.sections",
    "Names": "gclust.study.sections",
    "NullModel": "gclust.experiments.null_model.result",
    "Outputs": "gclust.study.sections",
    "Part": "gclust.experiments.shards.part",
    "Places": "gclust.study.sections",
    "Population": "gclust.study.sections",
    "Run": "gclust.results.run",
    "Score": "gclust.study.sections",
    "Source": "gclust.study.sections",
    "Study": "gclust.study.schema",
    "Surface": "gclust.cluster.surface",
    "Sweep": "gclust.experiments.sweep.result",
    "Uncertainty": "gclust.experiments.uncertainty.result",
    "Verification": "gclust.experiments.verify.result",
    "compare": "gclust.experiments.compare.run",
    "centroid_geocodes": "gclust.pipeline.centroid_geocodes",
    "ellison_glaeser": "gclust.experiments.localisation.ellison_glaeser",
    "gather": "gclust.experiments.shards.gather",
    "intensity_spread": "gclust.pipeline.intensity",
    "k_density": "gclust.experiments.localisation.k_density",
    "leaders": "gclust.ranking.leaders",
    "list_indicators": "gclust.study.catalogue",
    "localisation": "gclust.experiments.localisation.run",
    "multinomial_rank_sets": "gclust.ranking.multinomial",
    "null_model": "gclust.experiments.null_model.run",
    "parameter_surface": "gclust.cluster.surface",
    "read_comparison": "gclust.experiments.compare.result",
    "read_localisation": "gclust.experiments.localisation.folder",
    "read_null_model": "gclust.experiments.null_model.folder",
    "read_run": "gclust.results.run",
    "read_study": "gclust.study.schema",
    "read_sweep": "gclust.experiments.sweep.folder",
    "read_uncertainty": "gclust.experiments.uncertainty.folder",
    "run": "gclust.pipeline.run",
    "show_versions": "gclust._version",
    "sweep": "gclust.experiments.sweep.run",
    "uncertainty": "gclust.experiments.uncertainty.run",
    "verify": "gclust.experiments.verify.run",
    "write_report": "gclust.experiments.report.run",
}
_SUBMODULES = ("datasets", "plot", "testing")

__all__ = [  # spelled out, so that type checkers can read it
    "DBSCAN",
    "HDBSCAN",
    "Clusters",
    "Comparison",
    "ContourClusters",
    "Counting",
    "Density",
    "DensityContour",
    "Footprint",
    "HierarchyClusters",
    "Intensity",
    "KDensity",
    "Localisation",
    "Members",
    "Merge",
    "Names",
    "NullModel",
    "Outputs",
    "Part",
    "Places",
    "Population",
    "Run",
    "Score",
    "Source",
    "Study",
    "Surface",
    "Sweep",
    "Uncertainty",
    "Verification",
    "__version__",
    "centroid_geocodes",
    "compare",
    "datasets",
    "ellison_glaeser",
    "gather",
    "intensity_spread",
    "k_density",
    "leaders",
    "list_indicators",
    "localisation",
    "multinomial_rank_sets",
    "null_model",
    "parameter_surface",
    "plot",
    "read_comparison",
    "read_localisation",
    "read_null_model",
    "read_run",
    "read_study",
    "read_sweep",
    "read_uncertainty",
    "run",
    "show_versions",
    "sweep",
    "testing",
    "uncertainty",
    "verify",
    "write_report",
]

if TYPE_CHECKING:
    from gclust import datasets, plot, testing
    from gclust._version import show_versions
    from gclust.cluster.contour import DensityContour
    from gclust.cluster.dbscan import DBSCAN
    from gclust.cluster.hdbscan import HDBSCAN
    from gclust.cluster.surface import Surface, parameter_surface
    from gclust.experiments.compare.result import Comparison, read_comparison
    from gclust.experiments.compare.run import compare
    from gclust.experiments.localisation.ellison_glaeser import ellison_glaeser
    from gclust.experiments.localisation.folder import read_localisation
    from gclust.experiments.localisation.k_density import KDensity, k_density
    from gclust.experiments.localisation.result import Localisation
    from gclust.experiments.localisation.run import localisation
    from gclust.experiments.null_model.folder import read_null_model
    from gclust.experiments.null_model.result import NullModel
    from gclust.experiments.null_model.run import null_model
    from gclust.experiments.report.run import write_report
    from gclust.experiments.shards.gather import gather
    from gclust.experiments.shards.part import Part
    from gclust.experiments.sweep.folder import read_sweep
    from gclust.experiments.sweep.result import Sweep
    from gclust.experiments.sweep.run import sweep
    from gclust.experiments.uncertainty.folder import read_uncertainty
    from gclust.experiments.uncertainty.result import Uncertainty
    from gclust.experiments.uncertainty.run import uncertainty
    from gclust.experiments.verify.result import Verification
    from gclust.experiments.verify.run import verify
    from gclust.pipeline.centroid_geocodes import centroid_geocodes
    from gclust.pipeline.intensity import intensity_spread
    from gclust.pipeline.run import run
    from gclust.ranking.leaders import leaders
    from gclust.ranking.multinomial import multinomial_rank_sets
    from gclust.results.run import Run, read_run
    from gclust.study.catalogue import list_indicators
    from gclust.study.clustering_methods import Clusters, ContourClusters, HierarchyClusters
    from gclust.study.schema import Study, read_study
    from gclust.study.sections import (
        Counting,
        Density,
        Footprint,
        Intensity,
        Members,
        Merge,
        Names,
        Outputs,
        Places,
        Population,
        Score,
        Source,
    )


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _SUBMODULES:
        return import_module(f"gclust.{name}")
    raise AttributeError(f"module 'gclust' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
