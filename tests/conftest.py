"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


ON_ONE_PYTHON = {
    "0": {
        "test_compare",
        "test_contour",
        "test_coverage_kernels",
        "test_file_cases",
        "test_clustering_methods",
        "test_fuzz_files",
        "test_outputs",
        "test_raster_cases",
        "test_signals",
        "test_surface",
        "test_tables",
        "test_uncertainty",
        "test_world",
    },
    "1": {
        "test_benchmarks",
        "test_border_ties",
        "test_broken_folders",
        "test_columns",
        "test_demo",
        "test_disk",
        "test_fuzz_studies",
        "test_inputs",
        "test_kernel_cache",
        "test_made",
        "test_raster_files",
        "test_raster_tiles",
        "test_raster_values",
        "test_sweep",
        "test_tune_browser",
        "test_tune_gate_browser",
        "test_tune_windows",
        "test_uncertainty_anew",
    },
}
"""Files that take long, and look at files, the machine or the whole way rather than at what
differs between versions of Python: where GCLUST_TESTS_HALF is 0 or 1, as in CI, those of the
other half are left to the other Python."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the suite of another Python runs."""
    half = os.environ.get("GCLUST_TESTS_HALF")
    if half is None:
        return
    (elsewhere,) = (names for number, names in ON_ONE_PYTHON.items() if number != half)
    left = [item for item in items if item.path.stem in elsewhere]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item.path.stem not in elsewhere]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips without it, fails in CI."""
    if not SHARED_DATA.is_dir():
        reason = f"needs the real data in {SHARED_DATA.parent.name}/{SHARED_DATA.name}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED_DATA
