"""Draws of rows without a record, which columns read by year, field or organisation."""

from __future__ import annotations

from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.experiments.uncertainty.amounts import number_amounts
from gclust.experiments.uncertainty.bootstrap import Bootstrap, VariedRecords
from gclust.experiments.uncertainty.listings import MOST_COPIES, ReplicateListings
from gclust.experiments.uncertainty.organisations import number_organisations
from gclust.experiments.uncertainty.summary import summary_lines
from gclust.experiments.uncertainty.variation import variation_of
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.sums import sum_by
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.units import UNIT
from tests.worlds import TOWNS, study_folder

TOWNS_AT = [(float(lat), float(lon)) for lat in range(40, 45) for lon in range(5)]
YEARS = range(2015, 2020)
GROWTH = (
    '[score]\nof = ["patent_growth"]\n[[indicators]]\nname = "growth"\nkind = "patent"\n'
    "first = [2015, 2016]\nlast = [2018, 2019]\n"
)
RECLUSTERED = 'clusters = "reclustered"\n'


def aggregated() -> pd.DataFrame:
    """Patents by postcode (three of each of 25 towns) and year, with their number and no record."""
    rows = [
        ("patent", lat + step * 0.01, lon, year, "", 40.0 + 5 * (year - 2015))
        for lat, lon in TOWNS_AT
        for step in range(3)
        for year in YEARS
    ]
    return pd.DataFrame(rows, columns=["kind", "lat", "lon", "year", "town", "weight"])


def described() -> pd.DataFrame:
    """Rows of three kinds, with and without records, and with gaps in all that columns read."""
    rng = np.random.default_rng(8)
    n = 900
    town = rng.choice([*TOWNS], n)
    lat, lon = np.array([TOWNS[each] for each in town]).T
    kind = rng.choice(["patent", "publication", "rd"], n, p=[0.6, 0.3, 0.1])
    number = rng.integers(60, size=n)
    bare = (rng.random(n) < 0.7) | (kind == "rd")
    return pd.DataFrame(
        {
            "kind": kind,
            "record": np.where(bare, "", np.char.add("r", number.astype(str))),
            "lat": np.where(rng.random(n) < 0.02, np.nan, lat + 0.01 * rng.integers(3, size=n)),
            "lon": lon,
            "year": rng.choice(YEARS, n),
            "organisation": rng.choice(["", "Alpha", "Beta", "Gamma AG", "Östra"], n),
            "field": rng.choice(["", "A", "B", "C"], n),
            "precision": rng.choice(["street", "city"], n),
            "town": town,
            "weight": np.where(bare, rng.choice([0.25, 1.0, 2.5, 1 / 3], n), 1.0),
        }
    )


OF_LISTINGS = (
    '[[indicators]]\nname = "growth"\nkind = "patent"\nfirst = [2015, 2016]\nlast = [2017, 2019]\n'
    '[[indicators]]\nname = "hhi"\nkind = "patent"\n'
    '[[indicators]]\nname = "top_field_share"\nkind = "patent"\n'
)


def written(folder, table, extra):
    """Write a study of records and amounts; return its path."""
    path = study_folder(folder, table, f"[clusters]\neps_km = 10\nmin_samples = 20\n{extra}")
    text = path.read_text("utf-8")
    for kind, measure in (("patent", "records"), ("publication", "records"), ("rd", "amount")):
        text = text.replace(
            f'kind = "{kind}"\npath', f'kind = "{kind}"\nmeasure = "{measure}"\npath'
        )
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("draws", "way", "within"), [(60, "", 0.05), (20, RECLUSTERED, 0.1)], ids=["fixed", "again"]
)
def test_growth_of_aggregated_rows_has_the_interval_of_poisson_years(tmp_path, draws, way, within):
    """All towns are alike, so that their draws together are those of one town."""
    extra = f"{GROWTH}[uncertainty]\ndraws = {draws}\nseed = 3\nlevel = 0.9\n{way}"
    found = gclust.uncertainty(written(tmp_path, aggregated(), extra))
    assert found.scores.shape == (draws, len(TOWNS_AT))
    assert not np.isnan(found.scores).any()
    rng = np.random.default_rng(1)
    first, last = rng.poisson(3 * (40 + 45), 100_000), rng.poisson(3 * (55 + 60), 100_000)
    by_hand = 100 * (last / first - 1)
    low, high = np.quantile(by_hand, [0.05, 0.95])
    drawn_low, drawn_high = np.quantile(found.scores, [0.05, 0.95])
    assert drawn_high - drawn_low == pytest.approx(high - low, rel=1.5 * within)
    assert found.scores.std() == pytest.approx(by_hand.std(), rel=within)
    assert found.scores.mean() == pytest.approx(by_hand.mean(), abs=2 * within * by_hand.std())
    widths = found.table["score_high"] - found.table["score_low"]
    assert widths.mean() == pytest.approx(high - low, rel=2 * within)


@pytest.mark.parametrize(
    "options",
    [
        "",
        'sources = ["records", "addresses"]\nspread_km = { city = 5 }\nclusters = "reclustered"\n',
        'resample = "organisations"\n',
        "multiplier = { cv = 0.4 }\ncv = { rd = 0.3 }\n",
    ],
    ids=["plain", "jittered", "by organisation", "multiplied"],
)
@pytest.mark.parametrize("method", ["fractional", "whole"])
def test_listings_of_a_draw_add_up_to_its_counts(tmp_path, method, options):
    extra = f'[counting]\nmethod = "{method}"\nunlocated = "keep"\n{OF_LISTINGS}'
    path = written(tmp_path, described(), f"{extra}[uncertainty]\ndraws = 20\n{options}")
    study, run_log = gclust.read_study(path), RunLog(silent, False)
    with DuckDBEngine() as engine:
        prepared = prepare_listings(study, engine, run_log)
        organisations = number_organisations(study, engine, prepared)
        numbered = number_amounts(study, engine, prepared, organisations)
        prepared, kinds = numbered.prepared, list(prepared.staged.kinds)
        towns = np.array([48.25, 47.5, -90.0])
        north = prepared.locations["lat"].to_numpy()
        own = (north[:, None] < towns[None, :]).sum(axis=1)
        vary = VariedRecords(variation_of(study, prepared.staged.kinds, organisations), own)
        bootstrap = Bootstrap(
            study, engine, prepared, np.arange(len(own)), amounts=numbered.amounts, varies=vary
        )
        reader = ReplicateListings(study, engine, prepared, bootstrap)
        assert len(bootstrap.groups.units) > len(bootstrap.groups.starts)
        own, several = own[bootstrap.location], 0
        places = pd.DataFrame({"lat": 0.0, "lon": 0.0, "cluster": own})
        for number in range(3):
            replicate = bootstrap.draw(number)
            counted = bootstrap.merge_and_count(own, {}, replicate).count
            rows = reader.listings(replicate, places).frame.filter(nw.col("cluster") >= 0)
            sums = engine.pandas(
                sum_by(rows, "cluster", "kind", count="fractional_count", units="units")
            ).set_index(["cluster", "kind"])
            for cluster in range(3):
                for kind in kinds:
                    listed = sums["count"].get((cluster, kind), 0)
                    # Each row of an amount is rounded.
                    most = 200 if kind == "rd" else 0
                    assert abs(listed - round(counted.loc[cluster, kind] * UNIT)) <= most
            table = engine.pandas(rows.filter(~nw.col("record").is_null()))
            several += (table["record"] % MOST_COPIES > 0).sum()
        assert several > 0  # records drawn twice are two records


@pytest.mark.parametrize(
    "indicator", ["hhi", "diversity", "top_organisation_share", "top_field_share"]
)
def test_columns_by_organisation_and_field_vary_with_rows_without_records(tmp_path, indicator):
    """The values of a town of one point are those of independent Poisson numbers."""
    column = "organisation" if indicator in ("hhi", "top_organisation_share") else "field"
    weights = [60.0, 25.0, 15.0]
    rows = [
        ("patent", lat, lon, 2016, "", name, weight)
        for lat, lon in TOWNS_AT
        for name, weight in zip("ABC", weights, strict=True)
    ]
    names = ["kind", "lat", "lon", "year", "town", column, "weight"]
    extra = (
        f'[score]\nof = ["patent_{indicator}"]\n[[indicators]]\nname = "{indicator}"\n'
        'kind = "patent"\n[uncertainty]\ndraws = 20\nseed = 2\n'
    )
    found = gclust.uncertainty(written(tmp_path, pd.DataFrame(rows, columns=names), extra))
    part = np.random.default_rng(3).poisson(weights, (20_000, 3))
    part = part / part.sum(axis=1, keepdims=True)
    by_hand = {
        "hhi": (part**2).sum(axis=1),
        "diversity": -(part * np.log(part.clip(1e-12))).sum(axis=1),
    }.get(indicator, 100 * part.max(axis=1))
    assert found.scores.shape == (20, len(TOWNS_AT))
    assert found.scores.std() == pytest.approx(by_hand.std(), rel=0.1)
    assert found.scores.mean() == pytest.approx(by_hand.mean(), rel=0.02)


@pytest.mark.parametrize(
    "options",
    [
        "",
        'sources = ["records", "addresses"]\nspread_km = { city = 3 }\nclusters = "reclustered"\n',
    ],
    ids=["fixed", "jittered"],
)
def test_same_bytes_for_threads_and_row_order(tmp_path, options):
    table = described()
    extra = f"{OF_LISTINGS}[score]\nof = ['patent_growth', 'patent_hhi']\n[uncertainty]\n"
    extra += f"draws = 4\nlevel = 0.5\n{options}"
    names = ("uncertainty.csv", "pairs.csv", "uncertainty.json", "scores.parquet")
    found, whole = [], None
    for name, rows, threads in (
        ("a", table, 1),
        ("b", table.sample(frac=1, random_state=3), 2),
    ):
        path, out = written(tmp_path / name, rows, extra), tmp_path / name / "out"
        whole = gclust.uncertainty(path, out, n_jobs=threads)
        found.append([(out / each).read_bytes() for each in names])
    assert found[0] == found[1]
    if options:
        return
    for number in (1, 2):
        gclust.uncertainty(path, tmp_path / str(number), shard=(number, 2))
    gathered = gclust.gather([tmp_path / "1", tmp_path / "2"])
    np.testing.assert_array_equal(gathered.scores, whole.scores)


def test_clusters_of_drawn_parameters_are_not_said_to_be_the_studys_own(tmp_path):
    study = gclust.read_study(gclust.datasets.example_study())
    said = {}
    for sources in (("records",), ("records", "parameters")):
        factor = 1.1 if "parameters" in sources else None
        options = replace(study.uncertainty, sources=sources, factor=factor, draws=4, level=0.5)
        found = gclust.uncertainty(replace(study, uncertainty=options))
        said[sources] = " ".join(summary_lines(found, top=3, width=10_000))
    assert "all draws have the study's own" in said[("records",)]
    assert "9 pairs of eps_km and min_samples" in said[("records", "parameters")]
    assert "study's own, whose uncertainty is left out" not in said[("records", "parameters")]
    assert "all draws of a pair have those that all listings" in said[("records", "parameters")]
