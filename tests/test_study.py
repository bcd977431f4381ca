"""study.toml: defaults, and errors that name file, key, what was expected, the nearest name."""

from __future__ import annotations

import tomllib

import pytest

import gclust
from gclust.errors import StudyError
from gclust.study.schema import read_study
from gclust.study.write_toml import study_toml

LEAST = '[[sources]]\nkind = "patent"\npath = "rows.csv"\n'


def read(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def test_every_key_has_a_default_but_sources(tmp_path):
    study = read(tmp_path, LEAST)
    assert study.kinds == ("patent",)
    assert study.density_kinds == ("patent",)
    assert (study.clusters.eps_km, study.clusters.min_samples) == (15.0, 4500)
    assert study.radius_km == 5.0
    assert study.density.rounding == 5
    assert study.merge.rule == "mutual"
    assert study.folder == tmp_path


def test_the_design_s_example_is_read(tmp_path):
    text = """
[study]
name = "us-2013"
top = 100
[[sources]]
kind = "patent"
path = "patents/*.parquet"
columns = { record = "appln_id", lat = "latitude", lon = "longitude" }
years = [2011, 2015]
[[sources]]
kind = "publication"
path = "p.csv"
[density]
kinds = ["patent", "publication"]
weight = "listings"
decimals = "none"
[clusters]
method = "dbscan"
eps_km = 15
min_samples = 4500
border = "nearest"
[merge]
max_gap_km = 5.0
rule = "mutual"
ties = "fractional"
noise_partner = true
[footprint]
method = "discs"
radius_km = 5.0
[names]
most = 3
least_share = 0.1
[counting]
method = "fractional"
unlocated = "drop"
totals = { patent = 1255500 }
[score]
combine = "sum"
[population]
raster = "ghs_pop.tif"
unit = "count"
"""
    study = read(tmp_path, text)
    assert study.sources[0].years == (2011, 2015)
    assert study.density.rounding is None
    assert study.counting.totals == {"patent": 1255500.0}


WRONG = [
    ("", r"study\.toml: has no \[\[sources\]\]"),
    ("sources = 3", "must be written"),
    ("[sources]\nkind = 'a'\npath = 'b'", "must be written"),
    ("[[sources]]\nkind = 'a'", r"\[\[sources\]\] number 1: expected path \(files\)"),
    (LEAST + "colums = {}", "number 1: 'colums' is not known; did you mean 'columns'"),
    (LEAST + "columns = { latt = 'x' }", "columns: 'latt' is not known; did you mean 'lat'"),
    (LEAST + "years = [2011]", "years = .2011.; expected a list of 2 whole numbers"),
    (LEAST + "years = [2015, 2011]", "run backwards"),
    (LEAST + "[cluster]", "'cluster' is not known; did you mean 'clusters'"),
    (LEAST + "[clusters]\neps = 3", r"\[clusters\] 'eps' is not known; did you mean 'eps_km'"),
    (LEAST + "[clusters]\neps_km = 'a'", "eps_km = 'a'; expected a number"),
    (LEAST + "[clusters]\neps_km = true", "eps_km = True; expected a number"),
    (LEAST + "[clusters]\neps_km = nan", "eps_km = nan; expected a number"),
    (LEAST + "[clusters]\neps_km = 0", "eps_km = 0.0; expected more than 0"),
    (LEAST + "[clusters]\neps_km = -1", "eps_km = -1.0; expected more than 0"),
    (LEAST + "[clusters]\nmin_samples = 0.5", "min_samples = 0.5; expected 1 or more"),
    (LEAST + "[clusters]\nmethod = 'dbscam'", "or 'hdbscan' or 'contour'; did you mean 'dbscan'"),
    (LEAST + "[clusters]\nborder = 'none'", "expected 'nearest' or 'first' or 'noise'"),
    (LEAST + "[density]\nkinds = ['patents']", "'patents' is not known; did you mean 'patent'"),
    (LEAST + "[density]\ndecimals = 12", "expected a number from 0 to 9"),
    (LEAST + "[density]\ndecimals = 'all'", "expected a number from 0 to 9"),
    (LEAST + "[score]\nweights = { patent = -1 }", "patent = -1.0; expected 0 or more"),
    (LEAST + "[score]\nweights = { patent = 0 }", "expected one above 0"),
    (LEAST + "[score]\nweights = { deal = 1 }", "'deal' is not known"),
    (LEAST + "[counting]\ntotals = { patent = 0 }", "expected more than 0"),
    (LEAST + "[footprint]\nof = 'core'", "of = 'core'; expected 'members' or 'cores'; did you"),
    (LEAST + "[names]\nmost = 0", "expected 1 or more"),
    (LEAST + "[names]\nleast_share = 5", "least_share = 5.0; expected 1 or less"),
    (LEAST + "[footprint]\nratio = 2", "ratio = 2.0; expected 1 or less"),
    (LEAST + "[clusters]\nmin_samples = 1e12", "expected 3.9e\\+10 or less"),
    (LEAST + "[sweep]\neps = [10]", r"\[sweep\] 'eps' is not known; did you mean 'eps_km'"),
    (LEAST + "[sweep]\neps_km = 10", "eps_km = 10; expected a list of numbers"),
    (LEAST + "[sweep]\neps_km = []", r"\[sweep\] eps_km = \[\]; expected at least one value"),
    (LEAST + "[sweep]\neps_km = [15, 0]", "eps_km = 0.0; expected more than 0"),
    (LEAST + "[sweep]\nmin_samples = [0.5, 15]", "min_samples = 0.5; expected 1 or more"),
    (LEAST + "[sweep]\ntarget_clusters = 0", "target_clusters = 0; expected 1 or more"),
    (LEAST + "[clusters]\nmetric = 'wgs84'\neps_km = 2000", "'wgs84' holds up to 1000 km"),
    (LEAST + "[density]\nkinds = []", "expected at least one kind"),
    (LEAST + LEAST.replace("patent", "Patent"), "differ by case alone"),
    ("[[sources]]\nkind = 'uncovered'\npath = 'b'", "cannot name columns"),
    (LEAST + "[merge]\nnoise_partner = 1", "expected true or false"),
    ("[[sources]]\nkind = 'total'\npath = 'b'", "cannot name columns"),
    ("[[sources]]\nkind = 'a\\nb'\npath = 'b'", "kind"),
    ("[[sources", "is not TOML"),
    (LEAST + "[[indicators]]\ncolumn = 'x'", "number 1: 'name' is missing"),
    (LEAST + "[[density]]\ndecimals = 3", "expected keys and values"),
    (LEAST + "[heaps]\non = true", r"\[heaps\] is called \[centroid_geocodes\] now"),
    (
        LEAST + "[uncertainty]\nformed = 'anew'",
        r"\[uncertainty\] formed is called clusters now; expected clusters = 'reclustered'",
    ),
    (LEAST + "[uncertainty]\nformed = 3", "formed is called clusters now"),
    (LEAST + "[uncertainty]\nclusters = 'held'", "'fixed' or 'reclustered'; it is called 'fixed'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_errors_help(tmp_path, text, message):
    with pytest.raises(StudyError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).count("study.toml") == 1


def test_a_section_in_python_is_a_mapping_or_its_class():
    sources = [gclust.Source(kind="patent", path="rows.csv")]
    study = gclust.Study(sources=sources, density={"decimals": 3}, merge=gclust.Merge(rule="none"))
    assert (study.density, study.merge.rule) == (gclust.Density(decimals=3), "none")
    for section in ({"density": 3}, {"clusters": "dbscan"}, {"merge": gclust.Density()}):
        with pytest.raises(StudyError, match="expected keys and values"):
            gclust.Study(sources=sources, **section)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(StudyError, match=r"nothing\.toml: cannot be read: No such file"):
        read_study(tmp_path / "nothing.toml")
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="is not UTF-8"):
        read_study(tmp_path / "study.toml")


def test_a_written_study_reads_back_the_same(tmp_path):
    study = read(
        tmp_path,
        '[study]\nname = "é \\"quoted\\" \\u007f"\n'
        + LEAST
        + 'columns = { lat = "a b", lon = "c\\\\d" }\nyears = [2011, 2015]\n'
        + '[counting]\ntotals = { patent = 12.5 }\n[population]\nraster = "pop.tif"\n'
        + "[sweep]\neps_km = [10, 12.5]\ntarget_clusters = 237\n",
    )
    home = tmp_path / "run"
    home.mkdir()
    text = study_toml(study, home)
    tomllib.loads(text)
    (home / "study.toml").write_text(text, encoding="utf-8")
    again = gclust.read_study(home / "study.toml")
    assert again.sources[0].path == "../rows.csv"
    assert again.population.raster == "../pop.tif"
    assert again.study == study.study
    assert again.clusters == study.clusters
    assert again.counting == study.counting
    assert again.sweep == study.sweep
    assert again.sources[0].columns == study.sources[0].columns
