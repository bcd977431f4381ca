"""pyproject.toml, environment.yml and ci/constraints.txt agree; README's commands are CI's."""

from __future__ import annotations

import io
import itertools
import platform
import re
import sys
import sysconfig
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gclust
from tests.tree import PACKAGE, ROOT

# What a package is called at conda-forge, where it has another name there.
CONDA_NAMES = {"matplotlib-base": "matplotlib", "python-duckdb": "duckdb"}


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(lines):
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): str(r.specifier) for r in parsed if r.name != "gclust"}


def pins():
    lines = (ROOT / "ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    for line in kept:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", line), f"not a plain pin: {line}"
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in kept}


def test_environment_holds_the_same_dependencies(project):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^\s+- ([A-Za-z0-9._-]+[<>=!~].*)$", text, flags=re.MULTILINE)
    found = requirements(listed)
    assert found.pop("python") == project["requires-python"]
    found = {CONDA_NAMES.get(name, name): bound for name, bound in found.items()}
    expected = requirements([*project["dependencies"], *project["optional-dependencies"]["test"]])
    assert found == expected


def test_every_dependency_is_pinned_within_its_bounds(project):
    pinned = pins()
    extras = project["optional-dependencies"]
    installed = [extras[name] for name in ("test", "dev", "docs", "spark", "paper")]
    for line in itertools.chain(project["dependencies"], *installed):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name != "gclust":
            assert name in pinned, f"{name} is not in ci/constraints.txt"
            assert requirement.specifier.contains(pinned[name]), f"{name}=={pinned[name]}"


def test_readme_s_two_lines_are_those_that_ci_runs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pip install .*$", readme, flags=re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("&& gclust demo")
    assert commands[1].endswith("&& pytest")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in ci


def test_the_version_is_said_once_and_cited(project):
    assert "version" in project["dynamic"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {gclust.__version__}\n" in citation
    assert f"## {gclust.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_versions_of_all_that_may_explain_a_difference():
    out = io.StringIO()
    gclust.show_versions(out)
    shown = dict(line.split(maxsplit=1) for line in out.getvalue().splitlines())
    needed = [line for line in requires("gclust") if "extra" not in line]
    for requirement in map(Requirement, [*needed, "pytest"]):
        assert requirement.specifier.contains(shown[requirement.name]), requirement
    assert shown["gclust"] == gclust.__version__
    assert shown["Python"].startswith(platform.python_version())
    libraries = re.findall(r"^(GDAL|PROJ|GEOS) of \w+ +\d+\.\d+", out.getvalue(), re.MULTILINE)
    assert set(libraries) == {"GDAL", "PROJ", "GEOS"}
    for private in {platform.node(), str(Path.home()), str(ROOT)} - {""}:
        assert private not in out.getvalue()


def test_versions_name_what_is_missing(monkeypatch):
    """Neither a package nor a library that is not there hides the others."""

    def lost(name):
        raise PackageNotFoundError(name) if name != "gclust" else AssertionError

    monkeypatch.setattr("gclust._version.version", lost)
    monkeypatch.setitem(sys.modules, "shapely", None)
    out = io.StringIO()
    gclust.show_versions(out)
    shown = dict(re.split(" {2,}", line, maxsplit=1) for line in out.getvalue().splitlines())
    assert shown["numpy"] == shown["GEOS of shapely"] == "not installed"
    assert "bokeh" not in shown
    assert shown["PROJ of pyproj"][0].isdigit()


def test_what_is_tested_is_the_package_of_the_checkout_or_an_installed_one():
    """In a copy of the checkout without the package, as `ci/wheel` makes it, it is installed."""
    if (ROOT / PACKAGE.name).is_dir():
        assert ROOT / PACKAGE.name == PACKAGE
    else:
        assert PACKAGE.parent == Path(sysconfig.get_path("purelib"))


def test_types_are_shipped_and_public_names_are_spelled_out():
    assert (PACKAGE / "py.typed").is_file()
    assert set(gclust.__all__) == {*gclust._HOME, *gclust._SUBMODULES, "__version__"}
