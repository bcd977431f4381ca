"""The listings of the US example, from the real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gclust.datasets.own_files import NOTE
from gclust.datasets.us import (
    RASTER,
    WEIGHT_UNIT,
    PreparedUS,
    _divide_among_points,
    patent_listings,
    prepare_us,
)
from gclust.datasets.us_places import ZipTable, plain_name, read_zip_table
from tests.tree import PACKAGE, ROOT

KINDS = ("patent", "research", "deal")
COLUMNS = ["record", "kind", "lat", "lon", "weight", "year", "organisation", "country", "precision"]


@pytest.fixture(scope="module")
def prepared(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedUS:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCLUST_MIRROR", str(shared_data / "us_innovation"))
        return prepare_us(tmp_path_factory.mktemp("us"))


@pytest.fixture(scope="module")
def listings(prepared: PreparedUS) -> dict[str, pd.DataFrame]:
    return {kind: pd.read_parquet(path) for kind, path in prepared.listings.items()}


@pytest.fixture(scope="module")
def zips(shared_data: Path) -> ZipTable:
    return read_zip_table(shared_data / "us_innovation" / "US.zip")


def _units(weight: pd.Series) -> pd.Series:
    return (weight * WEIGHT_UNIT).round().astype("int64")


def test_spread_is_exact() -> None:
    zips = pd.DataFrame(
        [
            ("A1", 40.0, -75.0),
            ("A1", 40.0, -75.0),
            ("A1", 41.0, -75.0),
            ("B1", 30.0, -90.0),
            *(("C1", 35.0, -100.0 + i) for i in range(23)),
        ],
        columns=["county", "lat", "lon"],
    )
    patents = pd.DataFrame(
        [
            ("C1", 2011, 1),
            ("A1", 2011, 9),
            ("B1", 2011, 5),
            ("A1", 2012, 1),
            ("nowhere", 2012, 3),
            ("C1", 2012, 24),
        ],
        columns=["county", "year", "n"],
    )
    found = _divide_among_points(patents, zips)
    sums = _units(found["weight"]).groupby([found["county"], found["year"]]).sum()
    expected = patents.set_index(["county", "year"])["n"] * WEIGHT_UNIT
    assert sums.to_dict() == expected.to_dict()
    assert found["weight"].mul(WEIGHT_UNIT).round().div(WEIGHT_UNIT).equals(found["weight"])
    a1 = found[(found["county"] == "A1") & (found["year"] == 2011)]
    assert a1[["lat", "weight"]].to_numpy().tolist() == [[40.0, 6.0], [41.0, 3.0]]
    # 23 does not divide the unit: no two parts differ by more than one.
    c1 = _units(found.loc[(found["county"] == "C1") & (found["year"] == 2012), "weight"])
    assert (c1.max() - c1.min(), len(c1)) == (1, 23)
    assert found.loc[found["lat"].isna(), ["county", "weight"]].to_numpy().tolist() == [
        ["nowhere", 3.0]
    ]


def test_every_patent_is_listed(listings: dict[str, pd.DataFrame], shared_data: Path) -> None:
    raw = pd.read_csv(shared_data / "us_innovation" / "USPTO_county.csv", encoding="latin-1")
    raw = raw[raw["FIPS Code"] != "ALL"]
    expected = {year: int(raw[str(year)].sum()) * WEIGHT_UNIT for year in range(2011, 2016)}
    patents = listings["patent"]
    assert _units(patents["weight"]).groupby(patents["year"]).sum().to_dict() == expected


def test_patents_of_other_years(zips: ZipTable, shared_data: Path) -> None:
    path = shared_data / "us_innovation" / "USPTO_county.csv"
    table, count = patent_listings(path, zips, years=[2000, 2015])
    raw = pd.read_csv(path, encoding="latin-1")
    raw = raw[raw["FIPS Code"] != "ALL"]
    expected = {year: int(raw[str(year)].sum()) * WEIGHT_UNIT for year in (2000, 2015)}
    assert _units(table["weight"]).groupby(table["year"]).sum().to_dict() == expected
    assert count.weight * WEIGHT_UNIT == sum(expected.values())


@pytest.mark.parametrize("years", [[], [1999, 2000], [2016]])
def test_years_without_patents_are_refused(years: list[int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected years from 2000 to 2015"):
        prepare_us(tmp_path / "us", patent_years=years)
    assert not (tmp_path / "us").exists()


def test_counts(prepared: PreparedUS, listings: dict[str, pd.DataFrame]) -> None:
    found = {
        c.kind: (c.rows, c.weight, c.unlocated_rows, c.unlocated_weight) for c in prepared.counts
    }
    assert found == {
        "patent": (9_946, 649_059.0, 90, 184.0),
        "research": (3_207, 340_338_880.0, 66, 839_210.0),
        "deal": (31_679, 31_679.0, 943, 943.0),
    }
    for count in prepared.counts:
        table = listings[count.kind]
        lost = table["lat"].isna()
        assert (len(table), int(lost.sum())) == (count.listings, count.unlocated_rows)
        # The run refuses more than 5 % of rejects by default.
        assert lost.mean() < 0.05
        assert f"({100 * count.unlocated_share:.1f} %)" in str(count)
        assert str(count) in prepared.describe()


def test_form_of_the_listings(prepared: PreparedUS, listings: dict[str, pd.DataFrame]) -> None:
    for kind in KINDS:
        table = listings[kind]
        assert list(table.columns) == COLUMNS
        assert pq.read_schema(prepared.listings[kind]).metadata is None
        assert set(table["kind"]) == {kind}
        assert set(table["country"]) == {"US"}
        assert (table["weight"] > 0).all()
        assert (table["lat"].isna() == table["lon"].isna()).all()
        assert (table["lat"].isna() == table["precision"].isna()).all()
    assert {kind: set(listings[kind]["precision"].dropna()) for kind in KINDS} == {
        "patent": {"county"},
        "research": {"zip", "city"},
        "deal": {"city"},
    }
    assert listings["patent"]["record"].isna().all()
    assert listings["research"]["record"].isna().all()
    assert listings["deal"]["record"].is_unique


def test_campus_counts_once_a_year(listings: dict[str, pd.DataFrame]) -> None:
    research = listings["research"]
    campus = research[research["organisation"] == "Air Force Institute of Technology"]
    assert campus.loc[campus["year"] == 2012, "weight"].tolist() == [32_746.0]


def test_letters_of_the_macintosh(listings: dict[str, pd.DataFrame]) -> None:
    assert {"MiaSolé", "Jack and Jake’s", "Anchor™"} <= set(listings["deal"]["organisation"])


def test_connecticut_keeps_its_counties(zips: ZipTable, shared_data: Path) -> None:
    # The ZIP table has planning regions for most of the state, the patents have counties.
    n_zips = zips.zips.loc[zips.zips["state_code"] == "CT", "county"].value_counts()
    assert sorted(n_zips.index) == [f"CT{code:03d}" for code in range(1, 16, 2)]
    assert n_zips.min() >= 18
    towns = {
        "06103": "CT003",
        "06511": "CT009",
        "06901": "CT001",
        "06360": "CT011",
        "06269": "CT013",
    }
    county = zips.zips.set_index("zip")["county"]
    assert county[list(towns)].to_dict() == towns


@pytest.mark.parametrize(
    ("city", "state", "same_as"),
    [
        ("NEW YORK CITY", "NY", "New York"),
        ("nyc", "NY", "Manhattan"),
        ("St. Louis", "MO", "Saint Louis"),
        ("Ft. Lauderdale", "FL", "Fort Lauderdale"),
        ("Washington D.C.", "DC", "Washington"),
        ("Boulder, CO", "CO", "Boulder"),
        ("Mountain View, California", "CA", "Mountain View"),
        ("McLean", "VA", "Mc Lean"),
        ("Mt View", "CA", "Mount View"),
    ],
)
def test_ways_to_write_a_city(city: str, state: str, same_as: str, zips: ZipTable) -> None:
    assert zips.city_point(same_as, state) is not None
    assert zips.city_point(city, state) == zips.city_point(same_as, state)


@pytest.mark.parametrize(
    ("city", "state"), [("", "CA"), ("Denver", "CA"), ("Boston", ""), ("", "")]
)
def test_no_place_is_made_up(city: str, state: str, zips: ZipTable) -> None:
    assert zips.city_point(city, state) is None


def test_zip_code_of_another_state_is_no_answer(zips: ZipTable) -> None:
    assert zips.zip_point("10001", "NY") == (40.7484, -73.9967)
    assert zips.zip_point("10001", "NJ") is None
    assert zips.zip_point("?????", "NY") is None


def test_other_names_lie_in_their_state(zips: ZipTable) -> None:
    from gclust.datasets.us_places import OTHER_NAMES

    for state, names in OTHER_NAMES.items():
        for name, code in names.items():
            assert name == plain_name(name)
            assert zips.zip_point(code, state) is not None, (state, name)


def test_city_lies_at_a_zip_point_near_the_median() -> None:
    points = [(40.0, -75.0), (40.1, -74.9), (40.2, -75.0), (40.1, -75.1)]
    points.append((10.0, 70.0))  # of a namesake far away
    rows = [(f"0000{i}", *point) for i, point in enumerate(points)]
    table = pd.DataFrame(rows, columns=["zip", "lat", "lon"])
    table = table.assign(place="Springfield", state="Ohio", state_code="OH", county="OH001")
    # Two are equally near the median at 40.1, -75.0: the lower ZIP code decides.
    assert ZipTable(table).city_point("springfield", "OH") == (40.1, -74.9)


def test_study_in_the_package_is_the_example() -> None:
    packaged = PACKAGE / "datasets" / "data" / "us_study.toml"
    example = ROOT / "examples" / "us_innovation" / "study.toml"
    assert packaged.read_bytes() == example.read_bytes()


def test_folder_is_ready_to_run(prepared: PreparedUS) -> None:
    import tomllib

    study = tomllib.loads(prepared.study.read_text(encoding="utf-8"))
    named = {source["kind"]: prepared.folder / source["path"] for source in study["sources"]}
    assert named == prepared.listings
    assert prepared.folder / study["population"]["raster"] == prepared.raster
    for source in study["sources"]:
        assert set(source["columns"].values()) <= set(COLUMNS)
    assert sorted(p.name for p in prepared.folder.iterdir()) == sorted(
        [f"{kind}.parquet" for kind in KINDS] + [NOTE, RASTER, "study.toml"]
    )


def test_again_gives_the_same_bytes_and_keeps_a_changed_study(
    prepared: PreparedUS, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCLUST_MIRROR", str(shared_data / "us_innovation"))
    (tmp_path / "study.toml").write_text("# mine\n", encoding="utf-8")
    again = prepare_us(tmp_path)
    for kind in KINDS:
        assert again.listings[kind].read_bytes() == prepared.listings[kind].read_bytes()
    assert again.study.read_text(encoding="utf-8") == "# mine\n"


def test_plain_dbscan_finds_the_known_clusters(listings: dict[str, pd.DataFrame]) -> None:
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import BallTree

    windows = {"patent": (2011, 2015), "research": (2012, 2016), "deal": (2009, 2013)}
    located = {
        kind: listings[kind].query("@low <= year <= @high").dropna(subset=["lat"])
        for kind, (low, high) in windows.items()
    }
    eps = 13.0 / 6371.0088
    folded = located["patent"].groupby(["lat", "lon"], as_index=False)["weight"].sum()
    points = np.radians(folded[["lat", "lon"]].to_numpy())
    fitted = DBSCAN(eps=eps, min_samples=1500, metric="haversine", algorithm="ball_tree")
    fitted.fit(points, sample_weight=folded["weight"])
    core = fitted.core_sample_indices_
    tree = BallTree(points[core], metric="haversine")

    def label(lat: pd.Series, lon: pd.Series) -> np.ndarray:
        distance, nearest = tree.query(np.radians(np.column_stack([lat, lon])))
        return np.where(distance[:, 0] <= eps, fitted.labels_[core][nearest[:, 0]], -1)

    shares = []
    for table in located.values():
        labels = label(table["lat"], table["lon"])
        shares.append(table["weight"].groupby(labels).sum() / table["weight"].sum())
    total = pd.concat(shares, axis=1).fillna(0.0).sum(axis=1).drop(-1)
    order = total.sort_values(ascending=False).index.tolist()
    assert len(order) == 32
    cities = {
        "San Jose": (37.34, -121.89),
        "San Francisco": (37.77, -122.42),
        "New York": (40.75, -73.99),
        "Boston": (42.36, -71.06),
        "Los Angeles": (34.05, -118.24),
        "Seattle": (47.61, -122.33),
        "San Diego": (32.87, -117.20),
    }
    lat, lon = (pd.Series(v) for v in zip(*cities.values(), strict=True))
    ranks = dict(zip(cities, (order.index(k) + 1 for k in label(lat, lon)), strict=True))
    assert ranks == {
        "San Jose": 1,
        "San Francisco": 1,
        "New York": 2,
        "Boston": 3,
        "Los Angeles": 4,
        "Seattle": 5,
        "San Diego": 6,
    }
