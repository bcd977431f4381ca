"""The built-in indicators against loops over records, on every engine."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gclust.indicators.balance import balance
from gclust.indicators.collaboration import collaboration, international_collaboration
from gclust.indicators.concentration import hhi, rank_without_top, share_without_top
from gclust.indicators.diversity import diversity
from gclust.indicators.growth import growth
from gclust.indicators.leaders import (
    top_field,
    top_field_share,
    top_organisation,
    top_organisation_share,
)
from gclust.indicators.partners import top_partner, top_partner_share
from gclust.indicators.size import count, kind_share, per_km2, per_million, share
from gclust.indicators.specialisation import kind_specialisation, specialisation
from gclust.units import UNIT
from tests.builtin_twin import ENGINES, KINDS, Twin, clusters_of, labelled_listings, some_world

EACH = range(5)


def close(actual: pd.Series, expected: list, clusters: pd.DataFrame) -> None:
    """Equal up to the rounding of a few operations; the index is the clusters'."""
    assert actual.index.equals(clusters.index)
    values = actual.to_numpy(dtype=float, na_value=np.nan)
    np.testing.assert_allclose(values, [float(e) for e in expected], rtol=1e-12, atol=1e-12)


@pytest.fixture(params=["patent", None])
def kind(request):
    return request.param


@pytest.fixture(params=["duckdb", "polars"])
def given(request):
    table = some_world(1)
    return clusters_of(table), labelled_listings(table, request.param), Twin(table)


def test_organisations_are_those_of_the_twin(given, kind):
    clusters, listings, twin = given
    names = top_organisation(clusters, listings, kind=kind)
    assert names.tolist() == [twin.top(c, kind, "organisation") for c in EACH]
    for of in ("known", "all"):
        actual = top_organisation_share(clusters, listings, kind=kind, of=of)
        close(actual, [twin.top_share(c, kind, "organisation", of) for c in EACH], clusters)
    for normalised in (False, True):
        actual = hhi(clusters, listings, kind=kind, normalised=normalised)
        close(actual, [twin.hhi(c, kind, normalised) for c in EACH], clusters)


def test_what_is_left_without_the_top_organisation(given, kind):
    clusters, listings, twin = given
    actual = share_without_top(clusters, listings, kind=kind)
    close(actual, [twin.without_top(c, kind) for c in EACH], clusters)
    ranks = rank_without_top(clusters, listings, kind=kind)
    assert ranks.tolist() == [twin.rank_without_top(c, kind, 5) for c in EACH]


def test_fields_are_those_of_the_twin(given, kind):
    clusters, listings, twin = given
    names = top_field(clusters, listings, kind=kind)
    assert names.tolist() == [twin.top(c, kind, "field") for c in EACH]
    close(
        top_field_share(clusters, listings, kind=kind),
        [twin.top_share(c, kind, "field", "known") for c in EACH],
        clusters,
    )
    quotient = [twin.quotient(c, kind, "optics") for c in EACH]
    close(specialisation(clusters, listings, field="optics", kind=kind), quotient, clusters)
    symmetric = [(q - 1) / (q + 1) for q in quotient]
    actual = specialisation(clusters, listings, field="optics", kind=kind, symmetric=True)
    close(actual, symmetric, clusters)
    entropy = [twin.entropy(c, kind, "field") for c in EACH]
    close(diversity(clusters, listings, kind=kind), entropy, clusters)
    for measure, expected in (
        ("normalised", [e / math.log(3) for e in entropy]),
        ("effective", [math.exp(e) for e in entropy]),
    ):
        close(diversity(clusters, listings, kind=kind, measure=measure), expected, clusters)


def test_growth_is_that_of_the_twin(given, kind):
    clusters, listings, twin = given
    for first, last, compound in (
        ((2011, 2012), (2014, 2015), False),
        ((2011, 2011), (2013, 2015), False),
        ((2011, 2012), (2013, 2015), True),
    ):
        actual = growth(clusters, listings, kind=kind, first=first, last=last, compound=compound)
        close(actual, [twin.growth(c, kind, first, last, compound) for c in EACH], clusters)
    # Five years: the halves are two years each, and the middle one is in neither.
    halves = [twin.growth(c, kind, (2011, 2012), (2014, 2015), False) for c in EACH]
    close(growth(clusters, listings, kind=kind), halves, clusters)


def test_collaboration_is_that_of_the_twin(given, kind):
    clusters, listings, twin = given
    for partner in ("outside", "cluster", "noise", "within"):
        actual = collaboration(clusters, listings, kind=kind, partner=partner)
        close(actual, [twin.collaboration(c, kind, partner) for c in EACH], clusters)
    actual = international_collaboration(clusters, listings, kind=kind)
    close(actual, [twin.collaboration(c, kind, "abroad") for c in EACH], clusters)


def test_partners_are_those_of_the_twin(given, kind):
    clusters, listings, twin = given
    expected = [twin.partner(c, kind) for c in EACH]
    assert top_partner(clusters, listings, kind=kind).tolist() == [name for name, _ in expected]
    shares = top_partner_share(clusters, listings, kind=kind).to_numpy()
    # The ties of a record are rounded to a unit each.
    np.testing.assert_allclose(shares, [part for _, part in expected], rtol=1e-7)


EVERY = {
    "count": (count, {"kind": "patent"}),
    "growth": (growth, {"compound": True}),
    "top organisation": (top_organisation, {}),
    "its share": (top_organisation_share, {"of": "all"}),
    "hhi": (hhi, {"normalised": True}),
    "share without": (share_without_top, {}),
    "rank without": (rank_without_top, {"kind": "publication"}),
    "top field": (top_field, {}),
    "its part": (top_field_share, {}),
    "quotient": (specialisation, {"field": "audio"}),
    "diversity": (diversity, {"by": "country", "measure": "normalised"}),
    "collaboration": (collaboration, {"partner": "cluster"}),
    "abroad": (international_collaboration, {}),
    "partner": (top_partner, {}),
    "its ties": (top_partner_share, {}),
}


@pytest.mark.parametrize("name", EVERY)
def test_engines_and_orders_of_rows_agree_to_the_bit(name):
    function, options = EVERY[name]
    table = some_world(2, 300)
    shuffled = table.sample(frac=1, random_state=3, ignore_index=True)
    clusters = clusters_of(table)
    answers = [function(clusters, labelled_listings(shuffled), **options)]
    answers += [
        function(clusters, labelled_listings(table, engine), **options) for engine in ENGINES
    ]
    for answer in answers[1:]:
        pd.testing.assert_series_equal(answer, answers[0], check_exact=True)


def test_sizes():
    table = some_world(3)
    clusters, listings, twin = clusters_of(table), labelled_listings(table), Twin(table)
    counts = [twin.count(c, "patent") for c in EACH]
    assert count(clusters, listings, kind="patent").tolist() == [float(c) for c in counts]
    close(count(clusters, listings), [twin.count(c, None) for c in EACH], clusters)
    close(share(clusters, listings, kind="patent"), clusters["patent_share"], clusters)
    close(share(clusters, listings), [twin.share(c, None) for c in EACH], clusters)
    nan = math.nan
    close(
        per_million(clusters, listings, kind="patent"),
        [counts[0] / 2, nan, nan, 0, 0],
        clusters,
    )
    totals = [twin.share(c, None) for c in EACH]
    close(per_km2(clusters, listings), [totals[0] / 100, nan, nan, totals[3] / 10, 0], clusters)
    part = [100 * twin.count(c, "patent") / twin.count(c, None) for c in range(4)]
    close(kind_share(clusters, listings, kind="patent"), [*part, nan], clusters)
    quotient = [
        (twin.count(c, "patent") / twin.count(c, None))
        / (twin.world("patent") / sum(twin.world(k) for k in KINDS))
        for c in range(4)
    ]
    close(kind_specialisation(clusters, listings, kind="patent"), [*quotient, nan], clusters)


def test_a_kind_of_which_the_world_has_nothing():
    table = some_world(4)
    clusters, listings = clusters_of(table), labelled_listings(table)
    for function in (count, share):
        assert (function(clusters, listings, kind="deal") == 0).all()
    for function in (
        kind_specialisation,
        top_organisation,
        top_organisation_share,
        hhi,
        diversity,
        collaboration,
        international_collaboration,
        top_partner,
        top_partner_share,
    ):
        assert function(clusters, listings, kind="deal").isna().all(), function.__name__
    assert (share_without_top(clusters, listings, kind="deal") == 0).all()
    assert (rank_without_top(clusters, listings, kind="deal") == 1).all()
    with pytest.raises(ValueError, match="fewer than two years"):
        growth(clusters, listings, kind="deal")
    assert (
        growth(clusters, listings, kind="deal", first=(2011, 2011), last=(2012, 2012)).isna().all()
    )


def test_balance():
    values = {"patent": [3.0, 1.0, 4.0, 0.0], "publication": [3.0, 1.0, 0.0, 0.0], "deal": 0.0}
    clusters = pd.DataFrame({f"{kind}_share": value for kind, value in values.items()})
    clusters.loc[1, "deal_share"] = 1.0
    listings = labelled_listings(some_world(1, 50))
    # The world has no deals, so two kinds are left.
    assert balance(clusters, listings).fillna(-1).tolist() == [1.0, 1.0, 0.0, -1.0]
    table = some_world(1, 50)
    three = labelled_listings(
        pd.concat([table, table.tail(1).assign(kind="deal")], ignore_index=True)
    )
    close(balance(clusters, three), [math.log(2) / math.log(3), 1, 0, math.nan], clusters)
    close(balance(clusters, three, measure="simpson"), [0.75, 1, 0, math.nan], clusters)
    two = ("deal", "patent")
    close(balance(clusters, three, kinds=two), [0, 1, 0, math.nan], clusters)
    assert balance(clusters, three, kinds=("patent",)).isna().all()


def rows(*listings: tuple) -> pd.DataFrame:
    """Listings of patents: record, cluster, organisation."""
    table = pd.DataFrame(listings, columns=["record", "cluster", "organisation"])
    return table.assign(kind="patent", units=UNIT, country="DE")


def test_equal_organisations_and_partners_go_by_name():
    table = rows((1, 0, "Beta"), (1, 1, "Beta"), (2, 0, "Alpha"), (2, 2, None), (3, 1, "Alpha"))
    for engine in ENGINES:
        listings = labelled_listings(table, engine, ("patent",))
        clusters = clusters_of(table, 3, ("patent",))
        assert top_organisation(clusters, listings).tolist() == ["Alpha", "Alpha", None]
        clusters["name"] = ["Zurich", "Yokohama", "Xian"]
        assert top_partner(clusters, listings).tolist() == ["Xian", "Zurich", "Zurich"]


def test_only_noise_for_partners():
    table = rows((1, 0, None), (1, -1, None), (2, 0, None), (3, 1, None), (3, 1, None))
    clusters, listings = (
        clusters_of(table, 2, ("patent",)),
        labelled_listings(table, kinds=("patent",)),
    )
    assert top_partner(clusters, listings).tolist() == [None, None]
    close(top_partner_share(clusters, listings), [0, math.nan], clusters)
    close(collaboration(clusters, listings, partner="noise"), [50, 0], clusters)
    close(collaboration(clusters, listings, partner="cluster"), [0, 0], clusters)
    close(collaboration(clusters, listings, partner="within"), [0, 100], clusters)
    close(international_collaboration(clusters, listings), [0, 0], clusters)


def test_one_cluster_alone():
    table = rows((1, 0, "Only"), (2, 0, "Only"))
    clusters, listings = (
        clusters_of(table, 1, ("patent",)),
        labelled_listings(table, kinds=("patent",)),
    )
    assert rank_without_top(clusters, listings).tolist() == [1]
    assert share_without_top(clusters, listings).tolist() == [0.0]
    assert hhi(clusters, listings, normalised=True).tolist() == [1.0]
    assert top_partner(clusters, listings).tolist() == [None]
    assert diversity(clusters, listings, by="organisation").tolist() == [0.0]
    assert diversity(clusters, listings, by="organisation", measure="effective").tolist() == [1.0]
    assert diversity(clusters, listings, by="organisation", measure="normalised").isna().all()
    assert balance(clusters, listings).isna().all()


def test_nothing_but_noise():
    table = rows((1, -1, "Only"), (2, -1, "Only"))
    clusters, listings = (
        clusters_of(table, 0, ("patent",)),
        labelled_listings(table, kinds=("patent",)),
    )
    for function in (hhi, top_organisation, rank_without_top, top_partner, collaboration, share):
        assert len(function(clusters, listings)) == 0


def test_a_battery_maker_without_which_a_town_falls():
    """A town of one maker falls behind both others; a city of many keeps its place."""
    town = [(n, 0, "Battery") for n in range(5)] + [(5, 0, "Baker")]
    city = [(10 + n, 1, f"Firm {n}") for n in range(4)]
    third = [(20 + n, 2, None) for n in range(2)]
    table = rows(*town, *city, *third)
    clusters, listings = (
        clusters_of(table, 3, ("patent",)),
        labelled_listings(table, kinds=("patent",)),
    )
    close(share_without_top(clusters, listings), [100 / 12, 25, 200 / 12], clusters)
    assert rank_without_top(clusters, listings).tolist() == [3, 2, 3]


def test_the_top_organisation_of_all_kinds_is_weighed_by_the_world():
    """Five of ten patents are more of the world than twenty of a hundred articles."""
    patents = [(n, 0, "Maker") for n in range(5)] + [(5 + n, 1, None) for n in range(5)]
    articles = [(n, 0, "School") for n in range(20)] + [(20 + n, 1, None) for n in range(80)]
    table = pd.concat(
        [rows(*patents), rows(*articles).assign(kind="publication")], ignore_index=True
    )
    kinds = ("patent", "publication")
    clusters, listings = clusters_of(table, 2, kinds), labelled_listings(table, kinds=kinds)
    assert top_organisation(clusters, listings).tolist() == ["School", None]
    close(share_without_top(clusters, listings), [20, 130], clusters)


def test_diversity_is_normalised_by_the_fields_of_the_world():
    table = rows((1, 0, "A"), (2, 0, "B"), (3, -1, "C"), (4, -1, "D"))
    clusters, listings = (
        clusters_of(table, 1, ("patent",)),
        labelled_listings(table, kinds=("patent",)),
    )
    actual = diversity(clusters, listings, by="organisation", measure="normalised")
    close(actual, [math.log(2) / math.log(4)], clusters)


def test_options_that_cannot_be():
    table = some_world(1, 60)
    clusters, listings = clusters_of(table), labelled_listings(table)
    with pytest.raises(ValueError, match="no kind 'patents'; kinds are patent, publication"):
        count(clusters, listings, kind="patents")
    with pytest.raises(ValueError, match="no kind 'x'"):
        hhi(clusters, listings, kind="x")
    with pytest.raises(ValueError, match="has the field 'optic'; did you mean 'optics'"):
        specialisation(clusters, listings, field="optic")
    with pytest.raises(ValueError, match=r"first = \[2012, 2011\]; expected two years"):
        growth(clusters, listings, first=(2012, 2011))
    with pytest.raises(ValueError, match=r"last = \[2012, 2013\] does not begin after"):
        growth(clusters, listings, first=(2011, 2012), last=(2012, 2013))
