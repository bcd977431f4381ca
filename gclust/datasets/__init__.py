"""Data sets: simulated worlds, published numbers of the GII, and real data to download."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Imported at once: a module of the same name would hide a function loaded later.
from gclust.datasets.fetch import fetch
from gclust.datasets.figures import gii_world
from gclust.datasets.gii import gii

if TYPE_CHECKING:
    from gclust.datasets.example import example_study
    from gclust.datasets.us import prepare_us
    from gclust.datasets.world import simulate

_HOME = {
    "example_study": "gclust.datasets.example",
    "prepare_us": "gclust.datasets.us",
    "simulate": "gclust.datasets.world",
}

__all__ = ["example_study", "fetch", "gii", "gii_world", "prepare_us", "simulate"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'gclust.datasets' has no attribute {name!r}")
