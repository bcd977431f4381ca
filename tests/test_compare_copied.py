"""Runs whose sources are gone are compared by the memberships in their folders."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.experiments.compare.hybrid_studies import FACTORS
from gclust.study.sections import Density, Outputs
from tests.test_compare import towns
from tests.worlds import listings, study_folder

TABLES = ("table", "decomposition", "coalitions")


pytestmark = pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")


@pytest.fixture(autouse=True)
def _no_maps(monkeypatch):
    monkeypatch.setattr("gclust.results.run._draw", lambda *_: None)


def world(folder):
    """Listings with weights, some of which cannot be located, and some without a record."""
    table = listings()
    table.loc[table.index % 37 == 5, ["lat", "lon"]] = np.nan
    table.loc[table.index % 41 == 7, ["lat", "lon"]] = 0.0
    table["record"] = table["record"].astype("Int64").where(table.index % 29 != 3)
    table["weight"] = 1 + (table.index % 3) / 3
    return study_folder(folder, table).parent


def pair(folder, **outputs):
    """Two studies that differ in every factor, but round coordinates in the same way."""
    for choices in ({}, dict.fromkeys(FACTORS, "b")):
        study = towns(folder, **choices)
        yield replace(study, outputs=Outputs(**outputs), density=Density())


def test_copied_runs_are_compared_without_their_sources(tmp_path):
    home = world(tmp_path / "home")
    for name, study in zip("ab", pair(home, memberships=True), strict=True):
        gclust.run(study, tmp_path / "runs" / name)
    there = gclust.compare(tmp_path / "runs" / "a", tmp_path / "runs" / "b")
    away = tmp_path / "far" / "away"
    shutil.move(tmp_path / "runs", away)
    shutil.rmtree(home)
    copied = gclust.compare(away / "a", away / "b", n_jobs=1)
    assert copied.factors == there.factors == FACTORS
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(copied, name), getattr(there, name), check_exact=True)


def test_one_of_two_runs_may_be_a_copy_and_a_table_in_memory_is_no_obstacle(tmp_path):
    home = world(tmp_path / "home")
    table = pd.read_csv(home / "patent.csv")
    one, two = pair(home, memberships=True)
    one = replace(one, sources=(replace(one.sources[0], path=None, data=table),))
    gclust.run(one, tmp_path / "a")
    gclust.run(two, tmp_path / "b")
    there = gclust.compare(gclust.run(one), tmp_path / "b")
    copied = gclust.compare(tmp_path / "a", tmp_path / "b")
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(copied, name), getattr(there, name), check_exact=True)


def test_what_memberships_do_not_have_is_refused(tmp_path):
    home = world(tmp_path / "home")
    one, two = pair(home, memberships=True)
    growth = ({"name": "growth", "kind": "patent", "first": [2016, 2016], "last": [2018, 2018]},)
    runs = {
        "plain": replace(one, outputs=Outputs()),
        "csv": replace(one, outputs=Outputs(memberships="csv")),
        "one": one,
        "rounded": replace(two, density=Density(decimals=3)),
        "growth": replace(two, indicators=growth),
    }
    for name, study in runs.items():
        gclust.run(study, tmp_path / name)
    shutil.rmtree(home)

    def refused(a, b, match):
        with pytest.raises(StudyError, match=f"{match}.*decompose=False"):
            gclust.compare(tmp_path / a, tmp_path / b)

    refused("plain", "one", "nothing found")
    refused("csv", "one", "nothing found")
    refused("one", "rounded", "coordinates that are rounded, not as the other run's")
    refused("one", "growth", "memberships.parquet has no column 'year'")
