"""Positional jitter: discs of cities, and replicates that put listings anywhere in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import gclust
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.uncertainty.record_arrays import gather_listings
from gclust.kernels.resampling.random_points import jitter_points
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.places.cities.cities import shipped_cities
from gclust.places.cities.city_radii import city_radii_km
from gclust.progress import silent
from gclust.sphere import arc_km, chord_of, unit_vectors
from tests.worlds import TOWNS, listings, study_folder, uncertainty_bytes

CITY = '[uncertainty]\nsources = ["addresses"]\ndraws = 9\nspread_km = {{ city = {} }}\n'


def addresses(seed=1):
    """Listings of the three towns, a third of them at their town's point."""
    table = listings(seed)
    rng = np.random.default_rng(seed)
    at_city = (rng.random(len(table)) < 0.33) & (table["town"] != "country")
    table["precision"] = np.where(at_city, "city", "street")
    for town, (lat, lon) in TOWNS.items():
        mine = at_city & (table["town"] == town)
        table.loc[mine, ["lat", "lon"]] = lat, lon
    return table


@pytest.mark.parametrize("radius_km", [0.02, 12.0, 4000.0])
@pytest.mark.parametrize("centre", [(0.0, 179.99), (48.1, 11.6), (-89.99, -180.0), (90.0, 0.0)])
def test_places_of_a_disc_are_all_as_likely(centre, radius_km):
    n = 20_000
    lat, lon = np.full(n, centre[0]), np.full(n, centre[1])
    found = jitter_points(lat, lon, np.full(n, radius_km), 4, 0, 2)
    assert ((found[1] >= -180) & (found[1] < 180) & (np.abs(found[0]) <= 90)).all()
    middle, points = unit_vectors(*centre), unit_vectors(*found)
    chord = np.linalg.norm(points - middle, axis=1)
    assert arc_km(chord).max() <= radius_km * (1 + 1e-9) + 1e-6
    # Areas of caps are as the squares of their chords.
    assert stats.kstest((chord / chord_of(radius_km)) ** 2, "uniform").pvalue > 1e-3
    east = np.cross([0.0, 0.0, 1.0], middle) if abs(centre[0]) < 90 else np.array([0.0, 1.0, 0.0])
    east /= np.linalg.norm(east)
    north = np.cross(middle, east)
    angle = np.arctan2(points @ north, points @ east) / (2 * np.pi) % 1
    assert stats.kstest(angle, "uniform").pvalue > 1e-3


def test_places_depend_on_seed_draw_and_listing_alone():
    lat, lon, radius = np.full(70_000, 48.0), np.full(70_000, 11.0), np.full(70_000, 9.0)
    found = jitter_points(lat, lon, radius, 3, 1, 1)
    assert np.array_equal(found, jitter_points(lat, lon, radius, 3, 1, 2))
    assert np.array_equal(
        np.array(found)[:, :9], jitter_points(lat[:9], lon[:9], radius[:9], 3, 1, 1)
    )
    for other in ((4, 1), (3, 2)):
        assert (found[0] != jitter_points(lat, lon, radius, *other, 1)[0]).all()


def test_radii_of_cities():
    cities = shipped_cities()
    known = dict(zip(cities.name, np.sqrt(cities.population / 2500 / np.pi), strict=True))
    village = np.sqrt(15_000 / 2500 / np.pi)
    places = {
        "Munich": (48.137, 11.575),
        # A geocoder's point 3 km from the gazetteer's, in the city's disc, nearer to districts.
        "Graz": (47.085, 15.47),
        # Between towns, in no disc; and in the middle of an ocean.
        "village": (48.0, 12.9),
        "ocean": (0.0, -140.0),
    }
    found = city_radii_km(*np.transpose(list(places.values())))
    wanted = [known["Munich"], known["Graz"], village, village]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    at = [places["Munich"]]
    np.testing.assert_allclose(
        city_radii_km(*np.transpose(at), inhabitants_per_km2=10_000), known["Munich"] / 2
    )
    with pytest.raises(ValueError, match="must be above 0, not 0"):
        city_radii_km([0.0], [0.0], inhabitants_per_km2=0)


@pytest.mark.parametrize("records", [False, True])
def test_discs_without_extent_change_nothing(tmp_path, records):
    more = ', "records"' if records else ""
    extra = CITY.format(0).replace('"addresses"', '"addresses"' + more)
    path = study_folder(tmp_path / "addresses", addresses(), extra)
    found = gclust.uncertainty(path)
    assert found.moved.empty
    if records:
        extra = '[uncertainty]\nclusters = "reclustered"\ndraws = 9\n'
        plain = gclust.uncertainty(study_folder(tmp_path / "plain", addresses(), extra))
        table = found.table.drop(columns="largest_source")  # only where there are several
        pd.testing.assert_frame_equal(table, plain.table, check_exact=True)
        assert np.array_equal(found.scores, plain.scores, equal_nan=True)
    else:
        own = gclust.run(path).ranking["score"]
        assert (found.scores == own.to_numpy()).all()


@pytest.mark.parametrize(
    "merge", ["", "[merge]\nmax_gap_km = 60\n", '[counting]\nmethod = "whole"\n']
)
def test_a_draw_is_a_study_of_listings_moved_by_hand(tmp_path, merge):
    """The draw's places are written into the listings, and the study is run on these."""
    table = addresses()
    path = study_folder(tmp_path / "own", table, CITY.format(25) + "seed = 7\n" + merge)
    study = gclust.read_study(path)
    with DuckDBEngine() as engine:
        prepared = prepare_listings(study, engine, RunLog(silent, False))
        places = prepared.locations
        gathered = gather_listings(study, engine, prepared, np.arange(len(places)))
    lat, lon = gathered.jitter.coordinates(3, 1)
    # Movers are sorted by kind and record, as texts are, then by place.
    city = table[table["precision"] == "city"].astype({"record": str})
    city = city.sort_values(["kind", "record", "lat", "lon"], kind="stable")
    assert len(city) == len(lat) == gathered.moved["listings"].sum()
    table.loc[city.index, ["lat", "lon"]] = np.stack([lat, lon], axis=1)
    by_hand = gclust.run(study_folder(tmp_path / "moved", table, merge))
    scores = gclust.uncertainty(path).scores[3]
    wanted = by_hand.ranking["score"].tolist()
    assert sorted(scores[~np.isnan(scores)].tolist()) == sorted(wanted)


def test_heavy_points_lose_what_their_discs_scatter(tmp_path):
    """City-level addresses over 300 km: Graz keeps its streets, or is no cluster any more."""
    found = gclust.uncertainty(study_folder(tmp_path, addresses(), CITY.format(300)))
    table = found.table.set_index("name")
    assert (table["score_high"].dropna() < table["score"][table["score_high"].notna()]).all()
    assert found.moved["radius_km_most"].tolist() == [300.0, 300.0]
    assert "anywhere in a disc" in found.superpopulation
    assert "The records are fixed." in found.superpopulation


EVERY = (
    '[uncertainty]\nsources = ["records", "addresses", "parameters", "weights"]\ndraws = 10\n'
    "eps_km = [8, 10]\nspread_km = { street = 0.5 }\n"
)


def test_same_bytes_for_threads_and_row_order(tmp_path):
    table = addresses()
    table.loc[table.index % 97 == 0, "record"] = np.nan
    names = ("uncertainty.csv", "pairs.csv", "moved.csv", "uncertainty.json")
    done, found = uncertainty_bytes(tmp_path, table, EVERY, names)
    assert found[0] == found[1]
    radii = done.moved.set_index(["kind", "precision"])["radius_km_most"]
    assert radii["patent", "street"] == 0.5
    assert radii["patent", "city"] == pytest.approx(city_radii_km([48.137], [11.575])[0])


def test_other_methods_jitter_too(tmp_path):
    extra = '[clusters]\nmethod = "contour"\nthreshold = 60\nbandwidth_km = 3\n' + CITY.format(3)
    found = gclust.uncertainty(study_folder(tmp_path, addresses(), extra))
    assert found.table["found"].max() == 1


@pytest.mark.parametrize(
    ("table", "extra", "message"),
    [
        (listings(), "", "sources: 'addresses' needs the column 'precision', which patent.csv, "),
        (
            addresses(),
            'precision = "town"\n',
            "precision: no address has .* 'town'; .* 'city', 's",
        ),
        (addresses(), "spread_km = { zip = 1 }\n", "spread_km: no address has the precision 'zip'"),
        (addresses(), "spread_km = { city = -1 }\n", "spread_km: city = -1; expected 0 to 1000 km"),
        (addresses(), 'spread_km = { city = "wide" }\n', "spread_km.* expected a number"),
        (addresses(), "inhabitants_per_km2 = 0\n", "inhabitants_per_km2 = 0"),
    ],
)
def test_what_cannot_be_jittered_is_refused(tmp_path, table, extra, message):
    head = '[uncertainty]\nsources = ["addresses"]\ndraws = 9\n'
    with pytest.raises(StudyError, match=message):
        gclust.uncertainty(study_folder(tmp_path, table, head + extra))


def test_on_the_terminal(tmp_path):
    path = study_folder(tmp_path, addresses(), CITY.format(5))
    done = CliRunner().invoke(main, ["uncertainty", str(path), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    moved = pd.read_csv(tmp_path / "out" / "moved.csv")
    assert f"{moved['listings'].sum():,} listings are jittered in each draw" in done.output
    read = gclust.read_uncertainty(tmp_path / "out").moved
    assert read["listings"].tolist() == moved["listings"].tolist()
    assert "9 draws of addresses (anywhere in their discs), clusters reclustered" in done.output
