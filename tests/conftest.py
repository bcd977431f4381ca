"""Fixtures that every test may use."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


ON_ONE_PYTHON = (
    "test_benchmarks",
    "test_border_ties",
    "test_broken_folders",
    "test_clustering_methods",
    "test_columns",
    "test_compare",
    "test_contour",
    "test_coverage_kernels",
    "test_demo",
    "test_disk",
    "test_file_cases",
    "test_fuzz_files",
    "test_fuzz_studies",
    "test_inputs",
    "test_kernel_cache",
    "test_own_files",
    "test_outputs",
    "test_raster_cases",
    "test_raster_files",
    "test_raster_tiles",
    "test_raster_values",
    "test_signals",
    "test_surface",
    "test_sweep",
    "test_tables",
    "test_tune_browser",
    "test_tune_gate_browser",
    "test_tune_windows",
    "test_uncertainty",
    "test_uncertainty_anew",
    "test_world",
)
"""Files that take long, the longest first, and look at files, the machine or the whole way rather
than at what differs between versions of Python."""

TAKEN = os.environ.get("GCLUST_TESTS_TAKEN")
"""In CI a folder in which the suites of two Pythons, side by side, note which of the files above
they have taken: each is run by the suite that comes to it first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of which one Python is enough last, in their order."""
    if TAKEN is not None:
        order = {name: number for number, name in enumerate(ON_ONE_PYTHON)}
        items.sort(key=lambda item: order.get(item.path.stem, -1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Leave out a test of a file that the suite of another Python has taken."""
    if TAKEN is None or item.path.stem not in ON_ONE_PYTHON or _take(item.path.stem):
        return None
    item.config.hook.pytest_deselected(items=[item])
    return True


@cache
def _take(name: str) -> bool:
    """Take a file for this suite, if it is still there to be taken."""
    try:
        Path(str(TAKEN), name).mkdir()
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
