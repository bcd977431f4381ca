"""What has an answer although something is missing: a kind, inhabitants, other clusters, any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.indicators.builtin import BUILT_IN
from gclust.indicators.counts import shares
from gclust.indicators.registry import registered
from gclust.ranking.columns import ScoreOptions
from gclust.ranking.contributions import contributions
from gclust.ranking.score import COMBINE, score
from gclust.ranking.table import ranking
from tests.test_intensity import clouds, write_raster
from tests.worlds import TOWNS, study_folder

NOWHERE = "[clusters]\neps_km = 10\nmin_samples = 20\n"
ALL = (
    NOWHERE
    + """
[population]
raster = "people.tif"
[intensity]
usual = true
[centroid_geocodes]
on = true
[members]
on = true
[uncertainty]
draws = 30
"""
)
# What each indicator says of a cluster without a record of the kind.
OF_NOTHING = {
    "count": 0.0,
    "share": 0.0,
    "kind_share": 0.0,
    "per_km2": 0.0,
    "share_without_top": 0.0,
    "rank_without_top": 3,
    "kind_specialisation": 0.0,
    "balance": 0.0,
}
EACH_20 = dict.fromkeys(TOWNS, 20)
WORLDS = {
    # Nobody lives in Graz, and nobody publishes there.
    "a cluster lacks a kind": {
        "patent": {"Munich": 30, "Augsburg": 20, "Graz": 25},
        "publication": {"Munich": 20, "Augsburg": 15},
    },
    "one cluster": {"patent": {"Munich": 20}, "publication": {"Munich": 20}},
    "ties": {"patent": EACH_20, "publication": EACH_20},
    "noise": {"patent": {"Munich": 5}, "publication": {"Graz": 9}},
}


def listings(sizes) -> pd.DataFrame:
    """Records of two listings each about towns, the same about each; and some far away."""
    rows, record = [], 0
    for kind, towns in sizes.items():
        for town, size in towns.items():
            rng = np.random.default_rng(1)
            for k in range(size):
                record += 1
                for north, east in rng.normal(0, 0.02, (2, 2)):
                    lat, lon = TOWNS[town]
                    rows.append((kind, record, lat + north, lon + east, 2015 + k % 5, town, k % 3))
        for k in range(5):
            record += 1
            rows.append((kind, record, 30.0 + 3 * k, 1.0, 2015 + k, "country", 0))
    columns = ["kind", "record", "lat", "lon", "year", "town", "organisation"]
    table = pd.DataFrame(rows, columns=columns).round({"lat": 4, "lon": 4})
    table["field"] = np.where(table["organisation"] < 2, "optics", "audio")
    return table.assign(organisation="Firm " + table["organisation"].astype(str), country="DE")


def every_indicator() -> str:
    """All built-in indicators, of publications where they can be of one kind."""
    text = ""
    for function in BUILT_IN:
        found = registered(function, "gclust")
        options = {option.name for option in found.options}
        text += f'[[indicators]]\nname = "{found.name}"\ncolumn = "{found.name} of it"\n'
        text += 'kind = "publication"\n' if "kind" in options else ""
        text += 'field = "optics"\n' if "field" in options else ""
    return text


def study_of(folder, world: str, extra: str = ALL):
    path = study_folder(folder, listings(WORLDS[world]), extra + every_indicator())
    write_raster(folder / "people.tif", clouds())
    return path


@pytest.fixture(scope="module", params=["a cluster lacks a kind", "one cluster", "ties"])
def done(request, tmp_path_factory):
    path = study_of(tmp_path_factory.mktemp("edge"), request.param)
    return request.param, path, gclust.run(path)


def test_a_run_and_its_indicators(done):
    world, _, run = done
    table = run.ranking.set_index("name")
    assert len(table) == (1 if world == "one cluster" else 3)
    assert table["rank"].tolist() == ([1, 1, 1] if world == "ties" else [1, 2, 3][: len(table)])
    own = [column for column in table if column.endswith(" of it")]
    assert len(own) == len(BUILT_IN)
    if world == "a cluster lacks a kind":
        graz = table.loc["Graz"]
        values = {name.removesuffix(" of it"): graz[name] for name in own}
        assert {k: v for k, v in values.items() if not pd.isna(v)} == OF_NOTHING
        assert (graz["publication_count"], graz["publication_share"]) == (0, 0)
        assert (graz["publication_rank"], graz["population"]) == (3, 0)
        assert graz[["intensity", "intensity_rank", "patent_per_million"]].isna().all()
        members = run.members.set_index("name").loc["Graz"]
        assert (members["publication_count"], members["patent_share"]) == (0, 100)
        assert pd.isna(members["publication_share"])
    if world == "one cluster":
        assert table["rank_without_top of it"].tolist() == [1]
        assert table[["top_partner of it", "top_partner_share of it"]].isna().all(axis=None)
        assert table["balance of it"].tolist() == [1.0]
    if world == "ties":
        # The others whole, each is behind both without its own top organisation.
        assert table["rank_without_top of it"].tolist() == [3, 3, 3]
        assert len(set(table["share of it"])) == 1


def test_intensity_and_centroid_geocodes(done):
    world, _, run = done
    table = run.intensity.table.set_index("name")
    if world != "one cluster":
        assert (table.loc["Graz", "ranked_under"], table.loc["Munich", "ranked_under"]) == (0, 7)
        assert pd.isna(table.loc["Graz", "intensity_rank_range"])
        table = table.drop(index="Graz")
    assert (table["intensity_rank_range"] >= 0).all()
    assert table["least_intensity_rank"].min() == 1
    # No city has a centroid geocode: a table without rows, and with its columns.
    assert run.centroid_geocodes.empty
    assert (
        gclust.centroid_geocodes(run, least_weight=1000).columns.tolist()
        == run.centroid_geocodes.columns.tolist()
    )


def test_every_aggregation(done):
    world, _, run = done
    table = run.ranking
    kinds = ["patent", "publication"]
    count, share = (table[[f"{kind}_{what}" for kind in kinds]] for what in ("count", "share"))
    count, share = count.set_axis(kinds, axis=1), share.set_axis(kinds, axis=1)
    for combine in COMBINE:
        again = ranking(table, count, share, ScoreOptions(combine=combine)).set_index("name")
        assert np.isfinite(again["score"]).all(), combine
        if world == "ties":
            assert again["rank"].tolist() == [1, 1, 1], combine
        if world == "one cluster":
            own = again["total"] / 2 if combine in ("mean", "geometric") else again["total"]
            expected = 0.0 if combine in ("zscore", "borda", "copeland") else own.iloc[0]
            assert again["score"].tolist() == pytest.approx([expected]), combine
        if world == "a cluster lacks a kind":
            assert again.loc["Munich", "rank"] == 1
            assert (again.loc["Graz", "score"] == 0) == (combine == "geometric")


def test_compare_sweep_and_uncertainty(done):
    world, path, run = done
    study = gclust.read_study(path)
    ranks = run.ranking.set_index("name")["rank"]
    twice = replace(study, score=replace(study.score, weights={"publication": 2.0}))
    compared = gclust.compare(run, twice).table.set_index("name_a")
    assert (compared["event"] == "kept").all()
    assert compared["rank_a"].to_dict() == ranks.to_dict()
    assert (compared["score_weights"] == compared["score_change"]).all()
    if world == "a cluster lacks a kind":
        assert compared.loc["Graz", "score_change"] == 0
    swept = gclust.sweep(path, eps_km=[10], min_samples=[15, 20])
    own = swept.ranks[swept.ranks["min_samples"] == 20].set_index("cluster_id")["rank"]
    assert own.to_dict() == run.ranking.set_index("cluster_id")["rank"].to_dict()
    firm = gclust.uncertainty(study).table.set_index("name")
    assert firm["rank"].to_dict() == ranks.to_dict()
    assert (firm["rank_set_low"] <= firm["rank"]).all()
    if world == "ties":
        assert (firm["rank_set_low"] == 1).all()
        assert (firm["rank_set_high"] == 3).all()
    if world == "one cluster":
        assert (firm["rank_set_high"] == 1).all()
    if world == "a cluster lacks a kind":
        shown = firm.loc["Graz", ["publication_share_low", "publication_share_high"]]
        assert shown.tolist() == [0, 0]


def test_nothing_but_noise_is_refused_with_what_would_help(tmp_path):
    path = study_of(tmp_path, "noise")
    study = gclust.read_study(path)
    other = replace(study, merge=replace(study.merge, max_gap_km=1.0))
    for call in (
        gclust.run,
        gclust.uncertainty,
        lambda it: gclust.compare(it, other),
        lambda it: gclust.sweep(it, eps_km=[5, 10], min_samples=[20]),
    ):
        with pytest.raises(StudyError, match="no cluster found: .* Lower min_samples or raise eps"):
            call(study)


def test_a_kind_that_weighs_nothing_in_the_world(tmp_path):
    table = listings(WORLDS["ties"]).assign(weight=1.0)
    table.loc[table["kind"] == "publication", "weight"] = 0.0
    with pytest.raises(StudyError, match="kind 'publication' has no usable rows: .* weigh 0"):
        gclust.run(study_folder(tmp_path, table.drop(columns="record"), NOWHERE))
    # In tables it has shares of 0, which are no column to tell clusters apart by.
    share = shares(pd.DataFrame({"patent": [3.0, 1.0], "deal": 0.0}), {"patent": 8.0, "deal": 0.0})
    assert share.to_numpy().tolist() == [[37.5, 0.0], [12.5, 0.0]]
    expected = {
        "sum": [37.5, 12.5],
        "mean": [18.75, 6.25],
        "geometric": [0.0, 0.0],
        "zscore": [0.5, -0.5],
        "borda": [1.5, 0.5],
        "copeland": [1.0, 0.0],
    }
    for combine in COMBINE:
        assert score(share, combine=combine).tolist() == pytest.approx(expected[combine])
        part = contributions(share, combine=combine)["deal_part"].tolist()
        of_nothing = {"geometric": -np.inf, "borda": 0.5, "copeland": np.nan}.get(combine, 0.0)
        assert part == pytest.approx([of_nothing] * 2, nan_ok=True), combine
