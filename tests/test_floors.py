"""An import goes down, never up or across (the floors of the house)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tree import PACKAGE

FLOORS = [
    {"escapes"},
    {"errors"},
    {
        "disk",
        "html",
        "memory",
        "parallel",
        "plurals",
        "progress",
        "spelling",
        "sphere",
        "temporary_folders",
    }
    | {"peak_memory", "threads", "units"},
    {"_version", "kernels"},
    {"cluster", "listings", "places"},
    {"datasets", "indicators", "report"},
    {"ranking"},
    {"study"},
    {"plot"},
    {"results"},
    {"pipeline"},
    {"experiments"},
    {"command"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
# testing is outside the floors: public names and the ground floor only.
BESIDE = {"testing"}
BESIDE_MAY = {"gclust", "gclust.units"}
# The simulated worlds are laid out on the gazetteer and know nothing else of the house.
DATASETS_MAY = {"gclust.places.cities.gazetteer"}


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


def imports(path: Path) -> set[str]:
    """Modules of gclust that a file imports, at its top or within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                deeper = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = deeper.is_dir() or deeper.with_suffix(".py").is_file()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path}: relative import")
    return {name for name in found if name == "gclust" or name.startswith("gclust.")}


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for name in imports(path):
        there = name.split(".")[1] if "." in name else None
        if here in BESIDE:
            assert there == here or name in BESIDE_MAY, f"{path.name} imports {name}"
        elif there is None:
            assert floor(here) > floor("study"), f"{path.name} imports gclust itself"
        elif here == "datasets" and there != here:
            assert floor(there) < floor("cluster") or name in DATASETS_MAY, f"{path} imports {name}"
            assert there != "kernels", f"{path.name} imports {name}"
        elif there != here:
            assert floor(there) < floor(here), f"{path.name} imports {name}"


def test_imports_run_in_no_circle():
    """Not within functions either: of two modules in a circle neither can be read first."""
    names = {
        ".".join(("gclust", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in FILES
    }
    below = {name: imports(path) & names.keys() - {name} for name, path in names.items()}
    while free := {name for name, found in below.items() if not found & below.keys()}:
        below = {name: found for name, found in below.items() if name not in free}
    assert not below


def test_kernels_know_no_tables_and_no_geometry():
    allowed = {"gclust", "numba", "numpy", *sys.stdlib_module_names}
    for path in (PACKAGE / "kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_importing_gclust_loads_nothing_heavy():
    heavy = "numba pandas geopandas matplotlib rasterio duckdb sklearn scipy"
    code = f"import sys, gclust; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there():
    import gclust

    for name in gclust.__all__:
        assert getattr(gclust, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gclust.nothing
