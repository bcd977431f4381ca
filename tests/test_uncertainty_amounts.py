"""Amounts in draws: held, varied or resampled by organisation, whatever their unit."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gclust
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.uncertainty.amounts import Amounts
from gclust.kernels.resampling.amounts import draw_multipliers
from gclust.units import UNIT
from tests.same_results import assert_same_result
from tests.worlds import TOWNS, listings, study_folder

UNIVERSITIES = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta")
N_ALONE = 5
"""Rows without an organisation."""


@cache
def amounts() -> pd.DataFrame:
    """Patents with records, and research money of universities in the towns and outside them."""
    rng = np.random.default_rng(8)
    patents = listings()
    patents = patents[patents["kind"] == "patent"]
    rows = []
    for number, university in enumerate(UNIVERSITIES * 3 + ("",) * 3):
        town = list(TOWNS)[number % 3]
        lat, lon = TOWNS[town]
        money = float(rng.integers(1, 2_000)) + 0.25
        rows.append((lat, lon + 0.001 * (number // 6 % 2), money, university))
    rows += [(44.0, 3.0, 700.0, "Alpha"), (44.5, 8.0, 90.0, "Farther")]
    rows += [(*TOWNS["Munich"], 60.25, "")] * 2  # two that are alike
    table = pd.DataFrame(rows, columns=["lat", "lon", "weight", "organisation"])
    table = table.assign(kind="rd", year=2016, town="", record="", organisation=table.organisation)
    patents = patents.assign(weight=1.0, organisation="")
    return pd.concat([patents, table], ignore_index=True).reset_index(drop=True)


def study_of(folder, extra="", factor=1.0, measure='measure = "amount"\n', table=None):
    """The path of a study of these amounts, whose weights are times a factor."""
    table = amounts() if table is None else table
    money = table["kind"] == "rd"
    table = table.assign(weight=np.where(money, table["weight"] * factor, table["weight"]))
    if "[density]" not in extra:
        extra = f'[density]\nkinds = ["patent"]\n{extra}'
    path = study_folder(folder, table, extra)
    text = path.read_text("utf-8")
    path.write_text(text.replace('kind = "rd"\n', f'kind = "rd"\n{measure}'), "utf-8")
    return path


MODES = {
    "held": "",
    "cv": "cv = 0.3\n",
    "organisations": 'resample = "organisations"\n',
    "by kind": "cv = { rd = 0.3 }\n",
}
WAYS = {
    "fixed": "",
    "reclustered": 'clusters = "reclustered"\n',
    "listings": "",
    "addresses": 'sources = ["records", "addresses"]\nspread_km = { city = 3 }\n',
}
OF_LISTINGS = (
    "[score]\nof = ['rd_share', 'patent_share', 'rd_hhi']\n"
    "[[indicators]]\nname = 'hhi'\nkind = 'rd'\n"
)


def drawn(folder, mode, way, factor=1.0, draws=12, table=None):
    extra = f"[uncertainty]\ndraws = {draws}\n{MODES[mode]}{WAYS[way]}"
    extra += OF_LISTINGS if way == "listings" else ""
    table = amounts() if table is None else table
    if way == "addresses":
        table = table.assign(precision=np.where(table.index % 3 == 0, "city", "street"))
    return gclust.uncertainty(study_of(folder, extra, factor, table=table))


@pytest.mark.parametrize("cv", [1.0, 0.5, 0.1, 1e-3, 1e-9])
def test_multipliers_are_gamma_numbers_of_mean_one(cv):
    found = draw_multipliers(np.full(100_000, cv), 3, 7, 2)
    law = stats.gamma(1 / cv**2, scale=cv**2)
    if cv > 1e-6:
        assert stats.kstest(found, law.cdf).pvalue > 1e-3
    standard = (found - 1) / cv
    assert standard.mean() == pytest.approx(0, abs=4 / np.sqrt(len(found)))
    assert standard.std() == pytest.approx(1, abs=0.02)


def test_a_multiplier_depends_on_seed_draw_and_item_alone():
    cv = np.tile([0.2, 0.0], 20_000)
    found = draw_multipliers(cv, 9, 4, 1)
    assert draw_multipliers(cv, 9, 4, 2).tolist() == found.tolist()
    assert draw_multipliers(cv[:500], 9, 4, 2).tolist() == found[:500].tolist()
    copies = np.bincount(found[1::2].astype(int), minlength=6)[:6] / 20_000
    np.testing.assert_allclose(copies, stats.poisson.pmf(np.arange(6), 1), atol=0.015)
    for seed, draw in ((10, 4), (9, 5)):
        other = draw_multipliers(cv, seed, draw, 1)
        assert abs(np.corrcoef(found[::2], other[::2])[0, 1]) < 0.03
        assert (other != found)[::2].all()


def test_what_is_held_is_the_same_in_every_draw(tmp_path):
    only = '[score]\nof = ["rd_share"]\n'
    path = study_of(
        tmp_path, f'{only}[uncertainty]\nsources = ["records", "weights"]\ndraws = 20\n'
    )
    found = gclust.uncertainty(path)
    assert (found.scores == found.table["score"].to_numpy()).all()
    run = gclust.run(path).ranking
    assert found.table["rd_share"].tolist() == run["rd_share"].tolist()


def test_held_columns_say_so(tmp_path):
    found = drawn(tmp_path, "held", "fixed", draws=40)
    table = found.table
    assert table["rd_share_low"].isna().all()
    assert table["rd_share_high"].isna().all()
    assert set(table["rd_share_interval"]) == {"not resampled"}
    assert set(table["score_interval_leaves_out"]) == {"rd"}
    assert "patent_share_interval" not in table
    width = (table["score_high"] - table["score_low"]).to_numpy()
    of_patents = (table["patent_share_high"] - table["patent_share_low"]).to_numpy()
    np.testing.assert_allclose(width, of_patents, rtol=1e-9)
    assert found.not_resampled == found.score_leaves_out == ("rd",)
    assert "rank sets leave out what varies in rd" in found.superpopulation
    assert not any("'rd' has listings without a record" in each for each in found.warnings)


def test_a_held_kind_that_does_not_score_is_not_left_out(tmp_path):
    extra = "[score]\nweights = { rd = 0 }\n[uncertainty]\ndraws = 10\n"
    found = gclust.uncertainty(study_of(tmp_path, extra))
    assert found.not_resampled == ("rd",)
    assert found.score_leaves_out == ()
    assert set(found.table["score_interval_leaves_out"]) == {""}


def test_shares_of_held_amounts_vary_with_the_clusters_alone(tmp_path):
    found = drawn(tmp_path, "held", "reclustered")
    assert set(found.table["rd_share_interval"]) == {"not resampled"}
    assert found.table["rd_share_low"].notna().any()


def test_what_is_not_resampled_is_said_of_records_too(tmp_path):
    extra = '[uncertainty]\nsources = ["weights"]\ndraws = 10\n'
    found = gclust.uncertainty(study_folder(tmp_path, extra=extra))
    assert found.not_resampled == ("patent", "publication")
    assert found.table["patent_share_low"].isna().all()
    assert set(found.table["score_interval_leaves_out"]) == {"patent, publication"}


def test_files_and_terminal_say_what_is_not_resampled(tmp_path):
    path = study_of(tmp_path, "[uncertainty]\ndraws = 30\n")
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["uncertainty", str(path), "-o", str(out)])
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    assert "Not resampled: rd. Intervals of the score" in shown
    assert "amounts of rd not resampled, clusters fixed" in shown
    content = json.loads((out / "uncertainty.json").read_text("utf-8"))
    assert content["amounts"] == {"rd": "not resampled"}
    assert content["not_resampled"] == content["score_interval_leaves_out"] == ["rd"]
    table = pd.read_csv(out / "uncertainty.csv", keep_default_na=False)
    assert set(table["rd_share_low"]) == set(table["rd_share_high"]) == {""}
    assert set(table["rd_share_interval"]) == {"not resampled"}
    written = gclust.uncertainty(path, tmp_path / "again")
    assert_same_result(gclust.read_uncertainty(tmp_path / "again"), written)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["held", "cv", "organisations"])
def test_a_thousand_times_the_amounts_give_the_same_results(tmp_path, mode, way):
    one, thousand = (
        drawn(tmp_path / name, mode, way, factor) for name, factor in (("1", 1), ("1000", 1000))
    )
    np.testing.assert_allclose(one.scores, thousand.scores, rtol=1e-7)
    ours, theirs = one.table, thousand.table
    texts = [name for name in ours if ours[name].map(type).eq(str).any()]
    pd.testing.assert_frame_equal(ours[texts], theirs[texts])
    numbers = ours.columns.difference(texts)
    np.testing.assert_allclose(
        ours[numbers].to_numpy(float), theirs[numbers].to_numpy(float), rtol=1e-7
    )
    assert one.warnings == thousand.warnings


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=8),
    st.sampled_from([1e-3, 0.04, 0.5, 1.0, 0.0]),
    st.floats(1.0, 1e5),
    st.integers(0, 2**60),
)
def test_shares_of_amounts_do_not_depend_on_their_unit(money, cv, factor, seed):
    units = np.array(money) * UNIT
    items = np.arange(len(money)) // 2
    varied = Amounts(np.full(items[-1] + 1, cv), None, seed)
    one = varied.draw(5, 1, items, units)
    other = varied.draw(5, 1, items, np.rint(units * factor).astype(np.int64))
    if one.sum():
        np.testing.assert_allclose(one / one.sum(), other / other.sum(), rtol=1e-6, atol=1e-12)
    else:
        assert not other.any()


@pytest.mark.parametrize("mode", ["cv", "organisations", "by kind"])
@pytest.mark.parametrize("unlocated", ["drop", "keep"])
def test_draws_are_those_computed_by_hand(tmp_path, mode, unlocated):
    """Universities in the order of their names, then rows without one by place and money."""
    table = amounts().copy()
    lost = table.index[table["organisation"].eq("Beta")][0]
    table.loc[lost, "lat"] = np.nan
    extra = (
        f'[counting]\nunlocated = "{unlocated}"\ntotals = {{ rd = 100000 }}\n'
        f'[score]\nof = ["rd_share"]\n[uncertainty]\ndraws = 9\nseed = 4\n{MODES[mode]}'
    )
    found = gclust.uncertainty(study_of(tmp_path, extra, table=table))
    money = table[table["kind"] == "rd"]
    if unlocated == "drop":
        money = money[money["lat"].notna()]
    names = sorted(set(money["organisation"]) - {""})
    alone = money[money["organisation"] == ""].sort_values(["lat", "lon", "weight"])
    item = money["organisation"].map({name: at for at, name in enumerate(names)})
    item[alone.index] = len(names) + np.arange(len(alone))
    cv = np.full(len(names) + len(alone), 0.0 if mode == "organisations" else 0.3)
    beyond = 100_000 - money["weight"].sum()
    assert len(alone) == N_ALONE
    for number in range(9):
        drawn_money = money["weight"] * draw_multipliers(cv, 4, number, 1)[item.astype(int)]
        total = drawn_money.sum() + beyond
        for at, town in enumerate(found.table["name"]):
            lat, lon = TOWNS[town]
            near = (money["lat"] - lat).abs().lt(0.01) & (money["lon"] - lon).abs().lt(0.01)
            share = 100 * drawn_money[near].sum() / total
            assert found.scores[number, at] == pytest.approx(share, rel=1e-9)
    said = " ".join(found.warnings)
    assert f"{len(names)} organisations and {N_ALONE} listings without an organisation" in said


@pytest.mark.parametrize("mode", ["cv", "organisations"])
def test_fixed_and_reclustered_draws_have_the_same_multipliers(tmp_path, mode):
    """Patents at one point of each town, so that every draw has the same clusters."""
    table = amounts().copy()
    for town, (lat, lon) in TOWNS.items():
        table.loc[(table["kind"] == "patent") & (table["town"] == town), ["lat", "lon"]] = lat, lon
    fixed, again, by_listings = (
        drawn(tmp_path / way, mode, way, table=table).table.set_index("name").sort_index()
        for way in ("fixed", "reclustered", "listings")
    )
    assert (again["found"] == 1).all()
    for column in ("rd_share_low", "rd_share_high"):
        np.testing.assert_allclose(fixed[column], again[column], rtol=1e-12)
        np.testing.assert_allclose(fixed[column], by_listings[column], rtol=1e-12)
    assert (fixed["rd_share_high"] > fixed["rd_share_low"]).all()


def test_records_are_drawn_alike_however_amounts_are(tmp_path):
    held, varied = (
        drawn(tmp_path / mode, mode, "reclustered", draws=20).table for mode in ("held", "cv")
    )
    assert held["patent_share_low"].tolist() == varied["patent_share_low"].tolist()


@pytest.mark.parametrize("way", WAYS)
def test_same_bytes_for_threads_and_row_order(tmp_path, way):
    table = amounts().copy()
    table["precision"] = np.where(table["organisation"] == "", "city", "street")
    extra = f"[density]\nkinds = ['patent']\n[uncertainty]\ndraws = 12\ncv = 0.2\n{WAYS[way]}"
    extra += OF_LISTINGS if way == "listings" else ""
    names = ("uncertainty.csv", "pairs.csv", "uncertainty.json", "scores.parquet")
    found = []
    for name, rows, threads in (
        ("a", table, 1),
        ("b", table.sample(frac=1, random_state=3), 2),
    ):
        out = tmp_path / name / "out"
        path = study_of(tmp_path / name, extra, table=rows)
        gclust.uncertainty(path, out, n_jobs=threads)
        found.append([(out / each).read_bytes() for each in names])
    assert found[0] == found[1]


def test_concentration_is_that_of_the_listings_of_a_draw(tmp_path):
    """The Herfindahl index of each town by the multipliers of its universities."""
    extra = (
        "[score]\nof = ['rd_hhi']\n[[indicators]]\nname = 'hhi'\nkind = 'rd'\n"
        "[uncertainty]\ndraws = 9\nseed = 6\ncv = 0.5\n"
    )
    table = amounts()
    table = table[(table["kind"] == "patent") | (table["organisation"] != "")]
    found = gclust.uncertainty(study_of(tmp_path, extra, table=table))
    money = table[table["kind"] == "rd"]
    names = sorted(set(money["organisation"]))
    for number in range(9):
        factor = dict(
            zip(names, draw_multipliers(np.full(len(names), 0.5), 6, number, 1), strict=True)
        )
        for at, town in enumerate(found.table["name"]):
            lat, lon = TOWNS[town]
            near = (money["lat"] - lat).abs().lt(0.01) & (money["lon"] - lon).abs().lt(0.01)
            mine = money[near]
            of = (mine["weight"] * mine["organisation"].map(factor)).groupby(mine["organisation"])
            share = of.sum() / of.sum().sum()
            assert found.scores[number, at] == pytest.approx((share**2).sum(), rel=1e-6)


LEAST = "[uncertainty]\ndraws = 10\n"


@pytest.mark.parametrize(
    ("extra", "measure", "message"),
    [
        (
            LEAST,
            "",
            r"number 2 \(kind 'rd'\): 25 rows .* measure = \"records\" .* or measure = \"amount\"",
        ),
        (LEAST, 'measure = "amounts"\n', "'records' or 'amount'; did you mean 'amount'"),
        (LEAST + "cv = 0\n", None, "cv = 0; expected more than 0 and at most 1"),
        (LEAST + "cv = -0.1\n", None, "cv = -0.1; expected more than 0"),
        (LEAST + "cv = 10\n", None, "cv = 10; .* 0.1 is a standard deviation of 10 per cent"),
        (LEAST + "cv = { rd = 3.9 }\n", None, "cv: rd = 3.9; expected more than 0"),
        (LEAST + "cv = { re = 0.1 }\n", None, "cv: 're' is not known; did you mean 'rd'"),
        (LEAST + "cv = { patent = 0.1 }\n", None, "cv is for amounts, and 'patent' is a kind of r"),
        (LEAST + 'cv = "wide"\n', None, "cv = 'wide'; expected a number or a table of names"),
        (LEAST + "cv = 0.1\n", 'measure = "records"\n', "and no kind is a kind of amounts"),
        (LEAST + 'resample = "organisation"\n', None, "or 'organisations'; did you mean"),
        (
            LEAST + 'resample = { rd = "records" }\n',
            None,
            "rd = 'records', but 'rd' is a kind of amounts",
        ),
        (
            LEAST + 'cv = 0.1\nresample = "organisations"\n',
            None,
            "cv and resample are both given for 'rd'",
        ),
        (
            LEAST + 'cv = 0.1\nsources = ["weights"]\n',
            None,
            r"applies only when records are drawn; expected 'records' in sources = \['weights'\]",
        ),
        (
            LEAST + '[score]\nof = ["rd_share"]\n',
            None,
            r"made of amounts alone \(rd\), which are not resampled.* expected cv or resample",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, extra, measure, message):
    measure = 'measure = "amount"\n' if measure is None else measure
    path = study_of(tmp_path, extra, measure=measure)
    with pytest.raises(StudyError, match=message):
        gclust.uncertainty(path)


def test_weights_that_are_not_drawn_need_no_measure(tmp_path):
    path = study_of(tmp_path, LEAST + 'sources = ["weights"]\n', measure="")
    assert len(gclust.uncertainty(path).table) == 3


def test_amounts_without_organisations_cannot_be_resampled_by_them(tmp_path):
    table = amounts().drop(columns="organisation")
    path = study_of(tmp_path / "a", LEAST + 'resample = "organisations"\n', table=table)
    with pytest.raises(StudyError, match=r"resample needs the column 'organisation', which rd.csv"):
        gclust.uncertainty(path)
    found = gclust.uncertainty(study_of(tmp_path / "b", LEAST + "cv = 0.1\n", table=table))
    assert any("the amounts of 25 listings without an org" in each for each in found.warnings)


def test_records_in_a_source_of_amounts_are_refused(tmp_path):
    table = amounts().copy()
    table.loc[table.index[-3:], "record"] = "r1"
    path = study_of(tmp_path, LEAST, table=table)
    with pytest.raises(StudyError, match=r"number 2: measure = 'amount', but 3 of 25 rows of rd"):
        gclust.run(path)


def test_a_kind_has_one_measure(tmp_path):
    sources = [{"kind": "rd", "path": f"{name}.csv"} for name in "ab"]
    sources[0]["measure"] = "amount"
    with pytest.raises(StudyError, match="number 2: measure is not given, but another source of"):
        gclust.Study(sources=sources)
    sources[1]["measure"] = "records"
    with pytest.raises(StudyError, match="number 2: measure = 'records', but another source of"):
        gclust.Study(sources=sources)
    sources[1]["measure"] = "amount"
    assert gclust.Study(sources=sources).amounts == ("rd",)


def test_draws_too_large_to_count_are_refused():
    varied = Amounts(np.ones(1), None, 1)
    largest = max(range(60), key=lambda number: draw_multipliers(np.ones(1), 1, number, 1)[0])
    item, units = np.zeros(1, dtype=np.int64), np.array([int(1.3e10) * UNIT])
    with pytest.raises(StudyError, match="write them in a larger unit, such as thousands"):
        varied.draw(largest, 1, item, units)


def test_tables_in_memory_keep_the_measure(tmp_path):
    path = study_of(tmp_path, LEAST + "cv = { rd = 0.25 }\n")
    table = amounts()
    money = table[table["kind"] == "rd"].drop(columns=["kind", "town"])
    study = gclust.read_study(path, listings={"rd": money})
    assert study.amounts == ("rd",)
    written = gclust.uncertainty(path, tmp_path / "out")
    assert gclust.read_study(tmp_path / "out" / "study.toml").drawn_amounts == {"rd": 0.25}
    assert written.study.drawn_amounts == {"rd": 0.25}


def test_comparisons_do_not_depend_on_measures(tmp_path):
    """Nor on draws of amounts, which a coalition of other kinds could not make."""
    a = gclust.run(study_of(tmp_path / "a", LEAST + "cv = { rd = 0.1 }\n"))
    b = gclust.run(study_of(tmp_path / "b", LEAST, measure=""))
    apart = gclust.compare(a, b).differences
    assert not any("measure" in each.setting for each in apart)
    other = study_folder(tmp_path / "c", amounts()[amounts()["kind"] == "patent"])
    assert len(gclust.compare(a, gclust.run(other)).table)


def test_only_given_amounts_vary(tmp_path):
    path = study_of(tmp_path, LEAST + "cv = 0.1\n")
    study = gclust.read_study(path)
    assert study.drawn_amounts == {"rd": 0.1}
    assert study.not_resampled == ()
    held = replace(study, uncertainty=replace(study.uncertainty, cv=None))
    assert held.drawn_amounts == {}
    assert held.not_resampled == ("rd",)
