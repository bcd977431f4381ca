"""Check that a parameter surface fits into free memory."""

from __future__ import annotations

from gclust.memory import free_memory

ROW_BYTES = 40
"""Bytes for a row of X while its coordinates are reduced to distinct locations."""

LOCATION_BYTES = 400
"""Bytes for a location while three radii are computed."""

RADIUS_BYTES = 8
"""Bytes for a location and radius: 5, and the nodes of components."""


def check_memory(n_rows: int, n_locations: int, n_eps: int) -> None:
    """Raise ValueError if a parameter surface would need more than the free memory.

    ``n_rows`` are the rows of X.
    """
    free = free_memory()
    if free is None:
        return
    fixed = ROW_BYTES * n_rows + LOCATION_BYTES * n_locations
    radius_bytes = RADIUS_BYTES * n_locations
    need = fixed + radius_bytes * n_eps
    if need <= free:
        return
    fitting = max(0, (free - fixed) // max(radius_bytes, 1))
    advice = (
        f"{fitting} values of eps_km would fit: pass fewer"
        if fitting
        else f"about {n_locations * max(free, 0) // max(fixed + radius_bytes, 1)} locations would "
        "fit: round coordinates, or pass fewer rows"
    )
    raise ValueError(
        f"a surface of {n_eps} values of eps_km and {n_locations} locations takes about "
        f"{need / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free; {advice}"
    )
