"""pyproject.toml, environment.yml and ci/constraints.txt agree; README's commands are CI's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
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
    for line in [*project["dependencies"], *extras["test"], *extras["dev"]]:
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
