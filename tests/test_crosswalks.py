"""Files for further work: memberships, panel, fields, organisations, ties, against slow twins."""

from __future__ import annotations

import itertools
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gclust
from gclust.errors import StudyError
from gclust.escapes import harmless
from gclust.results import memberships as files
from gclust.units import UNIT
from tests.fuzz_studies import undrawn

TOWNS = [(48.137, 11.575), (48.371, 10.898), (47.067, 15.442)]
EVERYTHING = {"panel": True, "fields": True, "organisations": True, "ties": True}
CLUSTERS = {"eps_km": 8, "min_samples": 150}


def awkward(seed: int = 1, n_records: int = 700) -> pd.DataFrame:
    """Listings with records of up to 40 of them, odd weights, no places, years or records."""
    rng = np.random.default_rng(seed)
    size = np.where(rng.random(n_records) < 0.05, rng.integers(20, 41, n_records), 1)
    size = np.where(rng.random(n_records) < 0.7, rng.integers(1, 6, n_records), size)
    record = np.repeat(np.arange(n_records), size)
    n = len(record)
    home = np.repeat(rng.integers(len(TOWNS), size=n_records), size)
    town = np.where(rng.random(n) < 0.2, rng.integers(len(TOWNS), size=n), home)
    lat, lon = np.array(TOWNS)[town].T + rng.normal(0, 0.02, (2, n)).round(3)
    far = rng.random(n) < 0.08
    lat[far], lon[far] = rng.uniform(30, 45, far.sum()), rng.uniform(-20, 0, far.sum())
    table = pd.DataFrame(
        {
            "record": pd.Series(record).astype("Int64"),
            "lat": lat,
            "lon": lon,
            "weight": rng.choice([1.0, 1.0, 1.0, 0.3, 1 / 3, 0.0, 2.5], n),
            "year": pd.Series(2015 + record % 4).astype("Int64"),
            "field": np.array(["A61", "=B60", "G06"])[record % 3],
            "organisation": np.array(["Ada", "Blau", "Cern & Co"])[rng.integers(3, size=n)],
        }
    )
    table.loc[rng.random(n) < 0.05, ["lat", "lon"]] = np.nan
    table.loc[rng.random(n) < 0.05, "record"] = pd.NA
    table.loc[rng.random(n) < 0.05, "year"] = pd.NA
    table.loc[rng.random(n) < 0.1, "organisation"] = None
    return table


def study(tables, *, method="fractional", unlocated="drop", outputs=None, **rest):
    return gclust.Study(
        sources=[{"kind": kind, "data": table} for kind, table in tables.items()],
        clusters=CLUSTERS,
        counting={"method": method, "unlocated": unlocated},
        study={"max_rejects": 0.5},
        outputs={**EVERYTHING, "memberships": True} if outputs is None else outputs,
        **rest,
    )


def run(*arguments, out=None, **options):
    with undrawn():
        return gclust.run(study(*arguments, **options), out)


TABLES = {"patent": awkward(1), "publication": awkward(2)}
MODES = list(itertools.product(("fractional", "whole"), ("drop", "keep")))


@pytest.fixture(scope="module", params=MODES, ids=lambda mode: "-".join(mode))
def done(request):
    method, unlocated = request.param
    return run(TABLES, method=method, unlocated=unlocated), method, unlocated


@pytest.fixture(scope="module")
def plain():
    return run(TABLES)


def rows_of_twin(table: pd.DataFrame, locations: pd.DataFrame) -> pd.DataFrame:
    """Rows that weigh something, with their clusters and whole-number weights."""
    rows = table.assign(row=np.arange(1, len(table) + 1))
    weight = table["weight"]
    part = np.floor((weight - np.floor(weight)) * UNIT + 0.5)
    rows["weight_units"] = (np.floor(weight) * UNIT + part).astype(np.int64)
    rows = rows[rows["weight_units"] > 0].copy()
    at = locations.set_index(["lat", "lon"])["cluster_id"]
    found = at.reindex(pd.MultiIndex.from_frame(rows[["lat", "lon"]].round(5))).to_numpy()
    rows["located"] = rows["lat"].notna().to_numpy()
    assert not np.isnan(found[rows["located"].to_numpy()]).any()
    rows["cluster_id"] = np.where(rows["located"], found, -1).astype(np.int64)
    return rows


def exact_fractions(rows: pd.DataFrame, method: str, unlocated: str) -> list[Fraction]:
    """What each row adds to its cluster's count, as a fraction."""
    counts = rows["located"] | (unlocated == "keep")
    keys = ["record", "cluster_id"] if method == "whole" else ["record"]
    whole = rows["weight_units"].where(counts, 0).groupby([rows[k] for k in keys]).transform("sum")
    found = []
    for units, total, used, record in zip(
        rows["weight_units"], whole, counts, rows["record"], strict=True
    ):
        if not used:
            found.append(Fraction(0))
        elif pd.isna(record):
            found.append(Fraction(int(units), UNIT))
        else:
            found.append(Fraction(int(units), int(total)))
    return found


def test_memberships_are_those_of_a_twin(done):
    result, method, unlocated = done
    found = result.memberships()
    start = 0
    for number, (kind, table) in enumerate(TABLES.items(), start=1):
        twin = rows_of_twin(table, result.locations)
        mine = found.iloc[start : start + len(twin)]
        start += len(twin)
        assert (mine["source"] == number).all()
        assert (mine["kind"] == kind).all()
        for column in ("row", "cluster_id", "located"):
            assert mine[column].tolist() == twin[column].tolist(), column
        pd.testing.assert_series_equal(
            mine["record"].reset_index(drop=True),
            twin["record"].reset_index(drop=True),
            check_dtype=False,
        )
        exact = exact_fractions(twin, method, unlocated)
        off = [abs(units - each * UNIT) for units, each in zip(mine["units"], exact, strict=True)]
        assert max(off) <= 40  # what rounding left of a record of 40 listings
        assert np.mean([each <= 0.5 for each in off]) > 0.95
        np.testing.assert_array_equal(mine["fraction"], mine["units"] / UNIT)
    assert start == len(found)


def test_sums_are_those_of_the_ranking_to_the_bit(done):
    result, _, _ = done
    ranking = result.ranking.set_index("cluster_id").sort_index()
    for table in (
        result.memberships().query("cluster_id >= 0"),
        result.panel(),
        result.fields(),
        result.organisations(),
    ):
        units = table.groupby(["kind", "cluster_id"])["units"].sum()
        for kind in TABLES:
            expected = ranking[f"{kind}_count"].to_numpy()
            np.testing.assert_array_equal(units[kind].to_numpy() / UNIT, expected)


def test_counts_by_year_field_and_organisation_are_those_of_a_twin(done):
    result, method, unlocated = done
    for name, column in (("panel", "year"), ("fields", "field"), ("organisations", "organisation")):
        found = getattr(result, name)()
        for kind, table in TABLES.items():
            rows = rows_of_twin(table, result.locations)
            rows["part"] = [float(each) for each in exact_fractions(rows, method, unlocated)]
            rows = rows[rows["located"] & (rows["cluster_id"] >= 0)]
            rows[column] = rows[column].astype(object).where(rows[column].notna(), "?")
            expected = rows.groupby(["cluster_id", column])["part"].sum()
            mine = found[(found["kind"] == kind) & (found["units"] > 0)]
            keys = mine[column].astype(object).where(mine[column].notna(), "?")
            assert len(mine) == len(expected) > 0
            at = pd.MultiIndex.from_arrays([mine["cluster_id"], keys])
            np.testing.assert_allclose(mine["count"], expected.loc[at], atol=1e-5)
            np.testing.assert_array_equal(mine["count"], mine["units"] / UNIT)


def test_world_counts_hold_noise_and_shares_are_of_them(plain):
    rows = rows_of_twin(TABLES["patent"], plain.locations)
    rows["part"] = [float(each) for each in exact_fractions(rows, "fractional", "drop")]
    panel = plain.panel().query("kind == 'patent'")
    world = rows.groupby("year", dropna=False)["part"].sum()
    for year, part in panel.groupby("year", dropna=False):
        expected = world[world.index.isna()] if pd.isna(year) else world.loc[[year]]
        np.testing.assert_allclose(part["world_count"], expected.iloc[0], atol=1e-5)
    assert (
        panel["count"].sum()
        < 0.999 * panel.groupby("year", dropna=False)["world_count"].first().sum()
    )
    np.testing.assert_allclose(panel["share"], 100 * panel["count"] / panel["world_count"])
    by_field = plain.fields().query("kind == 'patent'")
    np.testing.assert_allclose(by_field.groupby("cluster_id")["share"].sum(), 100)
    for _, part in plain.organisations().groupby(["cluster_id", "kind"], sort=False):
        assert part["units"].is_monotonic_decreasing
    assert plain.organisations()["cluster_id"].is_monotonic_increasing
    whole = rows.groupby("field")["part"].sum()
    first = by_field.groupby("field")["world_count"].first()
    np.testing.assert_allclose(first, whole.loc[first.index], atol=1e-5)


def test_the_panel_is_balanced_and_says_what_formed_its_boundaries():
    tables = {"patent": awkward(1), "publication": awkward(2).query("year < 2018")}
    tables["publication"] = tables["publication"].drop(
        tables["publication"].query("year == 2015 and lat > 47.5").index
    )
    found = run(
        tables,
        outputs={"panel": True},
        density={"kinds": ["patent"]},
    ).panel()
    years = found.groupby("kind")["year"].unique()
    assert years["patent"].tolist()[:4] == [2015, 2016, 2017, 2018]
    assert pd.isna(years["patent"].tolist()[4])
    assert years["publication"].tolist() == [2015, 2016, 2017]
    sizes = found.groupby(["kind", "cluster_id"]).size().unstack("kind")
    assert (sizes["patent"] == 5).all()
    assert (sizes["publication"] == 3).all()
    empty = found.query("kind == 'publication' and year == 2015 and count == 0")
    assert len(empty) > 0
    assert (empty["share"] == 0).all()
    assert set(found["boundary_kinds"]) == {"patent"}
    assert set(found["boundary_years"]) == {"all years"}
    for _, part in found.groupby(["kind", found["year"].fillna(0)]):
        expected = part["count"].rank(method="min", ascending=False)
        assert part["rank"].tolist() == expected.tolist()


def test_a_total_of_the_study_s_is_not_divided_into_years():
    found = run(TABLES, outputs={"panel": True}).panel()
    given = gclust.Study(
        sources=[{"kind": kind, "data": table} for kind, table in TABLES.items()],
        clusters=CLUSTERS,
        counting={"totals": {"patent": 5000}},
        study={"max_rejects": 0.5},
        outputs={"panel": True},
    )
    with undrawn():
        panel = gclust.run(given).panel()
    assert panel.query("kind == 'patent'")["share"].isna().all()
    assert panel.query("kind == 'publication'")["share"].notna().all()
    assert panel["rank"].tolist() == found["rank"].tolist()


def test_years_of_kinds_that_differ_are_all_named():
    two = gclust.Study(
        sources=[
            {"kind": "patent", "data": TABLES["patent"], "years": [2015, 2016]},
            {"kind": "publication", "data": TABLES["publication"], "years": [2016, 2018]},
        ],
        clusters=CLUSTERS,
        study={"max_rejects": 0.5},
        outputs={"panel": True},
    )
    with undrawn():
        panel = gclust.run(two).panel()
    assert set(panel["boundary_years"]) == {"patent 2015-2016, publication 2016-2018"}


def test_ties_are_those_of_a_twin(done):
    result, _, unlocated = done
    fractional: dict[tuple[int, int], float] = {}
    pairs: dict[tuple[int, int], float] = {}
    records: dict[tuple[int, int], int] = {}
    for table in TABLES.values():
        rows = rows_of_twin(table, result.locations)
        rows = rows[rows["record"].notna()]
        rows.loc[~rows["located"], "cluster_id"] = -2
        rows = rows if unlocated == "keep" else rows[rows["located"]]
        sums = rows.groupby(["record", "cluster_id"])["weight_units"].sum() / UNIT
        for _, part in sums.groupby(level="record"):
            weights = part.droplevel(0)
            n = weights.sum()
            for a, b in itertools.combinations_with_replacement(sorted(weights.index), 2):
                product = weights[a] * weights[b] if a != b else weights[a] * (weights[a] - 1) / 2
                if a == b and not weights[a] > 1:
                    continue
                pairs[a, b] = pairs.get((a, b), 0.0) + product
                spread = product * 2 / (n * (1.0 if n < 2 else n - 1))
                fractional[a, b] = fractional.get((a, b), 0.0) + spread
                records[a, b] = records.get((a, b), 0) + 1
    found = result.ties().set_index(["cluster_a", "cluster_b"])
    assert set(found.index) == set(pairs)
    assert (-2 in found.index.levels[0]) == (unlocated == "keep")
    for pair in pairs:
        row = found.loc[pair]
        assert row["records"] == records[pair]
        np.testing.assert_allclose(row["fractional"], fractional[pair], rtol=1e-6)
        np.testing.assert_allclose(row["pairs"], pairs[pair], rtol=1e-6)
    np.testing.assert_allclose(found["expected"].sum(), found["fractional"].sum())
    strength = {
        end: sum(value * ((a == end) + (b == end)) for (a, b), value in fractional.items())
        for end in {end for pair in pairs for end in pair}
    }
    a, b = next(pair for pair in pairs if 0 <= pair[0] < pair[1])
    expected = strength[a] * strength[b] / sum(strength.values())
    np.testing.assert_allclose(found.loc[(a, b), "expected"], expected, rtol=1e-6)
    assert found.loc[(-1, 0), "name_a"] == "noise"


def test_each_record_of_two_listings_has_one_fractional_tie():
    table = awkward(3).assign(weight=1.0).dropna(subset=["record", "lat"])
    ties = run({"patent": table}, outputs={"ties": True}).ties()
    several = (table.groupby("record").size() > 1).sum()
    np.testing.assert_allclose(ties["fractional"].sum(), several, rtol=1e-6)


def test_ties_are_those_that_clusters_merge_by():
    tables = {"patent": awkward(1).assign(weight=1.0)}
    close = gclust.Study(
        sources=[{"kind": "patent", "data": tables["patent"]}],
        clusters=CLUSTERS,
        merge={"max_gap_km": 500, "rule": "one-sided", "noise_partner": False},
        study={"max_rejects": 0.5},
        outputs={"ties": True},
    )
    with undrawn():
        merged = gclust.run(close)
        apart = gclust.run(
            gclust.Study(
                sources=close.sources,
                clusters=CLUSTERS,
                merge={"rule": "none"},
                study={"max_rejects": 0.5},
                outputs={"ties": True},
            )
        )
    assert len(merged.merges) > 0
    first = merged.merges.iloc[0]
    ties = apart.ties().set_index(["cluster_a", "cluster_b"])["fractional"]
    assert ties[(first["cluster_a"], first["cluster_b"])] == first["ties"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_run_that_is_read_back_has_them(kind, tmp_path):
    outputs = {**EVERYTHING, "memberships": kind, "csv_encoding": "utf-8-sig"}
    made = run(TABLES, outputs=outputs, out=tmp_path / "run")
    back = gclust.read_run(tmp_path / "run")
    assert (tmp_path / "run" / f"memberships.{kind}").is_file()
    for name in ("memberships", *EVERYTHING):
        ours, theirs = getattr(made, name)(), getattr(back, name)()
        if name == "fields":  # CSV holds no formulas
            ours["field"] = [harmless(each) for each in ours["field"]]
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    assert (tmp_path / "run" / "panel.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    ranking = pd.read_csv(tmp_path / "run" / "ranking.csv").set_index("cluster_id")
    for name in ("panel", "fields", "organisations"):
        table = pd.read_csv(tmp_path / "run" / f"{name}.csv")
        sums = table.groupby(["kind", "cluster_id"])["count"].sum()
        for written_kind in TABLES:
            count = ranking[f"{written_kind}_count"].sort_index()
            unit = 10.0 ** (np.floor(np.log10(count)) - 11)  # of the last of twelve digits
            assert (abs(sums[written_kind] - count) <= 0.51 * unit).all()
    assert "'=B60" in (tmp_path / "run" / "fields.csv").read_text(encoding="utf-8-sig")


def test_a_run_without_them_says_how_to_get_them(tmp_path):
    bare = run(TABLES, outputs={}, out=tmp_path / "run")
    for name in ("memberships", *EVERYTHING):
        assert not list((tmp_path / "run").glob(f"{name}.*"))
        for each in (bare, gclust.read_run(tmp_path / "run")):
            with pytest.raises(StudyError, match=rf"set {name} = true in \[outputs\]"):
                getattr(each, name)()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"memberships": "xlsx"}, "memberships = 'xlsx'; expected .*'parquet' or 'csv'"),
        ({"panels": True}, "'panels' is not known.*'panel'"),
        ({"csv_encoding": "latin-1"}, "csv_encoding = 'latin-1'; expected 'utf-8' or 'utf-8-sig'"),
    ],
)
def test_outputs_that_there_are_not(outputs, message):
    with pytest.raises(StudyError, match=message):
        study(TABLES, outputs=outputs)


def test_a_column_that_an_output_needs():
    tables = {kind: table.drop(columns="year") for kind, table in TABLES.items()}
    with pytest.raises(StudyError, match=r"\[outputs\] panel needs the column 'year'"):
        run(tables, outputs={"panel": True})


def test_products_of_weights_that_are_too_large_are_refused():
    tables = {"patent": awkward(1).assign(weight=1e6)}
    big = gclust.Study(
        sources=[{"kind": "patent", "data": tables["patent"]}],
        clusters={"eps_km": 8, "min_samples": 1e8},
        merge={"rule": "none"},
        study={"max_rejects": 0.5},
        outputs={"ties": True},
    )
    with undrawn(), pytest.raises(StudyError, match=r"\[outputs\] ties: the products of weights"):
        gclust.run(big)


def test_any_order_of_rows_and_any_threads_give_the_same_files(tmp_path):
    seen = []
    for number, threads in enumerate((1, 2)):
        tables = TABLES
        if number:
            tables = {k: t.sample(frac=1, random_state=4) for k, t in TABLES.items()}
        with undrawn():
            gclust.run(study(tables), tmp_path / str(number), n_jobs=threads)
        found = {name: (tmp_path / str(number) / f"{name}.csv").read_bytes() for name in EVERYTHING}
        seen.append(found)
    assert seen[0] == seen[1]


def many_files(folder, n=180_000):
    """Files of a source in two formats of header, so that they are not read in their order."""
    rng = np.random.default_rng(5)
    town = rng.integers(3, size=n)
    lat, lon = np.array(TOWNS)[town].T + rng.normal(0, 0.02, (2, n)).round(3)
    table = pd.DataFrame({"record": np.arange(n) // 2, "lat": lat, "lon": lon})
    table.loc[rng.random(n) < 0.01, "lat"] = 95
    folder.mkdir()
    parts = {}
    for number, start in enumerate(range(0, n, n // 3)):
        part = table.iloc[start : start + n // 3].reset_index(drop=True)
        part = part if number % 2 else part[["lat", "lon", "record"]]
        parts[f"part {number}"] = part
    return parts


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return many_files(tmp_path_factory.mktemp("files") / "made")


def write(parts, folder, ending):
    (folder / "in").mkdir(parents=True)
    for name, part in parts.items():
        if ending == "csv":
            part.to_csv(folder / "in" / f"{name}.csv", index=False)
        else:
            part.to_parquet(folder / "in" / f"{name}.parquet", row_group_size=20_000)
    text = '[study]\nname = "files"\n[[sources]]\nkind = "patent"\npath = "in"\n'
    text += "[clusters]\neps_km = 8\nmin_samples = 9000\n[outputs]\nmemberships = true\n"
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def check_rows(run_folder, parts, ending):
    found = pd.read_parquet(run_folder / "memberships.parquet")
    assert found["file"].unique().tolist() == [f"in/{name}.{ending}" for name in sorted(parts)]
    for name, part in parts.items():
        mine = found[found["file"] == f"in/{name}.{ending}"]
        assert mine["row"].tolist() == list(range(1, len(part) + 1))
        assert mine["record"].astype(int).tolist() == part["record"].tolist()
        assert mine["located"].tolist() == (part["lat"] <= 90).tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_have_their_numbers_in_their_files(parts, ending, tmp_path):
    with undrawn():
        gclust.run(write(parts, tmp_path, ending), tmp_path / "run", n_jobs=2)
    check_rows(tmp_path / "run", parts, ending)


def test_rows_have_their_numbers_in_every_kind_of_source(tmp_path):
    """Folders as columns, columns of DuckDB's own names, queries, layers."""
    rows = awkward(6).dropna(subset=["lat", "record"]).reset_index(drop=True)
    rows = rows.assign(weight=1.0)[["record", "lat", "lon", "year"]]
    for year in (2016, 2015):
        (tmp_path / "hive" / f"year={year}").mkdir(parents=True)
        part = rows[rows["year"] == year].drop(columns="year")
        part.to_parquet(tmp_path / "hive" / f"year={year}" / "rows.parquet")
    rows.assign(file_row_number=7, file_index="x").to_parquet(tmp_path / "own.parquet")
    rows.iloc[::-1].to_csv(tmp_path / "rows.csv", index=False)
    points = gpd.points_from_xy(rows["lon"], rows["lat"], crs=4326)
    layer = gpd.GeoDataFrame(rows[["record"]].astype(int), geometry=points)
    layer.to_file(tmp_path / "rows.gpkg")
    sources = [
        {"kind": "a", "path": "hive", "columns": {"year": "year"}},
        {"kind": "b", "path": "own.parquet"},
        {"kind": "c", "sql": "SELECT * FROM 'rows.csv' ORDER BY record, lat, lon"},
        {"kind": "d", "path": "rows.gpkg"},
    ]
    options = {"clusters": {"eps_km": 8, "min_samples": 600}, "folder": tmp_path}
    study = gclust.Study(sources=sources, outputs={"memberships": True}, **options)
    with undrawn():
        found = gclust.run(study).memberships()
    ordered = rows.sort_values(["record", "lat", "lon"])
    hive = [rows[rows["year"] == year] for year in (2015, 2016)]
    expected = {"a": pd.concat(hive), "b": rows, "c": ordered, "d": rows}
    for kind, table in expected.items():
        mine = found[found["kind"] == kind]
        assert mine["record"].astype(int).tolist() == table["record"].astype(int).tolist()
        numbers = [
            number for part in (hive if kind == "a" else [table]) for number in range(len(part))
        ]
        assert (mine["row"] - 1).tolist() == numbers
    assert found["file"].unique().tolist() == [
        "hive/year=2015/rows.parquet", "hive/year=2016/rows.parquet", "own.parquet",
        "the query of c", "rows.gpkg",
    ]  # fmt: skip


def test_spark_gives_the_same_files(spark, parts, tmp_path):
    """Files that DuckDB reads, files that Spark reads itself, and a Spark DataFrame."""
    study = write(parts, tmp_path, "csv")
    write({f"{name} %20": part for name, part in parts.items()}, tmp_path / "more", "parquet")
    frame = spark.createDataFrame(pa.Table.from_pandas(awkward(1)))
    sources = [
        {"kind": "patent", "path": "in"},
        {"kind": "publication", "path": "more/in/*.parquet"},
        {"kind": "deal", "data": frame},
    ]
    for engine in ("duckdb", "spark"):
        study = gclust.Study(
            sources=sources,
            clusters={"eps_km": 8, "min_samples": 9000},
            counting={"unlocated": "keep"},
            study={"max_rejects": 0.5},
            outputs={**EVERYTHING, "memberships": True},
            engine={"name": engine, "temp_dir": str(tmp_path)},
            folder=tmp_path,
        )
        with undrawn():
            gclust.run(study, tmp_path / engine)
    for name in ("memberships.parquet", "panel.csv", "fields.csv", "organisations.csv", "ties.csv"):
        ours, theirs = ((tmp_path / engine / name).read_bytes() for engine in ("duckdb", "spark"))
        assert ours == theirs, name
    found = pd.read_parquet(tmp_path / "spark" / "memberships.parquet")
    # Rows of a Spark DataFrame have no order, so no numbers, with any engine.
    of_frame = found["source"] == 3
    assert found.loc[of_frame, "row"].isna().all()
    assert of_frame.sum() > 1000
    for source, ending, mark in ((1, "csv", ""), (2, "parquet", " %20")):
        mine = found[found["source"] == source]
        folder = "in" if source == 1 else "more/in"
        for name, part in parts.items():
            rows = mine[mine["file"] == f"{folder}/{name}{mark}.{ending}"]
            assert rows["row"].tolist() == list(range(1, len(part) + 1))
            assert rows["record"].astype(int).tolist() == part["record"].tolist()


def test_the_bytes_do_not_depend_on_batches(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "ROW_GROUP", 1000)
    frame = pd.DataFrame({"file": "a", "record": ["=x", "two  blanks", "plain"] * 1500})
    frame["located"] = True
    whole = pa.Table.from_pandas(frame)
    for ending in ("csv", "parquet"):
        seen = set()
        for size in (7, 1000, 5000):
            batches = [whole.slice(at, size) for at in range(0, len(frame), size)]
            path = tmp_path / f"{size}.{ending}"
            files.write_memberships(batches, path, "utf-8")
            seen.add(path.read_bytes())
        assert len(seen) == 1
    assert pq.ParquetFile(tmp_path / "7.parquet").num_row_groups == 5
    assert (tmp_path / "7.csv").read_text().splitlines()[1:3] == [
        "a,'=x,True",
        "a,two blanks,True",
    ]
