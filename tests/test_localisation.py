"""K-densities and the index of Ellison and Glaeser, against oracles; localisation of studies."""

from __future__ import annotations

import itertools
from dataclasses import replace

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.localisation.bands import confidence_bands
from gclust.experiments.localisation.ellison_glaeser import _index
from gclust.experiments.localisation.k_density import silverman_km
from gclust.kernels.spatial import pair_distances as pairs
from gclust.results.columns.localisation import TABLES
from gclust.sphere import arc_km, unit_vectors


def distances(lat, lon):
    vectors = unit_vectors(lat, lon)
    one, other = np.triu_indices(len(lat), 1)
    return arc_km(np.linalg.norm(vectors[one] - vectors[other], axis=1))


@pytest.mark.parametrize("width_km", [0.05, 3.0, 700.0])
def test_pairs_are_counted_in_the_bins_of_their_distances(width_km):
    rng = np.random.default_rng(5)
    lat = np.concatenate([rng.uniform(-80, 80, 40), rng.normal(10, 0.01, 40), [0.0, 0.0, 7.0]])
    lon = np.concatenate([rng.uniform(-180, 180, 40), rng.normal(8, 0.01, 40), [0.0, -180.0, 7.0]])
    n, weight = len(lat), rng.integers(1, 9, len(lat))
    bins, chosen = pairs.distance_bins(width_km, 40), np.arange(n)
    vectors = pairs.vectors_of(lat, lon)
    found = pairs.pair_counts(vectors, chosen, weight, bins, 1)
    at = np.minimum(distances(lat, lon) / width_km, 39).astype(int)
    one, other = np.triu_indices(n, 1)
    np.testing.assert_array_equal(found[0], np.bincount(at, minlength=40))
    np.testing.assert_array_equal(found[1], np.bincount(at, weight[one] * weight[other], 40))
    np.testing.assert_array_equal(found, pairs.pair_counts(vectors, chosen, weight, bins, 3))
    some = np.array([3, 50, 82, 7])
    few = pairs.pair_counts(vectors, some, np.ones(4, dtype=np.int64), bins, 1)
    assert few[0].sum() == 6


def test_chosen_points_are_different_and_all_as_likely():
    seen = np.zeros(12, dtype=int)
    for draw in range(3000):
        chosen = pairs.chosen_points(12, 4, 7, draw)
        assert len(set(chosen.tolist())) == 4
        seen[chosen] += 1
    assert np.abs(seen - 1000).max() < 5 * np.sqrt(1000 * 2 / 3)
    assert pairs.chosen_points(5, 5, 1, 0).sum() == 10


def curve_of(distance, at, h):
    """The K-density of distances, each by itself."""
    kernel = [np.exp(-0.5 * ((at[:, None] + sign * distance) / h) ** 2) for sign in (-1, 1)]
    return sum(kernel).mean(axis=1) / (h * np.sqrt(2 * np.pi))


def some_sites(n=240, n_dense=40, seed=1):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"lat": rng.uniform(45, 49, n), "lon": rng.uniform(5, 9, n)})
    table["field"] = np.where(np.arange(n) < n_dense, "optics", "others")
    table.loc[: n_dense // 2 - 1, ["lat", "lon"]] = rng.normal([47.5, 7.5], 0.05, (n_dense // 2, 2))
    table["records"] = rng.integers(1, 50, n)
    return table


def test_k_densities_are_those_of_all_distances():
    sites = some_sites()
    found = gclust.k_density(sites, draws=40, n_jobs=1)
    assert found.most_km == pytest.approx(np.median(distances(sites["lat"], sites["lon"])))
    for row in found.table.itertuples():
        own = sites[sites["field"] == row.field]
        apart = distances(own["lat"], own["lon"])
        quarter = np.subtract(*np.quantile(apart, [0.75, 0.25]))
        bandwidth = 0.9 * min(apart.std(ddof=1), quarter / 1.34) * len(apart) ** -0.2
        assert row.bandwidth_km == pytest.approx(bandwidth, rel=2e-3)
        curve = found.curves[found.curves["field"] == row.field]
        exact = curve_of(apart, curve["distance_km"].to_numpy(), row.bandwidth_km)
        np.testing.assert_allclose(curve["k_density"], exact, atol=2e-4 * exact.max())
    whole = gclust.k_density(sites, draws=20, most_km=900.0, n_jobs=1)
    step = whole.curves["distance_km"].iloc[1]
    for _, curve in whole.curves.groupby("field"):  # reflection loses nothing
        area = step * (curve["k_density"].sum() - 0.5 * curve["k_density"].iloc[[0, -1]].sum())
        assert area == pytest.approx(1.0, abs=2e-3)


def test_weighted_pairs_count_with_the_product_of_their_weights():
    sites = some_sites()
    found = gclust.k_density(sites, weight="records", draws=20, n_jobs=1)
    own = sites[sites["field"] == "optics"]
    one, other = np.triu_indices(len(own), 1)
    product = (own["records"].to_numpy()[one] * own["records"].to_numpy()[other]).astype(float)
    curve, h = found.curves[found.curves["field"] == "optics"], found.table["bandwidth_km"][0]
    at, apart = curve["distance_km"].to_numpy(), distances(own["lat"], own["lon"])
    kernel = [np.exp(-0.5 * ((at[:, None] + s * apart) / h) ** 2) for s in (-1, 1)]
    exact = sum(kernel) @ product / product.sum() / (h * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(curve["k_density"], exact, atol=2e-4 * exact.max())
    equal = gclust.k_density(sites.assign(records=3), weight="records", draws=20, n_jobs=1)
    plain = gclust.k_density(sites, draws=20, n_jobs=1)
    np.testing.assert_allclose(equal.curves["k_density"], plain.curves["k_density"], rtol=1e-12)


def test_localised_fields_are_found_in_any_order_of_rows():
    sites = some_sites()
    found = gclust.k_density(sites, draws=199, n_jobs=1)
    optics = found.table.set_index("field").loc["optics"]
    assert optics["localised"]
    assert not optics["dispersed"]
    assert optics["p_localised"] <= 0.02
    assert 0.05 < optics["localisation"] < 0.5
    assert optics["most_localised_km"] < 20
    mixed = sites.sample(frac=1, random_state=3)
    again = gclust.k_density(mixed, draws=199, n_jobs=3)
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.curves, found.curves)


def test_a_site_of_two_fields_is_one_of_all_sites():
    sites = some_sites().assign(site=np.arange(240))
    both = pd.concat([sites, sites.head(30).assign(field="lasers")], ignore_index=True)
    found = gclust.k_density(both, draws=20, n_jobs=1)
    assert found.n_sites == 240
    assert found.table["field"].tolist() == ["lasers", "optics", "others"]
    assert found.table["sites"].tolist() == [30, 40, 200]


def test_random_fields_are_localised_in_the_share_of_the_level():
    """Sites of a field are a random subset, so that 5 % are localised by the global band."""
    rng = np.random.default_rng(2)
    found = []
    for trial in range(40):
        sites = some_sites(90, 20, seed=9)
        sites["field"] = "others"
        sites.loc[rng.permutation(90)[:20], "field"] = "random"
        result = gclust.k_density(sites, draws=39, seed=trial, n_jobs=1)
        found.append(result.table.set_index("field").loc["random"])
    table = pd.DataFrame(found)
    for name in ("p_localised", "p_dispersed"):
        assert 0.4 < table[name].astype(float).mean() < 0.6
        assert (table[name] <= 0.1).mean() <= 0.22
    assert table["localised"].mean() <= 0.15


def test_bands_are_crossed_by_the_share_of_the_level():
    rng = np.random.default_rng(1)
    drawn = np.cumsum(rng.normal(size=(999, 50)), axis=1)
    bands = confidence_bands(drawn[0], drawn, 0.9)
    assert np.mean(drawn > bands.local_high, axis=0).max() <= 0.051
    above = (drawn > bands.global_high).any(axis=1).mean()
    below = (drawn < bands.global_low).any(axis=1).mean()
    assert 0.045 < above <= 0.05
    assert 0.045 < below <= 0.05
    assert (bands.global_high >= bands.local_high).all()
    assert (bands.global_low <= bands.local_low).all()
    extreme = confidence_bands(drawn.max(axis=0) + 1, drawn, 0.9)
    assert (extreme.p_above, extreme.p_below) == (1 / 1000, 1.0)
    same = np.tile(drawn[:1], (9, 1))
    assert confidence_bands(drawn[0], same, 0.5).p_above == 1.0


def test_bandwidth_of_sites_at_few_points():
    middle = np.array([0.5, 1.5, 2.5])
    assert silverman_km(np.array([10, 0, 0]), middle, 0.25) == 0.25
    most = silverman_km(np.array([90, 0, 10]), middle, 0.01)  # no distance between the quartiles
    deviation = np.std(np.repeat(middle, [90, 0, 10]), ddof=1)
    assert most == pytest.approx(0.9 * deviation * 100**-0.2)


def test_wrong_sites_are_refused():
    sites = some_sites()
    for wrong, message in {
        "field": "no column 'field'",
        "lat": "no column 'lat'",
    }.items():
        with pytest.raises(ValueError, match=message):
            gclust.k_density(sites.drop(columns=wrong))
    with pytest.raises(ValueError, match="missing values"):
        gclust.k_density(sites.assign(field=None))
    with pytest.raises(ValueError, match="no field has 10 sites"):
        gclust.k_density(sites.head(9))
    with pytest.raises(ValueError, match="expected 19 or more"):
        gclust.k_density(sites, draws=18)
    with pytest.raises(ValueError, match="latitudes from -90"):
        gclust.k_density(sites.assign(lat=99.0))
    with pytest.raises(ValueError, match="must be above 0"):
        gclust.k_density(sites.assign(records=0), weight="records")
    with pytest.raises(ValueError, match="give most_km"):
        gclust.k_density(sites.assign(lat=45.0, lon=5.0))


def test_the_index_by_hand():
    """Two areas with 3/4 and 1/4 of all; field a has two equal plants in the first."""
    plants = pd.DataFrame(
        {"field": list("aabb"), "area": list("EEEW"), "weight": [1.0, 1.0, 1.0, 1.0]}
    )
    found = gclust.ellison_glaeser(plants).set_index("field")
    a = found.loc["a"]
    # G = (1 - 3/4)^2 + (0 - 1/4)^2 = 1/8; 1 - sum x^2 = 3/8; H = 1/2.
    assert a["raw"] == pytest.approx(1 / 8)
    assert a["raw_expected"] == pytest.approx(3 / 16)
    assert a["gamma"] == pytest.approx((1 / 8 - 3 / 16) / (3 / 8 * 1 / 2))
    one_big = plants.assign(weight=[9.0, 1.0, 1.0, 1.0])
    big = gclust.ellison_glaeser(one_big).set_index("field").loc["a"]
    x = np.array([11, 1]) / 12
    raw = (1 - x[0]) ** 2 + x[1] ** 2
    h, free = 0.81 + 0.01, 1 - (x**2).sum()
    assert big["herfindahl"] == pytest.approx(h)
    assert big["gamma"] == pytest.approx((raw - free * h) / (free * (1 - h)))


def test_moments_are_those_of_all_choices():
    x, z = np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.2, 0.2, 0.1])
    mean = square = gamma = 0.0
    for areas in itertools.product(range(3), repeat=4):
        probability = np.prod(x[list(areas)])
        raw = ((np.bincount(areas, z, 3) - x) ** 2).sum()
        mean, square = mean + probability * raw, square + probability * raw**2
        gamma += probability * _index(raw, z, x)["gamma"]
    found = _index(0.0, z, x)
    assert found["raw_expected"] == pytest.approx(mean)
    assert found["raw_sd"] == pytest.approx(np.sqrt(square - mean**2))
    assert gamma == pytest.approx(0.0, abs=1e-15)


def some_areas():
    boxes = [shapely.box(5 + i, 45 + j, 6 + i, 46 + j) for i in range(4) for j in range(4)]
    return gpd.GeoDataFrame({"name": [f"a{n:02d}" for n in range(16)]}, geometry=boxes, crs=4326)


def test_areas_are_found_by_polygons():
    sites, areas = some_sites(), some_areas()
    found = gclust.ellison_glaeser(sites, areas, weight="records")
    number = (sites["lon"] - 5).astype(int) * 4 + (sites["lat"] - 45).astype(int)
    same = gclust.ellison_glaeser(sites.assign(area=number), weight="records")
    pd.testing.assert_frame_equal(found, same)
    mixed = gclust.ellison_glaeser(
        sites.sample(frac=1, random_state=1), areas.to_crs(3857), weight="records"
    )
    pd.testing.assert_frame_equal(found, mixed)
    optics = found.set_index("field").loc["optics"]
    assert optics["gamma"] > 0.05
    assert optics["p_value"] < 0.02
    few = gclust.ellison_glaeser(sites, areas.head(8), weight="records")
    inside = number < 8
    assert few["plants"].sum() == inside.sum()
    with pytest.raises(ValueError, match="no plant lies in any area"):
        gclust.ellison_glaeser(sites.assign(lat=0.0), areas, weight="records")
    with pytest.raises(ValueError, match="two or more"):
        gclust.ellison_glaeser(sites.assign(area=1), weight="records")
    with pytest.raises(ValueError, match="no column 'area'"):
        gclust.ellison_glaeser(sites, weight="records")


def test_random_plants_have_an_index_of_zero_and_uniform_p_values():
    rng = np.random.default_rng(8)
    x, gammas, p_values = np.array([0.4, 0.3, 0.2, 0.1]), [], []
    area = np.repeat(range(4), (x * 4000).astype(int))
    base = pd.DataFrame({"field": "b", "area": area, "weight": 1.0})
    for trial in range(60):
        size = rng.lognormal(0, 1, 30)
        mine = pd.DataFrame({"field": "a", "area": rng.choice(4, 30, p=x), "weight": size / 1e3})
        table = gclust.ellison_glaeser(pd.concat([base, mine]), draws=99, seed=trial)
        row = table.set_index("field").loc["a"]
        gammas.append(row["gamma"])
        p_values.append(row["p_value"])
    error = np.std(gammas) / np.sqrt(60)
    assert abs(np.mean(gammas)) < 3.5 * error
    assert 0.35 < np.mean(p_values) < 0.65


def localisation_study(folder, **options):
    """A study of 120 organisations in two fields, one of them at home in one town."""
    rng = np.random.default_rng(4)
    rows = []
    for number in range(120):
        field = "optics" if number < 40 else "chemistry"
        near = number < 25
        lat, lon = rng.normal([47.5, 7.5], 0.05) if near else rng.uniform([45, 5], [49, 9])
        for record in range(1 + number % 4):
            rows.append((f"o{number}-{record}", lat, lon, f"o{number}", field))
        rows.append((f"o{number}-x", *rng.uniform([45, 5], [49, 9]), f"o{number}", field))
    table = pd.DataFrame(rows, columns=["record", "lat", "lon", "organisation", "field"])
    some_areas().to_file(folder / "areas.gpkg")
    return gclust.Study(
        sources=[{"kind": "patent", "data": table}],
        places={"given": "areas.gpkg"},
        localisation={"draws": 99, **options},
        folder=folder,
    )


def test_localisation_of_a_study(tmp_path):
    study = localisation_study(tmp_path)
    found = gclust.localisation(study, tmp_path / "out", n_jobs=1)
    table = found.k_density.table.set_index("field")
    assert found.units == "organisations"
    assert found.k_density.n_sites == 120
    assert table["sites"].to_dict() == {"optics": 40, "chemistry": 80}
    assert table.loc["optics", "localised"]
    index = found.ellison_glaeser.set_index("field")
    assert index.loc["optics", "gamma"] > 0.1
    assert index["weight"].sum() == pytest.approx(len(study.sources[0].data))
    back = gclust.read_localisation(tmp_path / "out")
    for name in ("table", "curves"):
        pd.testing.assert_frame_equal(getattr(back.k_density, name), getattr(found.k_density, name))
    pd.testing.assert_frame_equal(back.ellison_glaeser, found.ellison_glaeser)
    assert repr(back) == repr(found)
    for name in ("k_density", "k_density_curves", "ellison_glaeser"):
        described = [column.name.replace("<by>", "field") for column in TABLES[name].columns]
        header = (tmp_path / "out" / f"{name}.csv").read_text("utf-8").split("\n")[0]
        assert header.split(",") == described
    assert (tmp_path / "out" / "figures" / "k_density.pdf").is_file()
    weighted = gclust.localisation(localisation_study(tmp_path, weighted=True), n_jobs=1)
    assert not weighted.k_density.curves.equals(found.k_density.curves)
    with pytest.raises(ValueError, match="has no K-density; known: optics, chemistry"):
        found.plot("physics")
    axes = found.plot()
    assert len(axes.lines) == 3
    plt.close("all")


def test_sites_are_the_main_locations_or_all(tmp_path):
    rows = [
        ("1", 46.0, 6.0, "a", "x"), ("2", 46.0, 6.0, "a", "y"), ("3", 47.0, 7.0, "a", "x"),
        ("4", 45.0, 5.0, None, "x"), ("5", 45.0, 5.0, "b", None),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["record", "lat", "lon", "organisation", "field"])
    more = pd.DataFrame({"record": range(10, 22), "lat": np.linspace(45, 49, 12), "lon": 8.0})
    more["organisation"], more["field"] = more["record"].astype(str), "x"
    data = pd.concat([table, more.assign(record=more["record"].astype(str))], ignore_index=True)
    study = gclust.Study(sources=[{"kind": "p", "data": data}], localisation={"draws": 19 + 1})
    found = gclust.localisation(study, n_jobs=1)
    assert found.k_density.n_sites == 13
    assert found.warnings == (
        "5.9 % of the records have no field: left out",
        "6.2 % of the records have no organisation: left out",
    )
    places = gclust.localisation(
        replace(study, localisation={"draws": 20, "units": "locations"}), n_jobs=1
    )
    assert places.k_density.n_sites == 12 + 3
    nameless = replace(study, sources=[{"kind": "p", "data": data.assign(organisation=None)}])
    assert gclust.localisation(nameless, n_jobs=1).units == "locations"
    wanted = {"draws": 20, "units": "organisations"}
    with pytest.raises(StudyError, match="no listing has an organisation"):
        gclust.localisation(replace(nameless, localisation=wanted))
    fieldless = replace(study, sources=[{"kind": "p", "data": data.assign(field=None)}])
    with pytest.raises(StudyError, match="no listing has a field"):
        gclust.localisation(fieldless)
    by_kind = {"by": "kind", "draws": 20}
    few = replace(study, sources=[{"kind": "p", "data": table}], localisation=by_kind)
    with pytest.raises(StudyError, match=r"\[localisation\]: no kind has 10 sites"):
        gclust.localisation(few)


def test_the_command(tmp_path):
    study = gclust.datasets.example_study(tmp_path / "study")
    text = study.read_text(encoding="utf-8")
    options = '[localisation]\nby = "kind"\nunits = "locations"\ndraws = 20\n'
    study.write_text(f"{text}\n{options}", encoding="utf-8")
    done = CliRunner().invoke(main, ["localise", str(study), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    for words in ("patent", "publication", "20 draws of sites among all", "global band"):
        assert words in done.output
    assert (tmp_path / "out" / "localisation.json").is_file()
