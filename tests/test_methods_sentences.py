"""The methods paragraph says what was done, and nothing that could not be done."""

from __future__ import annotations

import numpy as np
import pytest

import gclust
from gclust.results.methods import methods
from tests.worlds import listings, study_folder


def text_of(folder, table=None, extra=""):
    return methods(gclust.run(study_folder(folder, table, extra))).text


def test_without_records_nothing_is_said_of_ties(tmp_path):
    text = text_of(tmp_path, listings().drop(columns="record"))
    assert "Clusters were not merged, for the listings have no records and hence no ties." in text
    assert "in rounds" not in text


BY_LIST = "[merge]\nrule = 'list'\npairs = [['Munich', 'Augsburg']]\n"


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ("", "counted fractionally. None merged."),
        (BY_LIST, "Munich with Augsburg. 3 clusters became 2."),
        ("[merge]\nrule = 'none'\n", "Clusters were not merged. Records"),
    ],
)
def test_the_number_of_merges_is_said(tmp_path, extra, sentence):
    assert sentence in text_of(tmp_path, extra=extra)


def test_a_score_of_one_column_is_no_sum(tmp_path):
    one = text_of(tmp_path / "one", extra="[score]\nof = ['patent_share']\n")
    assert "Clusters were ranked by patent_share." in one
    points = "[score]\nof = ['patent_share']\ncombine = 'borda'\n"
    assert "ranked by the Borda points of patent_share." in text_of(tmp_path / "b", extra=points)
    assert "ranked by the sum of the share of patent and the share of" in text_of(tmp_path / "s")


def test_rows_outside_the_years_and_reasons_of_rejects_are_said(tmp_path):
    table = listings()
    table.loc[table.index[:5], "lat"] = np.nan
    table.loc[table.index[5:12], "year"] = 1999
    text = text_of(tmp_path / "one", table)
    assert "7 rows lie outside the years. 5 rows could not be used (all: latitude" in text
    table.loc[table.index[12:14], "lat"] = 95.0
    assert "7 rows could not be used (most often: latitude" in text_of(tmp_path / "two", table)
    assert "rows lie outside" not in text_of(tmp_path / "none")
