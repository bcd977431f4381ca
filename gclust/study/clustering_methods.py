"""The options of DBSCAN, HDBSCAN and density contours (``[clusters]``), with defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gclust.study.parse import Section, choice, number
from gclust.units import LARGEST_TOTAL

LARGEST_WGS84_EPS_KM = 1000.0
LARGEST_BANDWIDTH_KM = 1000.0
LEAST_RESOLUTION_KM = 0.05
METHODS = ("dbscan", "hdbscan", "contour")
BORDERS = ("nearest", "first", "noise")
METRICS = ("haversine", "wgs84")
SCALE_KM = 15.0
"""The eps_km of the GII, from which methods without one derive the lengths of footprints.

Sourced for the edition of 2024, with 4,500 inventors or authors: Korean patent office, release of
2024-08-28 (busan.fnnews.com/news/202408280830276984). Those of 2025 are not published.
"""


@dataclass(frozen=True, kw_only=True)
class FormedOn(Section):
    """The table ``formed_on`` of ``[clusters]``: what the boundaries are formed on, one of three.

    Parameters
    ----------
    years : (int, int), optional
        Clusters are formed on the listings of these years, both inclusive; the listings of all
        years are counted.
    half : int, optional
        Seed of a random half of the records of ``[density] kinds``, on which clusters are formed;
        the other half, and all other kinds, are counted.
    run : str, optional
        Folder of an earlier run, relative to the study's: clusters are those of that run, and all
        listings of the study are counted.
    """

    years: tuple[int, int] | None = None
    half: int | None = number(None, least=0)
    run: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The keys that are given, with their values."""
        keys = {"years": self.years, "half": self.half, "run": self.run}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in keys.items()
            if value is not None
        }

    @property
    def text(self) -> str:
        """The keys that are given, as in ``study.toml``."""
        return ", ".join(f"{key} = {value!r}" for key, value in self.given.items())


class ClusteringOptions(Section):
    """The options of any clustering method (``[clusters]``)."""

    formed_on: FormedOn | None = None
    """The listings on which the clusters are formed; all by default."""

    remedy = ""
    """Advice for the error "no cluster found"."""
    method = ""
    """Name of the method, a key of `CLUSTERING_METHODS`."""
    metric = "haversine"
    """Metric of distances: ``haversine`` (sphere) or ``wgs84`` (ellipsoid)."""

    @property
    def least_weight(self) -> float:
        """Least weight that a cluster needs."""
        raise NotImplementedError

    @property
    def reach_km(self) -> float | None:
        """Radius of the neighbourhood that decides if a location is core; None if not used."""
        return None

    @property
    def least_gap_km(self) -> float | None:
        """Least distance between two clusters, or None if there is no such limit."""
        return None

    @property
    def scale_km(self) -> float:
        """Length from which the default lengths of footprints are derived."""
        return self.reach_km or SCALE_KM

    @property
    def contradiction(self) -> str | None:
        """Error message if the options contradict each other, else None."""
        return None

    @property
    def unmet(self) -> str:
        """Reason for the error "no cluster found"."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Clusters(ClusteringOptions):
    """The options of ``method = "dbscan"``; see `gclust.DBSCAN`.

    ``eps_km`` and ``min_samples`` are by default those of the GII 2024; see `SCALE_KM`. No source
    says how it treats border listings or measures distances: ``border`` and ``metric`` are ours.
    ``formed_on`` names the listings on which clusters are formed, all by default; see `FormedOn`.

    Examples
    --------
    >>> import gclust
    >>> gclust.Clusters(eps_km=10, min_samples=500).border
    'nearest'
    """

    remedy = "Lower min_samples or raise eps_km in [clusters]"

    method: str = choice("dbscan", *METHODS)
    eps_km: float = number(SCALE_KM, above=0)
    min_samples: float = number(4500, least=1, most=LARGEST_TOTAL)
    border: str = choice("nearest", *BORDERS)
    metric: str = choice("haversine", *METRICS)
    formed_on: FormedOn | None = None

    @property
    def least_weight(self) -> float:
        """Least weight that a cluster needs: min_samples."""
        return self.min_samples

    @property
    def reach_km(self) -> float:
        """Radius of the neighbourhood whose weight decides which locations are core locations."""
        return self.eps_km

    @property
    def least_gap_km(self) -> float | None:
        """Least distance between clusters: eps_km if border locations are noise, else None."""
        return self.eps_km if self.border == "noise" else None

    @property
    def contradiction(self) -> str | None:
        """Error message if eps_km is too large for exact distances on the ellipsoid, else None."""
        if self.metric == "wgs84" and self.eps_km > LARGEST_WGS84_EPS_KM:
            return (
                f"eps_km = {self.eps_km:g}; metric 'wgs84' holds up to {LARGEST_WGS84_EPS_KM:g}"
                " km, expected at most that or metric = 'haversine'"
            )
        return None

    @property
    def unmet(self) -> str:
        """Reason for finding no cluster: no neighbourhood is heavy enough."""
        return (
            f"no neighbourhood of eps_km = {self.eps_km:g} reaches"
            f" min_samples = {self.min_samples:g}"
        )


@dataclass(frozen=True, kw_only=True)
class HierarchyClusters(ClusteringOptions):
    """The options of ``method = "hdbscan"``; see `gclust.HDBSCAN`.

    ``min_samples`` is ``min_cluster_size`` by default; ``selection`` and
    ``selection_eps_km`` are HDBSCAN's ``cluster_selection_method`` and
    ``cluster_selection_epsilon_km``. The other options have the same names as there.
    ``formed_on`` names the listings on which clusters are formed, all by default; see `FormedOn`.

    Examples
    --------
    >>> import gclust
    >>> gclust.HierarchyClusters(min_cluster_size=500).selection
    'eom'
    """

    remedy = "Lower min_cluster_size or min_samples, or set allow_single_cluster, in [clusters]"

    method: str = choice("hdbscan", *METHODS)
    min_cluster_size: float = number(4500, least=2, most=LARGEST_TOTAL)
    min_samples: float | None = number(None, least=1, most=LARGEST_TOTAL)
    selection: str = choice("eom", "eom", "leaf")
    selection_eps_km: float = number(0.0, least=0)
    max_cluster_size: float | None = number(None, least=2, most=LARGEST_TOTAL)
    allow_single_cluster: bool = False
    metric: str = choice("haversine", *METRICS)
    formed_on: FormedOn | None = None

    @property
    def least_weight(self) -> float:
        """Least weight that a cluster needs: min_cluster_size."""
        return self.min_cluster_size

    @property
    def contradiction(self) -> str | None:
        """Error message if max_cluster_size is less than min_cluster_size, else None."""
        most = self.max_cluster_size
        if most is not None and most < self.min_cluster_size:
            return (
                f"max_cluster_size is {most:g}, less than min_cluster_size,"
                f" {self.min_cluster_size:g}; raise it or leave it out"
            )
        return None

    @property
    def unmet(self) -> str:
        """Reason for no cluster: no radius splits the listings into heavy enough clusters."""
        need = "" if self.min_samples is None else f" (min_samples = {self.min_samples:g})"
        return (
            f"at no radius{need} do the listings split into several clusters of"
            f" min_cluster_size = {self.min_cluster_size:g}, and a single cluster of all is"
            f" {'lighter' if self.allow_single_cluster else 'not allowed'}"
        )


@dataclass(frozen=True, kw_only=True)
class ContourClusters(ClusteringOptions):
    """The options of ``method = "contour"``; see `gclust.DensityContour`.

    ``formed_on`` names the listings on which clusters are formed, all by default; see `FormedOn`.

    Examples
    --------
    >>> import gclust
    >>> gclust.ContourClusters(bandwidth_km=5).kernel
    'gaussian'
    """

    remedy = "Lower threshold, or level if it is given, or raise bandwidth_km in [clusters]"

    method: str = choice("contour", *METHODS)
    bandwidth_km: float = number(7.5, above=0, most=LARGEST_BANDWIDTH_KM)
    threshold: float = number(4500, above=0, most=LARGEST_TOTAL)
    kernel: str = choice("gaussian", "gaussian", "epanechnikov")
    resolution_km: float | None = number(None, least=LEAST_RESOLUTION_KM)
    level: float | None = number(None, above=0)
    share: float | None = number(None, above=0, most=1)
    formed_on: FormedOn | None = None

    @property
    def least_weight(self) -> float:
        """Least weight that a cluster needs: threshold."""
        return self.threshold

    @property
    def contradiction(self) -> str | None:
        """Error message if level and share are both set, or cells are too large; else None."""
        if self.level is not None and self.share is not None:
            return (
                f"level = {self.level:g} and share = {self.share:g}; expected one of them, for"
                " each says where the contour runs"
            )
        if (self.resolution_km or 0.0) > self.bandwidth_km:
            return (
                f"resolution_km = {self.resolution_km:g}; expected at most bandwidth_km ="
                f" {self.bandwidth_km:g}"
            )
        return None

    @property
    def unmet(self) -> str:
        """Reason for finding no cluster: no contour is heavy enough."""
        return (
            f"no contour of bandwidth_km = {self.bandwidth_km:g} holds threshold ="
            f" {self.threshold:g}"
        )


CLUSTERING_METHODS: dict[str, type[ClusteringOptions]] = {
    "dbscan": Clusters,
    "hdbscan": HierarchyClusters,
    "contour": ContourClusters,
}
"""The class of options for each clustering method."""
