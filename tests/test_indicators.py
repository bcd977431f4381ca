"""Indicators: the listings they see, what they return, and the study that asks for them."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from gclust.indicators.counts import counts
from gclust.indicators.listings import AttributedListings
from gclust.listings.attribute import attribute, count
from gclust.listings.fold import record_totals
from gclust.units import UNIT
from tests.test_counting import ENGINES, labels_of, lazy, some_listings


def attributed(engine: str, method: str) -> tuple[AttributedListings, pd.DataFrame]:
    """Random listings of two kinds, and their counts as a run makes them."""
    table = some_listings(7)
    labels = labels_of(table)
    listings = lazy(table, engine)
    units = count(
        attribute(listings, lazy(labels, engine)), record_totals(listings), method
    ).collect()
    table["kind"] = table["kind"].map({0: "patent", 1: "deal"})
    table = table.merge(labels, on=["lat", "lon"]).rename(columns={"label": "cluster"})
    seen = AttributedListings.from_native(
        ENGINES[engine](table), kinds=("patent", "deal"), method=method
    )
    return seen, counts(units.to_pandas(), seen.kinds, 3)


@pytest.mark.parametrize("method", ["fractional", "whole"])
@pytest.mark.parametrize("engine", ENGINES)
def test_credits_add_up_to_the_counts(engine, method):
    listings, expected = attributed(engine, method)
    found = pd.DataFrame(index=range(3))
    for kind in listings.kinds:
        summed = listings.of(kind).group_by("cluster").agg(nw.col("credit").sum())
        table = listings.collect(summed)
        assert table["cluster"].tolist() == [-1, 0, 1, 2]
        credit = table.set_index("cluster")["credit"].astype(np.int64)
        found[kind] = credit.reindex(found.index).to_numpy() / UNIT
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_totals_of_a_table_are_its_records_and_weights():
    table = pd.DataFrame(
        {"kind": ["b", "b", "a", "a"], "record": [1, 1, 2, None], "cluster": [0, -1, -1, 0]}
    )
    listings = AttributedListings.from_native(table)
    assert listings.kinds == ("a", "b")
    assert listings.totals == {"a": 2.0, "b": 1.0}


def test_listings_of_an_unknown_kind_or_without_a_column():
    table = pd.DataFrame({"kind": ["a"], "record": [1], "cluster": [0]})
    with pytest.raises(ValueError, match="no kind 'b'; kinds are a"):
        AttributedListings.from_native(table).of("b")
    with pytest.raises(ValueError, match="no column 'cluster'"):
        AttributedListings.from_native(table.drop(columns="cluster"))


def test_listings_are_looked_up_only_when_asked_for():
    asked = []

    def make():
        asked.append(1)
        return nw.from_native(pd.DataFrame({"kind": ["a"]})).lazy()

    listings = AttributedListings(make, ("a",), {"a": 1.0})
    assert asked == []
    assert listings.frame is listings.frame
    assert asked == [1]
