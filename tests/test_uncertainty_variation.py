"""Draws of records by organisation, by volumes of organisations, and by volumes of clusters."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import gclust
from benchmarks.coverage import WORLDS, measure
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.uncertainty.dispersion import (
    FIRST_DIFFERENCE,
    SECOND_DIFFERENCE,
    excess_variance,
)
from gclust.experiments.uncertainty.draws import Replicates
from gclust.experiments.uncertainty.sources_alone import source_table
from gclust.experiments.uncertainty.summary import summary_lines
from gclust.kernels.resampling.amounts import draw_multipliers
from gclust.kernels.resampling.volumes import ALONE, ORGANISATION, draw_volumes
from tests.same_results import assert_same_result
from tests.worlds import TOWNS, study_folder, uncertainty_bytes

DRAWS = 12
FILES = ("uncertainty.csv", "pairs.csv", "uncertainty.json", "scores.parquet")
WAYS = {"fixed": "", "reclustered": 'clusters = "reclustered"\n'}
MODES = {
    "organisations": 'resample = "organisations"\n',
    "multiplier": "multiplier = { cv = 0.4 }\n",
    "years": 'dispersion = "years"\n',
    "of each": (
        'resample = { patent = "organisations" }\nmultiplier = { cv = 0.4, kinds = ["deal"] }\n'
        'dispersion = { publication = "years" }\n'
    ),
}


@cache
def owned(unrecorded: bool = False) -> pd.DataFrame:
    """Records at one point of each town and outside towns, most with one or two organisations."""
    rng = np.random.default_rng(4)
    places = {**TOWNS, "country": (40.0, 3.0)}
    rows: list[tuple] = []
    for kind in ("patent", "publication", "deal"):
        for record in range(700):
            town = str(rng.choice([*places], p=[0.4, 0.3, 0.2, 0.1]))
            number = rng.integers(30)
            name = f"org {number:02d}" if rng.random() < 0.5 else f"Large of {town}"
            other = f"org {rng.integers(30):02d}"
            owners = [name] if rng.random() < 0.7 else [name, other, other][: rng.integers(2, 4)]
            if rng.random() < 0.1:
                owners = [""]
            for owner in owners:
                away = str(rng.choice([*TOWNS])) if rng.random() < 0.1 else town
                year = 2015 + int(rng.integers(5))
                rows.append((kind, f"r{record:03d}", *places[away], year, away, owner, 1.0))
    for town, weight in (("Graz", 30.5), ("country", 12.25), ("Munich", 7.0)):
        if unrecorded:
            rows.append(("patent", "", *places[town], 2017, town, "org 03", weight))
            rows.append(("patent", "", *places[town], 2017, town, "", 2.0))
    columns = ["kind", "record", "lat", "lon", "year", "town", "organisation", "weight"]
    table = pd.DataFrame(rows, columns=columns)
    outside = table["town"] == "country"
    table.loc[outside, "lat"] += table.index[outside] % 12
    return table


def drawn(folder, options, table=None, draws=DRAWS, out=None, extra=""):
    text = f"{extra}[uncertainty]\ndraws = {draws}\nseed = 3\n{options}"
    table = owned() if table is None else table
    path = study_folder(folder, table, text)
    if (table["record"] == "").any():
        written = path.read_text("utf-8")
        path.write_text(written.replace('"patent"\n', '"patent"\nmeasure = "records"\n'), "utf-8")
    return gclust.uncertainty(path, out)


@pytest.mark.parametrize("cv", [0.05, 0.5, 1.0, 1.8])
def test_volumes_are_gamma_numbers_of_mean_one(cv):
    found = draw_volumes(np.full(100_000, cv), 3, ORGANISATION, 7, 2)
    assert stats.kstest(found, stats.gamma(1 / cv**2, scale=cv**2).cdf).pvalue > 1e-3
    other = draw_volumes(np.full(100_000, cv), 3, ALONE, 7, 1)
    assert abs(np.corrcoef(found, other)[0, 1]) < 0.02
    assert draw_volumes(np.zeros(4), 3, ALONE, 7, 1).tolist() == [1.0] * 4


def owners_of(table):
    """The organisation of each record: that of most rows, of equal ones the first by name."""
    known = table[(table["organisation"] != "") & (table["record"] != "")]
    counted = known.groupby(["kind", "record", "organisation"])["weight"].sum().reset_index()
    order = counted.sort_values(["weight", "organisation"], ascending=[False, True])
    return order.drop_duplicates(["kind", "record"]).set_index(["kind", "record"])["organisation"]


@pytest.mark.parametrize("unlocated", ["drop", "keep"])
def test_draws_of_organisations_are_those_computed_by_hand(tmp_path, unlocated):
    """All records that have an organisation, and weight that has one, occur as often as it."""
    table = owned(unrecorded=True)
    table = table[table["organisation"] != ""].copy()
    lost = table.index[(table["record"] == "") & (table["town"] == "Munich")][0]
    table.loc[lost, ["lat", "town"]] = np.nan, "country"
    table.loc[table["record"].eq("r005") & table["kind"].eq("patent"), "lat"] = np.nan
    extra = f'[counting]\nunlocated = "{unlocated}"\n[score]\nof = ["patent_share"]\n'
    found = drawn(tmp_path, MODES["organisations"], table, extra=extra)
    if unlocated == "drop":
        table = table[table["lat"].notna()]
    names = sorted(set(table["organisation"]))
    patents = table[table["kind"] == "patent"]
    owner = owners_of(table)["patent"]
    recorded = patents["record"] != ""
    item = patents["organisation"].where(~recorded, patents["record"].map(owner))
    number = item.map({name: at for at, name in enumerate(names)}).to_numpy()
    rows = patents.groupby("record")["weight"].transform("sum")
    part = np.where(recorded, patents["weight"] / rows, patents["weight"])
    for draw in range(DRAWS):
        copies = draw_multipliers(np.zeros(len(names)), 3, draw, 1)[number]
        for at, town in enumerate(found.table["name"]):
            mine = (patents["town"] == town).to_numpy() & patents["lat"].notna().to_numpy()
            share = 100 * (part * copies)[mine].sum() / (part * copies).sum()
            assert found.scores[draw, at] == pytest.approx(share, rel=1e-8)


@pytest.mark.parametrize("unlocated", ["drop", "keep"])
def test_fixed_reclustered_and_listed_draws_of_organisations_agree(tmp_path, unlocated):
    """Clusters are the same in every draw, so that the draws are, if nothing varies by record."""
    table = owned(unrecorded=True)
    table = table[table["organisation"] != ""].copy()
    lost = table.index[(table["record"] == "") & (table["town"] == "Munich")][0]
    table.loc[lost, ["lat", "town"]] = np.nan, "country"
    extra = f'[counting]\nunlocated = "{unlocated}"\n'
    listed = (
        '[score]\nof = ["patent_share", "deal_hhi"]\nweights = { deal_hhi = 0 }\n'
        '[[indicators]]\nname = "hhi"\nkind = "deal"\n'
    )
    found = [
        drawn(tmp_path / str(number), f"{MODES['organisations']}{way}", table, extra=each)
        for number, (way, each) in enumerate(
            [("", extra), (WAYS["reclustered"], extra), ("", f"{extra}{listed}")]
        )
    ]
    fixed, again, by_listings = (each.table.set_index("name").sort_index() for each in found)
    assert (again["found"] == 1).all()
    for column in ("patent_share_low", "patent_share_high", "deal_share_high"):
        np.testing.assert_allclose(fixed[column], again[column], rtol=1e-12)
        np.testing.assert_allclose(fixed[column], by_listings[column], rtol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_volumes_of_organisations_vary_by_the_given_cv(tmp_path, way):
    """One town of one organisation, one of records without any; the variance of each count."""
    places = [*TOWNS.values()]
    rows = [
        ("patent", f"r{number}", *places[number % 2], 2016, "", "Only" if number % 2 else "", 1.0)
        for number in range(1200)
    ]
    columns = ["kind", "record", "lat", "lon", "year", "town", "organisation", "weight"]
    table = pd.DataFrame(rows, columns=columns)
    extra = "[counting]\ntotals = { patent = 1e6 }\n"
    found = drawn(tmp_path, f"{MODES['multiplier']}{WAYS[way]}", table, 150, extra=extra)
    by_name = dict(zip(found.table["name"], (found.scores * 1e4).T, strict=True))
    alone, only = by_name["Munich"], by_name["Augsburg"]
    assert only.mean() == pytest.approx(600, rel=0.1)
    assert only.std() == pytest.approx(np.sqrt(600 + (0.4 * 600) ** 2), rel=0.25)
    assert alone.mean() == pytest.approx(600, rel=0.01)
    assert alone.std() == pytest.approx(np.sqrt(600 * (1 + 0.4**2)), rel=0.25)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["fractional", "whole"])
def test_counts_of_clusters_have_a_quadratic_variance(tmp_path, way, method):
    """Years that vary by 30 per cent: the count of five of them by 13, and records at random."""
    rng = np.random.default_rng(2)
    rows, number = [], 0
    for town, (lat, lon) in TOWNS.items():
        for year in range(2015, 2020):
            for _ in range(rng.poisson(400 * rng.gamma(1 / 0.09, 0.09))):
                number += 1
                rows.append(("patent", number, lat, lon, year, town))
    table = pd.DataFrame(rows, columns=["kind", "record", "lat", "lon", "year", "town"])
    extra = f'[counting]\nmethod = "{method}"\ntotals = {{ patent = 1e7 }}\n'
    found = drawn(tmp_path, f"{MODES['years']}{WAYS[way]}", table, 150, extra=extra)
    said = " ".join(found.warnings)
    assert "year-to-year noise only; blind to anything that lasts longer than a year" in said
    k = float(said.split("(k = ")[1].split(":")[0])
    assert 0.004 < k < 0.05
    for at, town in enumerate(found.table["name"]):
        n, counts = (table["town"] == town).sum(), found.scores[:, at] * 1e5
        assert counts.mean() == pytest.approx(n, rel=0.05)
        assert counts.std() == pytest.approx(np.sqrt(n * (1 + k * n)), rel=0.25)


@pytest.mark.parametrize(("contrast", "periods"), [(FIRST_DIFFERENCE, 5), (SECOND_DIFFERENCE, 3)])
def test_the_excess_is_that_of_the_world(contrast, periods):
    """Clusters of 20 to 5,000 records; the volume of the window varies by 10 per cent."""
    rng, found = np.random.default_rng(5), {0.0: [], 0.01: []}
    for k, estimates in found.items():
        for _ in range(60):
            mean = np.exp(rng.uniform(3, 8.5, 60))[:, None] / periods * np.ones(periods)
            shape = 1 / (k * periods) if k else 1.0
            varied = mean * rng.gamma(shape, 1 / shape, mean.shape) if k else mean
            counts = rng.poisson(varied).astype(float)
            totals = counts.sum(axis=0) + 5000
            excess = excess_variance(counts, totals, contrast, 1.0)
            estimates.append(excess.k)
    assert np.mean(found[0.0]) < 0.0002
    assert np.mean(found[0.01]) == pytest.approx(0.01, rel=0.1)


def test_an_excess_needs_periods_and_records():
    counts, totals = np.array([[5.0, 7.0], [1.0, 0.0]]), np.array([9.0, 9.0])
    assert excess_variance(counts, totals, SECOND_DIFFERENCE) is None
    assert excess_variance(counts[1:], totals, FIRST_DIFFERENCE) is None
    assert excess_variance(counts, totals, FIRST_DIFFERENCE).n_clusters == 1
    wild = np.array([[9000.0, 0.0], [0.0, 9000.0]])
    assert excess_variance(wild, np.array([9e3, 9e3]), FIRST_DIFFERENCE).k > 100


def windows_table(years):
    """Records of some years, whose volume in a town varies by window."""
    rng = np.random.default_rng(8)
    rows, number = [], 0
    for town, (lat, lon) in TOWNS.items():
        for window in range(3):
            for place in range(200 + 150 * int(rng.integers(3))):
                number += 1
                year = 2005 + 5 * window + place % 5
                # Places of the first windows lie beside those of the last.
                rows.append(("patent", number, lat + 0.01 * (2 - window), lon, year, town))
    table = pd.DataFrame(rows, columns=["kind", "record", "lat", "lon", "year", "town"])
    return table[table["year"].between(*years)]


def test_windows_are_those_before_the_study(tmp_path):
    options = 'dispersion = "windows"\n'
    table = windows_table((2005, 2019))
    found = drawn(tmp_path / "a", options, table, 40)
    counts = table.assign(window=(table["year"] - 2005) // 5)
    counts = counts.groupby(["town", "window"]).size().unstack().to_numpy(float)
    totals = counts.sum(axis=0)
    excess = excess_variance(counts, totals, SECOND_DIFFERENCE, totals[-1] / totals.sum())
    assert excess.k > 0.01
    assert f"(k = {excess.k:.3g}:" in found.warnings[0]
    assert "window" in found.assumption
    with pytest.raises(StudyError, match=r"and that of 2005 to 2009 .*dispersion = 'years'"):
        drawn(tmp_path / "b", options, windows_table((2010, 2019)))
    path = study_folder(tmp_path / "c", table, f"[uncertainty]\ndraws = 20\n{options}")
    path.write_text(path.read_text("utf-8").replace("years = [2015, 2019]\n", ""), "utf-8")
    with pytest.raises(StudyError, match="needs the years of a window"):
        gclust.uncertainty(path)


@pytest.mark.parametrize("way", WAYS)
def test_same_bytes_for_threads_and_row_order(tmp_path, way):
    text = f"[uncertainty]\ndraws = {DRAWS}\n{MODES['of each']}{WAYS[way]}"
    _, found = uncertainty_bytes(tmp_path, owned(), text, FILES)
    assert found[0] == found[1]


def test_a_large_organisation_gets_a_warning_with_its_share(tmp_path):
    out = tmp_path / "out"
    found = drawn(tmp_path, MODES["of each"], out=out)
    table = owned()
    owner, patents = owners_of(table)["patent"], table[table["kind"] == "patent"]
    parts = 1 / patents.groupby("record")["weight"].transform("size")
    own = patents["record"].map(owner)
    for row in found.table.to_dict("records"):
        mine = patents["town"] == row["name"]
        by_owner = parts[mine].groupby(own[mine]).sum()
        assert row["patent_largest_organisation"] == by_owner.idxmax()
        share = 100 * by_owner.max() / parts[mine].sum()
        assert row["patent_largest_organisation_share"] == pytest.approx(share)
    said = next(each for each in found.warnings if "'patent': one organisation" in each)
    assert "over 20 % of 3 of 3 clusters" in said
    assert "Large of Munich" in said
    assert "3 to 11 times too wide" in said
    assert not any("'deal': one organisation" in each for each in found.warnings)
    content = json.loads((out / "uncertainty.json").read_text("utf-8"))
    for words in ("organisations are independent", "vary independently by the given cv"):
        assert words in found.assumption
        assert words in content["assumption"]
    for words in ("more or less productive", "other organisations had been", "lasts longer"):
        assert words in found.superpopulation
    assert_same_result(gclust.read_uncertainty(out), found)


def test_what_sets_rest_on_is_said(tmp_path):
    path = study_folder(tmp_path, owned(), "[uncertainty]\ndraws = 20\n")
    done = CliRunner().invoke(main, ["uncertainty", str(path), "-o", str(tmp_path / "out")])
    assert "a probability of 90 %, if records are independent; drawn" in " ".join(
        done.output.split()
    )
    found = gclust.read_uncertainty(tmp_path / "out")
    assert found.note.endswith("sets and intervals hold if records are independent")
    weights = drawn(tmp_path / "w", 'sources = ["weights"]\n')
    assert weights.assumption == ""
    assert weights.note == weights.draws_in_words


def test_shards_have_the_same_result(tmp_path):
    path = study_folder(tmp_path, owned(), f"[uncertainty]\ndraws = 20\n{MODES['of each']}")
    whole = gclust.uncertainty(path)
    for number in (1, 2):
        gclust.uncertainty(path, tmp_path / str(number), shard=(number, 2))
    assert_same_result(gclust.gather([tmp_path / "1", tmp_path / "2"]), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("multiplier = { cv = 3 }", "cv = 3; expected more than 0 and at most 1"),
        ("multiplier = { cv = 0.2, kinds = ['pat'] }", "'pat' is not known; did you mean 'patent'"),
        ("multiplier = 0.3", "expected a table of cv, kinds"),
        ("dispersion = 'year'", "expected 'years' or 'windows'; did you mean 'years'"),
        ("dispersion = { deals = 'years' }", "'deals' is not known; did you mean 'deal'"),
        (
            "resample = 'organisations'\nmultiplier = { cv = 0.3 }",
            "are both given for 'deal', and each varies the volumes",
        ),
        (
            "resample = { deal = 'organisations' }\ndispersion = 'years'",
            "dispersion are both given for 'deal'",
        ),
        ("multiplier = { cv = 0.3 }\ndispersion = 'years'", "multiplier and dispersion are both"),
        (
            "sources = ['weights']\nmultiplier = { cv = 0.3 }",
            "multiplier applies only when records are drawn",
        ),
        ("sources = ['weights']\ndispersion = 'years'", "dispersion applies only when"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, options, message):
    with pytest.raises(StudyError, match=message):
        drawn(tmp_path, f"{options}\n")


@pytest.mark.parametrize("mode", ["organisations", "multiplier", "years"])
def test_columns_that_are_missing_are_named(tmp_path, mode):
    column = "year" if mode == "years" else "organisation"
    path = study_folder(
        tmp_path, owned().drop(columns=column), f"[uncertainty]\ndraws = 20\n{MODES[mode]}"
    )
    text = path.read_text("utf-8").replace("years = [2015, 2019]\n", "")
    path.write_text(text, "utf-8")
    with pytest.raises(StudyError, match=f"needs the column '{column}', which deal.csv"):
        gclust.uncertainty(path)


def test_one_year_has_no_differences(tmp_path):
    with pytest.raises(StudyError, match=r"has 1 of its years with listings.*remove dispersion"):
        drawn(tmp_path, MODES["years"], owned().assign(year=2016))


def test_amounts_have_neither_multiplier_nor_dispersion(tmp_path):
    sources = [
        {"kind": "patent", "path": "a.csv"},
        {"kind": "rd", "path": "b.csv", "measure": "amount"},
    ]
    for given in ({"multiplier": {"cv": 0.2, "kinds": ["rd"]}}, {"dispersion": {"rd": "years"}}):
        with pytest.raises(StudyError, match="is for records, and 'rd' is a kind of amounts"):
            gclust.Study(sources=sources, uncertainty=given)
    study = gclust.Study(sources=sources, uncertainty={"resample": "organisations"})
    assert study.variation.resample == ("patent",)
    assert study.drawn_amounts == {"rd": 0.0}


@pytest.mark.parametrize(
    ("world", "option", "least", "most"),
    [
        ("independent cluster-years, cv 0.2", 'resample = "records"', 20, 60),
        ("independent cluster-years, cv 0.2", 'dispersion = "years"', 80, 97),
        ("an organisation of 50 %", "multiplier = { cv = 0.3 }", 80, 97),
        ("lasting shocks of clusters", 'dispersion = "years"', 20, 50),
    ],
)
def test_intervals_cover_what_the_guide_says(world, option, least, most):
    """The table of the guide from fewer draws: see benchmarks/coverage.py."""
    name = next(each for each in WORLDS if each.startswith(world))
    row, _ = measure(name, option, 12, 150)
    assert least < np.mean(row.thirds) < most


SOURCES = (
    "sources = ['records', 'parameters', 'weights', 'addresses']\nfactor = 1.3\n"
    "spread_km = { city = 4 }\nmultiplier = { cv = 0.2 }\n"
)


def test_the_largest_source_is_named_with_its_range(tmp_path):
    """Each source alone gives the draws that a study of that source gives."""
    table = owned().assign(precision=lambda rows: np.where(rows.index % 3, "street", "city"))
    out = tmp_path / "out"
    found = drawn(tmp_path / "a", SOURCES, table, 20, out=out)
    sources = found.sources
    assert_same_result(gclust.read_uncertainty(out), found)
    n = len(found.table)
    assert len(sources) == 4 * n
    assert sources.groupby("cluster_id")["largest"].sum().eq(1).all()
    for row in found.table.to_dict("records"):
        mine = sources[sources["cluster_id"] == row["cluster_id"]]
        ranks, scores = mine["rank_high"] - mine["rank_low"], mine["score_high"] - mine["score_low"]
        widest = mine[(ranks == ranks.max())].index
        expected = mine.loc[scores[widest].idxmax(), "source"]
        assert row["largest_source"] == expected
    ranges = dict(zip(sources["source"], sources["range"], strict=True))
    assert "volumes of organisations of cv 0.2" in ranges["records"]
    assert ranges["parameters"].startswith("parameters (eps_km 7.692 to 13, min_samples 76.92 to")
    assert "discs of 4 km" in ranges["addresses"]
    alone = {
        "records": "multiplier = { cv = 0.2 }\n",
        "parameters": "sources = ['parameters']\nfactor = 1.3\n",
        "weights": "sources = ['weights']\n",
        "addresses": "sources = ['addresses']\nspread_km = { city = 4 }\n",
    }
    for source, options in alone.items():
        one = drawn(tmp_path / source, options, table, 20).table
        mine = sources[sources["source"] == source]
        np.testing.assert_array_equal(mine["score_low"], one["score_low"])
        np.testing.assert_array_equal(mine["score_high"], one["score_high"])
        assert one.get("largest_source") is None
    said = " ".join(summary_lines(found, top=3, width=500))
    assert "each drawn alone within its range: - records (Poisson bootstrap; volumes" in said
    assert f"of {n}" in said
    path = study_folder(tmp_path / "b", table, f"[uncertainty]\ndraws = 20\nseed = 3\n{SOURCES}")
    for number in (1, 2):
        gclust.uncertainty(path, tmp_path / str(number), shard=(number, 2))
    gathered = gclust.gather([tmp_path / "1", tmp_path / "2"])
    pd.testing.assert_frame_equal(gathered.sources, sources)


def test_a_cluster_that_is_not_found_is_below_all():
    ranked = pd.DataFrame({"rank": [1, 2], "cluster_id": [0, 1], "name": ["a", "b"]})
    study = gclust.Study(sources=[{"kind": "patent", "path": "a.csv"}])
    shares = np.zeros((30, 2, 1))
    ranks = np.tile([1.0, 2.0], (30, 1))
    lost = np.where(np.arange(30)[:, None] % 2 == [[0, 2]], np.nan, ranks)
    alone = {"records": Replicates(shares, ranks, ranks), "weights": Replicates(shares, lost, lost)}
    table = source_table(study, alone, ranked, [], None)
    a = table[(table["cluster_id"] == 0) & (table["source"] == "weights")].iloc[0]
    assert (a["rank_low"], a["rank_high"], a["found"], a["largest"]) == (1, 3, 0.5, True)
    b = table[(table["cluster_id"] == 1) & table["largest"]]
    assert b["source"].tolist() == ["records"]  # equal: the first
    assert source_table(study, {}, ranked, [], None) is None


def test_windows_have_no_frozen_boundaries(tmp_path):
    extra = (
        "[clusters]\neps_km = 10\nmin_samples = 100\nformed_on = { years = [2015, 2016] }\n"
        "[uncertainty]\ndraws = 20\ndispersion = 'windows'\n"
    )
    path = study_folder(tmp_path, windows_table((2005, 2019)), extra)
    with pytest.raises(StudyError, match=r"dispersion = 'windows' finds .* dispersion = 'years'"):
        gclust.uncertainty(path)
