"""Fixtures that every test may use."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import spark_cluster as clusters

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


ON_ONE_PYTHON = """
    coverage_kernels
    world shards resume demo verify compare_copied fuzz_files memory outputs uncertainty compare
    sweep digests cli dbscan hdbscan dbscan_contract score kernels hdbscan_predict threads
    uncertainty_reclustered outline_places tiles tune_browser fuzz_studies file_cases tables surface
    contour broken_folders clustering_methods tune_gate_browser tune_windows
    listed_merges frozen_boundaries normalise highest_density
    border_ties map footprints uncertainty_jitter count_arrays intensity sweep_figures
    builtin_indicators centroid_geocodes bump density_kernels surface_kernels weight_zero population
    builtin_members us fuzz benchmarks raster_cases raster_files raster_tiles raster_values columns
    inputs disk kernel_cache own_files signals words floors parameters csv_rows habits overlaps
    footprint_counts raster_coarse uncertainty_amounts compare_places gii_figures tune_gate
    reference work run edge_cases indicators tune read agreement hdbscan_kernels interrupt registry
    imports plot notebook crosswalks membership_arrays dictionary given_areas report docs_sources
    records_in_memory record_folding radix_order folders counting map_process merging united_discs
    kernel_compiler null_model site uncertainty_variation uncertainty_unrecorded localisation
    check_kinds check_rejects folder_dictionary estimator_checks leaders gii_arithmetic
    validate
"""
"""Files that look at results, files, the machine or the tree, none of which differs between
versions of Python: one of the two is enough in CI. Those that take longest come first; before
them, what is quicker on the newest Python, which comes first in CI."""

QUICK = """
    agreement basemap counting dbscan_contract dbscan_input escapes estimator_checks example fetch
    floors geodesic habits hdbscan_kernels lineage matching merging names packaging plateaus
    rank_sets registry shapley study table tune_gate units values
"""
"""Files that together take half a minute and have something of every area."""

TAKEN = os.environ.get("GCLUST_TESTS_TAKEN")
"""A folder in which the suites of two Pythons, which CI runs at the same time, note the files of
`ON_ONE_PYTHON` that they have taken: each is run by the suite that comes to it first."""

UNTIL = float(os.environ.get("GCLUST_TESTS_UNTIL", "inf"))
"""Time in seconds since 1970 after which none of these files is begun. CI sets it, which ends after
half an hour at the latest, and lists what a slow machine has left out."""


@cache
def stems(names: str) -> list[str]:
    """Return the names of test files in a list of them."""
    return [f"test_{name}" for name in names.split()]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark quick tests, and put the files for which one Python is enough last, in order."""
    quick = set(stems(QUICK))
    for item in items:
        if item.path.stem in quick:
            item.add_marker("quick")
    if TAKEN is not None:
        order = {name: number for number, name in enumerate(stems(ON_ONE_PYTHON))}
        items.sort(key=lambda item: order.get(item.path.stem, -1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Leave out a test of a file that the suite of another Python has taken."""
    if TAKEN is None or item.path.stem not in stems(ON_ONE_PYTHON) or _take(item.path.stem):
        return None
    item.config.hook.pytest_deselected(items=[item])
    return True


@cache
def _take(name: str) -> bool:
    """Take a file for this suite, if it is still there to be taken and there is time for it."""
    place = Path(str(TAKEN), name)
    if time.time() > UNTIL and not place.exists():
        place.with_suffix(".left-out").touch()
        return False
    try:
        place.mkdir()
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips without it, fails in CI."""
    if not SHARED_DATA.is_dir():
        reason = f"needs the real data in {SHARED_DATA.parent.name}/{SHARED_DATA.name}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED_DATA


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """A standalone cluster of Spark; skips where Java or pyspark is missing, fails in CI.

    In CI it is tested on one Python; on the other, ``GCLUST_TESTS_WITHOUT_SPARK`` is set.
    """
    if reason := clusters.missing():
        if os.environ.get("CI") and not os.environ.get("GCLUST_TESTS_WITHOUT_SPARK"):
            pytest.fail(reason)
        pytest.skip(reason)
    with clusters.running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark(spark_cluster: clusters.Cluster) -> Iterator[Any]:
    """A user's own Spark session on the cluster."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(spark_cluster.master).appName("tests")
    for key, value in {**clusters.SETTINGS, **clusters.QUIET}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()
