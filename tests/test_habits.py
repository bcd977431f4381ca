"""What contributors are told is so: paths, pins, tasks, forms."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import conftest
from tests.tree import ROOT, in_tree

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATH = re.compile(r"(?:\.?\w+/)+[\w.]*|\.?\w+(?:\.\w+)*\.(?:md|toml|py|txt|yaml)")


def spans(text):
    """Code in backticks, and lines of code."""
    return re.findall(r"`([^`\n]+)`", text)


def test_every_path_that_contributors_are_sent_to_is_there():
    named = {path for span in spans(CONTRIBUTING) for path in PATH.findall(span)}
    assert {"gclust/places/footprints/outlines.py", "ci/bench", ".ci/run"} < named
    assert [path for path in named if not in_tree(path).exists() and path != "__init__.py"] == []


def test_names_stand_where_contributors_look_for_them():
    found = re.findall(r"`(\w+)` (?:and `(\w+)` )?of `(gclust/[\w/.]+\.py)`", CONTRIBUTING)
    assert found
    for *names, path in found:
        text = in_tree(path).read_text(encoding="utf-8")
        for name in filter(None, names):
            assert re.search(rf"^(?:def |class )?{name}\b", text, re.MULTILINE), f"{name}, {path}"


def test_it_is_one_page():
    assert len(CONTRIBUTING.split()) < 700


def test_tasks_can_be_run_and_ci_runs_them():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    tasks = [path for path in (ROOT / "ci").iterdir() if path.suffix == "" and path.is_file()]
    assert {path.name for path in tasks} >= {"style", "types", "doctests", "quick", "bench"}
    for path in tasks:
        assert os.access(path, os.X_OK), path
        assert f"ci/{path.name}" in CONTRIBUTING
        assert f"ci/{path.name}" in ci or path.name == "quick"  # part of the tests
        subprocess.run(["bash", "-n", path], check=True)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_lists_of_test_files_name_files():
    files = {path.stem for path in (ROOT / "tests").glob("test_*.py")}
    for names in (conftest.ON_ONE_PYTHON, conftest.QUICK):
        listed = conftest.stems(names)
        assert len(set(listed)) == len(listed)
        assert set(listed) <= files, set(listed) - files


def test_hooks_have_the_versions_of_ci():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    pins = (ROOT / "ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "typos", "mypy"]
    for hook in hooks:
        assert set(hook.get("additional_dependencies", ())) <= set(pins), hook["id"]
        assert hook.get("additional_dependencies") or hook["language"] == "system"


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")))
def test_forms_can_be_filled_in(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "dropdown", "checkboxes")
        assert field["attributes"]["label"]


def test_the_project_says_who_made_it_and_is_not_fetched_from_an_index():
    """Until it is published, whoever follows such a line gets another's package, or none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["authors"] == [{"name": "The gclust developers"}]
    assert project["urls"]
    here = Path(__file__)
    folders = [in_tree(name) for name in ("gclust", "tests", "examples", "benchmarks")]
    texts = [path for each in folders for end in ("py", "md") for path in each.rglob(f"*.{end}")]
    for path in [*ROOT.glob("*.md"), *texts]:
        if path != here:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"pip install [\"']?gclust\b", text), path
