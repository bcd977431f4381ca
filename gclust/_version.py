"""The version of gclust, and a list of its dependencies' versions for bug reports."""

from __future__ import annotations

import platform
import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TextIO

from gclust.threads import count_threads

__version__ = "0.1.0"


def show_versions(file: TextIO | None = None) -> None:
    """Print the versions of gclust and its dependencies, for a bug report.

    These are gclust, Python, the platform and the default number of threads; every dependency, and
    those of the extras that are installed; and the C and C++ libraries inside of them (two
    packages may bring two versions of GDAL). No path, machine or person is named.

    Parameters
    ----------
    file : file, optional
        Where to print; the standard output by default.

    Examples
    --------
    >>> import gclust
    >>> gclust.show_versions()
    gclust                0.1.0
    Python                ...
    """
    system = {
        "gclust": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "threads": str(count_threads()),
    }
    for name, number in (system | _packages() | system_libraries()).items():
        print(f"{name:<22}{number}", file=file)


def _packages() -> dict[str, str]:
    try:
        lines = requires("gclust") or []
    except PackageNotFoundError:  # run from a checkout that was never installed
        return {"dependencies": "unknown, gclust is not installed"}
    found = {}
    for line in sorted(lines, key=lambda line: "extra ==" in line):
        name = re.split(r"[^\w.-]", line)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if "extra ==" not in line:
                found[name] = "not installed"
    return found


def system_libraries() -> dict[str, str]:
    """Return the versions of the C and C++ libraries inside of packages, by name."""
    found = {}
    for name, module, attribute in (
        ("GDAL of rasterio", "rasterio", "__gdal_version__"),
        ("GDAL of pyogrio", "pyogrio", "__gdal_version_string__"),
        ("PROJ of rasterio", "rasterio", "__proj_version__"),
        ("PROJ of pyproj", "pyproj", "proj_version_str"),
        ("GEOS of shapely", "shapely", "geos_version_string"),
    ):
        try:
            found[name] = str(getattr(import_module(module), attribute, "unknown"))
        except ImportError:
            found[name] = "not installed"
    return found
