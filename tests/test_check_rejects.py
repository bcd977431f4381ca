"""What is said of rejected rows: their weight, the years, and the columns of the user."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import GclustWarning, StudyError

CLUSTERS = {"clusters": {"eps_km": 10, "min_samples": 10}}


def counties(rejected, weight):
    """Counties of weight 10 at one town, and some without a place."""
    table = pd.DataFrame({"lat": np.full(2_000, 48.1), "lon": 11.6, "weight": 10.0})
    table.loc[: rejected - 1, "lat"] = np.nan
    table.loc[: rejected - 1, "weight"] = weight
    return table


def told(table, **given):
    """Run the table; return what it is told of rejected weight: as a warning, and as a message."""
    study = gclust.Study(sources=[{"kind": "patent", "data": table, **given}], **CLUSTERS)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", GclustWarning)
        run = gclust.run(study)
    warned = [str(each.message) for each in found if "weigh" in str(each.message)]
    said = [line for line in run.info["sources"][0]["messages"] if "rejected rows weigh" in line]
    return warned, said


def test_few_rows_with_much_weight_are_warned_of():
    (warned,), said = told(counties(2, 400.0))
    assert said == []
    assert warned.endswith("rejected rows weigh 800, which is 3.85 % of the weight (2 rows, 0.1 %)")


def test_the_weight_of_rejects_is_a_message_where_it_is_like_their_number():
    warned, (said,) = told(counties(4, 20.5))
    assert warned == []
    assert said.endswith("rejected rows weigh 82, which is 0.409 % of the weight (4 rows, 0.2 %)")


def test_without_weights_or_rejects_nothing_is_said_of_weight():
    assert told(counties(0, 1.0)) == ([], [])
    assert told(counties(4, 1.0).drop(columns="weight")) == ([], [])


def test_a_refusal_names_the_columns_and_the_years():
    table = counties(1_000, 10.0).rename(columns={"lat": "breite", "lon": "weite"})
    given = {"columns": {"lat": "breite", "lon": "weite"}}
    with pytest.raises(StudyError, match=r"1,000 of 2,000 rows \(50.0 %\) were .*lat = breite"):
        told(table, **given)
    table["year"] = np.where(table.index < 1_500, 2020, 1999)
    with pytest.raises(StudyError, match="1,000 of 1,500 rows within the years or without a year"):
        told(table, **given, years=[2019, 2021])
