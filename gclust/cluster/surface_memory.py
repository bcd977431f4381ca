"""What a parameter surface takes of the memory, and whether there is so much."""

from __future__ import annotations

from pathlib import Path

ROW_BYTES = 40
"""Of a row of X while a surface is made: its coordinates' folding, kept in part."""

LOCATION_BYTES = 400
"""Of a location while radii are worked at, three of them side by side."""

SLICE_BYTES = 8
"""Of a location for each radius: 5, and what there is of components."""


def check_memory(n_rows: int, n_locations: int, n_eps: int) -> None:
    """Raise ValueError if a surface would not fit in the memory that is free.

    Parameters
    ----------
    n_rows, n_locations, n_eps : int
        Of the surface: rows of X, distinct locations and radii.
    """
    free = available_bytes()
    if free is None:
        return
    fixed = ROW_BYTES * n_rows + LOCATION_BYTES * n_locations
    slice_bytes = SLICE_BYTES * n_locations
    need = fixed + slice_bytes * n_eps
    if need <= free:
        return
    fitting = max(0, (free - fixed) // max(slice_bytes, 1))
    told = (
        f"{fitting} of them would fit: pass fewer eps_km"
        if fitting
        else f"about {n_locations * max(free, 0) // max(fixed + slice_bytes, 1)} locations would "
        "fit: round coordinates, or pass fewer rows"
    )
    raise ValueError(
        f"a surface of {n_eps} eps_km over {n_locations} locations takes about "
        f"{need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; {told}"
    )


def available_bytes() -> int | None:
    """Return the memory that is free for this process, None where the system does not tell."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    most, used = (Path("/sys/fs/cgroup", f"memory.{name}") for name in ("max", "current"))
    if most.exists() and most.read_text().strip() != "max":
        free = min(free, int(most.read_text()) - int(used.read_text()))
    return free
