"""The example study: small, quick, the same every time, and worth a lesson."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gclust
from gclust.datasets import example_study
from gclust.datasets.example import FILES


@pytest.fixture(scope="module")
def runs():
    return {years: gclust.run(example_study(years=years)) for years in ((2015, 2019), (2020, 2024))}


def names(run):
    return run.ranking["name"].tolist()


def test_grenoble_overtakes_lyon(runs):
    assert names(runs[2015, 2019]) == ["Lyon", "Grenoble", "Geneva"]
    assert names(runs[2020, 2024]) == ["Grenoble", "Lyon", "Geneva"]
    found = gclust.compare(*runs.values()).table.set_index("name_b")
    assert found["rank_change"].to_dict() == {"Grenoble": 1, "Lyon": -1, "Geneva": 0}


def test_a_run_has_no_warning_and_every_kind_of_point(runs):
    run = runs[2020, 2024]
    assert run.info["warnings"] == []
    core, clustered = run.locations["core"], run.locations["cluster_id"] >= 0
    assert core.any()
    assert (clustered & ~core).any()
    assert (~clustered).any()
    assert (run.ranking["population"] > 0).all()


def test_the_same_call_writes_the_same_bytes(tmp_path):
    one, two = example_study(tmp_path / "one"), example_study(tmp_path / "two")
    assert one == tmp_path / "one" / "study.toml"
    for name in FILES:
        assert one.with_name(name).read_bytes() == two.with_name(name).read_bytes()
    assert example_study(tmp_path / "one") == one  # its own files may be replaced
    one.write_text("changed", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"study\.toml was changed"):
        example_study(tmp_path / "one")


def test_the_listings_have_every_column_and_say_that_they_are_simulated(tmp_path):
    study = example_study(tmp_path)
    tables = [pd.read_csv(study.with_name(f"{kind}.csv")) for kind in ("patent", "publication")]
    assert sum(len(table) for table in tables) == 4811
    for table in tables:
        columns = "record lat lon year organisation field country precision"
        assert table.columns.tolist() == columns.split()
        assert table["organisation"].str.endswith("(simulated)").all()
        assert not table.isna().any(axis=None)
    assert "All listings are simulated" in study.read_text(encoding="utf-8")


@pytest.mark.parametrize("years", [(2014, 2019), (2020, 2025), (2020, 2018)])
def test_years_without_listings_are_refused(years, tmp_path):
    with pytest.raises(ValueError, match="from 2015 to 2024"):
        example_study(tmp_path, years=years)
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_goes_when_python_ends(tmp_path):
    import subprocess
    import sys

    code = "from gclust.datasets import example_study; print(example_study())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not Path(done.stdout.strip()).parent.exists()
