"""Amounts of memory and disk: as users write them, and what a process may have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

EXPECTED = "a text such as '8GB', '8GiB' or '500MB'"
"""What an amount of memory is written as, for error messages."""

PROCESS_BYTES = 400_000_000
"""Memory of a process with gclust, its libraries and compiled kernels, before it has any data."""

LEAST_MEMORY = 700_000_000
"""Least memory of a run."""

_LETTERS = "KMGT"
_UNITS = {
    **{f"{letter}B": 1000**power for power, letter in enumerate(_LETTERS, start=1)},
    **{f"{letter}IB": 1024**power for power, letter in enumerate(_LETTERS, start=1)},
}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?B)\s*", re.IGNORECASE | re.ASCII)

_GROUP_FILES = {
    "cgroup2": ("memory.max", "memory.current"),
    "cgroup": ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Type of file system of control groups (version 2 and 1) -> files of a group's limit and use."""


def parse_amount(text: str) -> int:
    """Return the number of bytes that a text such as ``8GB`` (decimal) or ``8GiB`` (binary) means.

    Raises ValueError for any other text, and for zero.

    Examples
    --------
    >>> parse_amount("8GB"), parse_amount("1.5 gib")
    (8000000000, 1610612736)
    """
    match = _AMOUNT.fullmatch(text)
    amount = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if amount == 0:
        raise ValueError(f"expected {EXPECTED}")
    return amount


def shown_amount(amount: float) -> str:
    """Return a number of bytes as text, in MB or GB.

    Examples
    --------
    >>> shown_amount(37_000_000), shown_amount(12_300_000_000)
    ('37 MB', '12.3 GB')
    """
    return f"{amount / 1e6:,.0f} MB" if amount < 1e9 else f"{amount / 1e9:,.1f} GB"


def machine_memory(root: Path = Path("/")) -> int | None:
    """Return the memory that this process may have at most, None where the system does not say.

    It is the machine's, or less if a control group of the process (version 1 or 2) or one above
    it has a limit, as in containers. ``root`` is the folder of ``proc`` and ``sys``.
    """
    known = [*_physical(root), *(limit for limit, _ in _group_limits(root))]
    return min(known, default=None)


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the memory that this process may still take, None where the system does not say.

    It is what the machine has available, or less if a control group of the process or one above
    it has less left. ``root`` is as in `machine_memory`.
    """
    match = re.search(r"^MemAvailable:\s*(\d+) kB", _read(root / "proc" / "meminfo"), re.MULTILINE)
    if match is None:
        return None
    left = (limit - used for limit, used in _group_limits(root))
    return max(min([int(match[1]) * 1024, *left]), 0)


def _physical(root: Path) -> Iterator[int]:
    """Yield the memory of the machine, if the system says it."""
    text = _read(root / "proc" / "meminfo")
    if match := re.search(r"^MemTotal:\s*(\d+) kB", text, re.MULTILINE):
        yield int(match[1]) * 1024
    elif hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _group_limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use of the process's control groups and of all groups above them."""
    groups = dict(_groups(_read(root / "proc" / "self" / "cgroup")))
    for version, top, mounted in _mounts(_read(root / "proc" / "self" / "mountinfo")):
        if version not in groups:
            continue
        place = root / mounted.relative_to("/")
        group = PurePosixPath(groups[version])
        # A container may see only its own group, or name the group as its host does.
        below = group.relative_to(top).parts if group.is_relative_to(top) else ()
        for depth in range(len(below) + 1):
            folder = place.joinpath(*below[:depth])
            limit, used = (_read(folder / name).strip() for name in _GROUP_FILES[version])
            if limit.isdecimal():  # it is "max" without a limit
                yield int(limit), int(used or 0)


def _groups(text: str) -> Iterator[tuple[str, str]]:
    """Yield type of file system and path of the groups in ``/proc/self/cgroup``."""
    for line in text.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _mounts(text: str) -> Iterator[tuple[str, PurePosixPath, PurePosixPath]]:
    """Yield type, mounted group and folder of each mount of memory's groups in ``mountinfo``."""
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        top, folder = fields.split()[3:5]
        version, _, options = rest.split(" ", 2)
        if version == "cgroup2" or (version == "cgroup" and "memory" in options.split(",")):
            yield version, PurePosixPath(top), PurePosixPath(folder)


def _read(path: Path) -> str:
    """Return a file's text, empty where there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
