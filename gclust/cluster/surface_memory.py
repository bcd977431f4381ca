"""Check that a parameter surface fits into free memory."""

from __future__ import annotations

from gclust.memory import free_memory
from gclust.plurals import counted

ROW_BYTES = 40
"""Bytes for a row of X while its coordinates are reduced to distinct locations."""

LOCATION_BYTES = 90
"""Bytes for a location: the ball tree over all locations, and their orders by latitude."""

AT_ONCE_BYTES = 75
"""Bytes for a location and each of the radii that are computed at the same time."""

RADIUS_BYTES = 6
"""Bytes for a location and radius: 5, and the nodes of components."""

MOST_AT_ONCE = 3
"""Most radii computed at a time."""

MOST_RADII = 16
"""Most radii of one surface of a sweep: they take as much memory as the tree and orders."""


def radii_at_once(threads: int, n_eps: int) -> int:
    """Return how many radii are computed at the same time."""
    return min(threads, n_eps, MOST_AT_ONCE)


def radii_that_fit(n_locations: int, threads: int) -> int:
    """Return for how many values of eps_km the memory is enough, at least 1."""
    free = free_memory()
    if free is None or n_locations == 0:
        return MOST_RADII
    left = free // n_locations - LOCATION_BYTES - AT_ONCE_BYTES * min(threads, MOST_AT_ONCE)
    return min(max(left // RADIUS_BYTES, 1), MOST_RADII)


def check_memory(n_rows: int, n_locations: int, n_eps: int, threads: int) -> None:
    """Raise ValueError if a parameter surface would need more than the free memory.

    ``n_rows`` are the rows of X.
    """
    free = free_memory()
    if free is None:
        return
    of_location = LOCATION_BYTES + AT_ONCE_BYTES * radii_at_once(threads, n_eps)
    fixed = ROW_BYTES * n_rows + of_location * n_locations
    radius_bytes = RADIUS_BYTES * n_locations
    need = fixed + radius_bytes * n_eps
    if need <= free:
        return
    fitting = max(0, (free - fixed) // max(radius_bytes, 1))
    advice = (
        f"{counted(fitting, 'value')} of eps_km would fit: pass fewer"
        if fitting
        else f"about {n_locations * max(free, 0) // max(fixed + radius_bytes, 1)} locations would "
        "fit: round coordinates, or pass fewer rows"
    )
    raise ValueError(
        f"a surface of {counted(n_eps, 'value')} of eps_km and {counted(n_locations, 'location')}"
        " takes about "
        f"{need / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free; {advice}"
    )
