"""Centroid geocodes: found as the simulated world has them, and clusters that exist by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest

import gclust
from gclust.datasets import simulate
from gclust.errors import StudyError
from gclust.kernels.spatial.radius_sums import units_around
from gclust.places.cities.centroid_geocodes import GeocodeCriteria, find_centroid_geocodes
from gclust.places.cities.gazetteer import gazetteer
from gclust.sphere import EARTH_RADIUS_KM
from gclust.units import UNIT
from tests.worlds import study_folder

SCALE = 0.02
GRAZ = (47.06667, 15.45)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("world"), edition=2023, scale=SCALE)


def located(world) -> pd.DataFrame:
    """Locations with their weight and how much of it is known to the city only."""
    files = ds.dataset(world.folder / "listings", partitioning=None)
    table = files.to_table(columns=["lat", "lon", "precision"]).to_pandas()
    city = (table["precision"] == "city").astype(np.int64)
    grouped = table.assign(city=city, weight=1).groupby(["lat", "lon"], sort=True)
    return grouped[["city", "weight"]].sum().reset_index()


def test_recall_and_precision_in_the_simulated_world(world):
    table = located(world)
    least = 0.02 * world.min_samples * 5
    columns = table["lat"], table["lon"], table["weight"].to_numpy() * UNIT
    found = find_centroid_geocodes(*columns, GeocodeCriteria(least_weight=least))
    true = table["city"] >= 0.5 * table["weight"]
    cities = gazetteer()[["lat", "lon"]].round(5)
    at_city = pd.MultiIndex.from_frame(table[["lat", "lon"]]).isin(pd.MultiIndex.from_frame(cities))
    wanted = set(table.index[true & at_city & (table["weight"] >= least)])
    hits = set(found["row"])
    recall, precision = len(hits & wanted) / len(wanted), true[found["row"]].mean()
    known = find_centroid_geocodes(
        *columns, GeocodeCriteria(least_weight=least), city_share=table["city"] / table["weight"]
    )
    # What precision tells: places between cities too, and nothing that is exact. A suburb near a
    # heavier centre is missed: its surroundings weigh too much.
    assert true[known["row"]].all()
    all_true = set(table.index[true & (table["weight"] >= least)])
    assert len(set(known["row"]) & all_true) / len(all_true) >= 0.93
    assert len(wanted) > 300
    assert recall >= 0.93
    assert precision >= 0.99


def test_weight_around_is_that_of_a_haversine_twin():
    rng = np.random.default_rng(1)
    lat = np.concatenate([rng.uniform(-0.2, 0.2, 150), rng.uniform(89.8, 90, 150)])
    lon = np.concatenate([rng.uniform(179.8, 180.2, 150) % 360, rng.uniform(0, 360, 150)])
    lon = np.where(lon >= 180, lon - 360, lon)
    order = np.lexsort((lon, lat))
    lat, lon, units = lat[order], lon[order], rng.integers(1, 1000, 300)
    phi, lam = np.radians(lat), np.radians(lon)
    a = np.sin((phi[:, None] - phi) / 2) ** 2
    a += np.cos(phi[:, None]) * np.cos(phi) * np.sin((lam[:, None] - lam) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(a))
    expected = ((km <= 8.0) * units).sum(axis=1) - units
    at = np.arange(0, 300, 7)
    for threads in (1, 3):
        found = units_around(lat, lon, units, at, 8.0, threads)
        assert found.tolist() == expected[at].tolist()
    assert len(set(expected.tolist())) > 50


def listings(at_point: int, *, city=GRAZ, even: int = 100) -> pd.DataFrame:
    """Even listings about a city, too few for a cluster, and a centroid geocode at its point."""
    rng = np.random.default_rng(3)
    lat = np.concatenate([city[0] + rng.uniform(-0.08, 0.08, even), np.full(at_point, city[0])])
    lon = np.concatenate([city[1] + rng.uniform(-0.1, 0.1, even), np.full(at_point, city[1])])
    # Munich: enough everywhere, whatever lies at its point.
    lat = np.concatenate([lat, 48.13743 + rng.uniform(-0.05, 0.05, 400), np.full(60, 48.13743)])
    lon = np.concatenate([lon, 11.57549 + rng.uniform(-0.07, 0.07, 400), np.full(60, 11.57549)])
    table = pd.DataFrame({"kind": "patent", "lat": lat.round(5), "lon": lon.round(5), "town": ""})
    return table.assign(record=np.arange(len(table)), year=2015)


GEOCODES = """
[clusters]
eps_km = 10
min_samples = 150
[centroid_geocodes]
on = true
least_weight = 20
"""


def test_a_cluster_that_a_geocode_makes_is_flagged(tmp_path):
    path = study_folder(tmp_path, listings(at_point=120), extra=GEOCODES)
    done = gclust.run(path, tmp_path / "run")
    rows = done.centroid_geocodes.set_index("city")
    assert rows["cluster"].to_dict() == {"Graz": "Graz", "Munich": "Munich"}
    assert rows["only_by_geocode"].to_dict() == {"Graz": True, "Munich": False}
    assert rows["only_by_geocodes"].to_dict() == {"Graz": True, "Munich": False}
    assert rows.loc["Graz", "weight"] == 120
    assert rows.loc["Graz", "share_of_cluster"] > 0.5
    written = pd.read_csv(tmp_path / "run" / "centroid_geocodes.csv", keep_default_na=False)
    assert written["city"].tolist() == done.centroid_geocodes["city"].tolist()
    pd.testing.assert_frame_equal(gclust.centroid_geocodes(done), done.centroid_geocodes)
    again = gclust.read_run(tmp_path / "run")
    pd.testing.assert_frame_equal(gclust.centroid_geocodes(again), done.centroid_geocodes)
    pd.testing.assert_frame_equal(again.centroid_geocodes, done.centroid_geocodes)
    # What is left when the excess is dropped makes no cluster, as a run of it shows.
    left = round(120 - rows.loc["Graz", "excess"])
    without = gclust.run(study_folder(tmp_path / "b", listings(at_point=left), extra=GEOCODES))
    assert without.ranking["name"].tolist() == ["Munich"]


def test_two_centroid_geocodes_that_only_together_are_needed(tmp_path):
    # Two points of one cluster: without either one the other is enough, without both none is.
    table = listings(at_point=170)
    second = table[table["lat"] == GRAZ[0]].assign(lat=47.1, lon=15.39)
    both = pd.concat([table, second.assign(record=second["record"] + 10_000)])
    run = gclust.run(study_folder(tmp_path, both, extra=GEOCODES))
    cities = pd.DataFrame({"name": ["Graz", "North"], "country": "AT"})
    cities = cities.assign(lat=[GRAZ[0], 47.1], lon=[GRAZ[1], 15.39])
    found = gclust.centroid_geocodes(run, gazetteer=cities).set_index("city")
    assert sorted(found.index) == ["Graz", "North"]
    assert found["only_by_geocodes"].tolist() == [True, True]
    assert found["only_by_geocode"].tolist() == [False, False]
    # A second one that is too light does not help the first.
    light = both[:-145]
    run = gclust.run(study_folder(tmp_path / "light", light, extra=GEOCODES))
    found = gclust.centroid_geocodes(run, gazetteer=cities).set_index("city")
    assert found["only_by_geocode"].to_dict() == {"Graz": True, "North": False}


def test_evenly_distributed_listings_have_no_centroid_geocode():
    rng = np.random.default_rng(4)
    lat = np.sort(np.append(GRAZ[0] + rng.uniform(-0.1, 0.1, 5000), GRAZ[0]))
    lon = np.where(lat == GRAZ[0], GRAZ[1], GRAZ[1] + rng.uniform(-0.1, 0.1, 5001))
    units = np.full(5001, UNIT)
    any_weight = GeocodeCriteria(least_weight=1)
    assert find_centroid_geocodes(lat, lon, units, any_weight).empty
    units[lat == GRAZ[0]] = 400 * UNIT
    found = find_centroid_geocodes(lat, lon, units, any_weight)
    assert found["city"].tolist() == ["Graz"]
    # Scaled by any factor it is the same centroid geocode.
    more = find_centroid_geocodes(lat, lon, 3 * units, any_weight)
    assert more["ratio"].tolist() == pytest.approx(found["ratio"].tolist(), rel=1e-12)
    # As heavy as before, but far from any city's point.
    away = gazetteer().query("country != 'AT'")
    assert find_centroid_geocodes(lat, lon, units, any_weight, gazetteer=away).empty


def test_an_isolated_geocode_and_none_at_all():
    one = np.array([GRAZ[0]]), np.array([GRAZ[1]]), np.array([50 * UNIT])
    found = find_centroid_geocodes(*one, GeocodeCriteria(least_weight=20))
    assert found["ratio"].tolist() == [np.inf]
    assert found["excess"].tolist() == [50.0]
    assert find_centroid_geocodes(*one, GeocodeCriteria(least_weight=60)).empty


def test_criteria_and_locations_that_are_refused(tmp_path):
    with pytest.raises(ValueError, match="sorted by latitude"):
        find_centroid_geocodes([2.0, 1.0], [0.0, 0.0], [1, 1], GeocodeCriteria(least_weight=1))
    with pytest.raises(ValueError, match="near_km must be a number above 0, not 0"):
        find_centroid_geocodes([1.0], [0.0], [1], GeocodeCriteria(least_weight=1, near_km=0))
    with pytest.raises(StudyError, match="least_ratio = 0.0; expected more than 0"):
        gclust.read_study(study_folder(tmp_path, extra="[centroid_geocodes]\nleast_ratio = 0\n"))


def test_a_study_whose_sources_know_the_precision(tmp_path):
    table = listings(at_point=120)
    at_city = (table["lat"] == round(GRAZ[0], 5)) & (table["lon"] == GRAZ[1])
    table["precision"] = np.where(at_city, "city", "street")
    # Another centroid geocode, of a geocoder with a gazetteer of its own: no city is near.
    moved = table.assign(lat=table["lat"] - 0.6, record=table["record"] + 10_000)
    both = pd.concat([table, moved[moved["lat"] < 47]])
    extra = GEOCODES + 'precision = "city"\n'
    run = gclust.run(study_folder(tmp_path, both, extra=extra))
    # At Munich's point lie as many addresses, but known to the street.
    assert run.centroid_geocodes["lat"].tolist() == [46.46667, 47.06667]
    assert (run.centroid_geocodes["distance_km"] > 1).tolist() == [True, False]
    assert run.centroid_geocodes["only_by_geocode"].all()
    assert set(run.locations["city_share"]) == {0.0, 1.0}
    pd.testing.assert_frame_equal(gclust.centroid_geocodes(run), run.centroid_geocodes)
    # A run that asked for none reads its sources again, if they are still what they were.
    folder = tmp_path / "plain"
    plain = gclust.run(study_folder(folder, both, extra=GEOCODES), folder / "run")
    assert plain.centroid_geocodes["city"].tolist() == ["Graz", "Munich"]
    again = gclust.read_run(folder / "run")
    pd.testing.assert_frame_equal(
        gclust.centroid_geocodes(again, precision="city"), run.centroid_geocodes
    )
    pd.testing.assert_frame_equal(
        gclust.centroid_geocodes(run, precision=None), plain.centroid_geocodes
    )
    both[1:].drop(columns=["kind", "town"]).to_csv(folder / "patent.csv", index=False)
    with pytest.raises(StudyError, match="do not hold the listings of the run any more"):
        gclust.centroid_geocodes(again, precision="city")
    path = study_folder(tmp_path / "without", listings(at_point=120), extra=extra)
    with pytest.raises(
        StudyError, match=r"\[centroid_geocodes\] precision needs the column 'precision'"
    ):
        gclust.run(path)
