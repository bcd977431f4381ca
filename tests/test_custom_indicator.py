"""The package of examples/custom_indicator, found by its entry point."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pandas as pd
import pytest

import gclust
from gclust.indicators.registry import GROUP, registry
from tests.tree import ROOT
from tests.worlds import listings, study_folder

EXAMPLE = ROOT / "examples" / "custom_indicator"
MODULE = EXAMPLE / "gclust_team_size.py"
GUIDE = ROOT / "docs" / "guides" / "indicators.md"


@pytest.fixture
def installed():
    """Skip where the example is not installed, unless CI says that it must be."""
    try:
        distribution("gclust-team-size")
    except PackageNotFoundError:
        if os.environ.get("GCLUST_EXAMPLE_INSTALLED"):
            pytest.fail("examples/custom_indicator is not installed, but ought to be")
        pytest.skip("pip install ./examples/custom_indicator")


def test_a_study_asks_for_an_indicator_of_another_package(installed, tmp_path):
    assert registry()["team_size"].origin == "gclust-team-size 0.1.0"
    table = listings()
    extra = '[[indicators]]\nname = "team_size"\nkind = "patent"\nat_least = 2\n'
    done = gclust.run(study_folder(tmp_path, table, extra))
    assert done.ranking.columns[-1] == "patent_team_size"

    # A record counts once in each cluster that it touches, with all its listings.
    table = table[table["kind"] == "patent"].assign(size=1)
    table["size"] = table.groupby("record")["size"].transform("sum")
    cluster_of = done.locations.set_index(["lat", "lon"])["cluster_id"]
    table["cluster"] = cluster_of.loc[pd.MultiIndex.from_frame(table[["lat", "lon"]])].to_numpy()
    touched = table[table["size"] >= 2].drop_duplicates(["record", "cluster"])
    expected = touched.groupby("cluster")["size"].mean().drop(-1)
    found = done.ranking.set_index("cluster_id")["patent_team_size"].sort_index()
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_the_readme_and_the_guide_print_the_whole_project_file():
    text = (EXAMPLE / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["entry-points"][GROUP]
    for page in (EXAMPLE / "README.md", GUIDE):
        assert f"```toml\n{text}```" in page.read_text("utf-8"), page


def test_the_guide_prints_the_function_of_the_example():
    code = re.search(r"@indicator\(.*?\) -> pd.Series:\n", MODULE.read_text("utf-8"), re.S)
    assert code is not None
    assert code[0] in GUIDE.read_text("utf-8")
