"""A run says what it read, wrote and counted; it is computed again, and every file compared."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
import warnings
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.image import imsave

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.experiments.verify import tables
from gclust.experiments.verify.files import file_differences
from gclust.experiments.verify.run import PREFIX
from gclust.experiments.verify.tables import table_differences
from gclust.peak_memory import stage_memory
from gclust.pipeline import stage_counts as counting
from gclust.pipeline.provenance import resolved_study
from gclust.study.schema import study_from
from gclust.study.write_toml import study_toml
from tests.fuzz_studies import undrawn
from tests.resumed_runs import Runs
from tests.test_resume import EXTRA, KILLS, contents, write_study
from tests.worlds import listings, study_folder

INPUTS = {"areas.gpkg", "patent.csv", "pop.tif", "publication.csv"}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        yield


EVERY_OUTPUT = EXTRA.replace("panel = true", "panel = true\nfields = true\norganisations = true")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with every output and its figures, next to its study."""
    folder = tmp_path_factory.mktemp("whole")
    study = write_study(folder / "study", EVERY_OUTPUT)
    for path in study.parent.glob("*.csv"):
        table = pd.read_csv(path, dtype=str)
        number = table["record"].astype(int)
        table["field"] = "F" + (number % 3).astype(str)
        table["organisation"] = "O" + (number % 5).astype(str)
        table.to_csv(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        return gclust.run(study, folder / "run")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A small run without figures; its study reads a file from outside its folder, too."""
    folder = tmp_path_factory.mktemp("plain")
    study_folder(folder / "study")
    (folder / "elsewhere").mkdir()
    shutil.move(folder / "study" / "patent.csv", folder / "elsewhere")
    text = (folder / "study" / "study.toml").read_text()
    text = text.replace('"patent.csv"', '"../elsewhere/patent.csv"')
    (folder / "study" / "study.toml").write_text(text)
    with undrawn():
        gclust.run(folder / "study" / "study.toml", folder / "run")
    return folder


@pytest.fixture
def copy(plain, tmp_path):
    """A copy of the small run with its study and inputs."""
    return Path(shutil.copytree(plain, tmp_path / "copy"))


def verify(*words):
    with undrawn():
        done = CliRunner().invoke(main, ["verify", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stdout


# -- run.json ------------------------------------------------------------------------------


def test_a_run_records_every_input_and_output(whole):
    info = json.loads((whole.path / "run.json").read_text())
    assert info == whole.info | {"files": info["files"]}
    assert gclust.read_run(whole.path).info == whole.info
    home = whole.study.folder
    assert {each["path"] for each in info["inputs"]} == INPUTS
    for each in info["inputs"]:
        assert each["sha256"] == hashlib.sha256((home / each["path"]).read_bytes()).hexdigest()
    assert {*info["outputs"], "run.json", "ro-crate-metadata.json"} == {*info["files"]}
    for name, written in info["outputs"].items():
        data = (whole.path / name).read_bytes()
        assert written == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert {"duckdb", "GDAL of rasterio", "PROJ of pyproj", "GEOS of shapely"} < {
        *info["libraries"]
    }
    assert info["seeds"] == {"uncertainty": whole.study.uncertainty.seed}


def test_a_run_records_time_and_memory_of_every_stage(whole):
    execution = whole.info["execution"]
    assert execution["started"] <= execution["ended"]
    seconds, peaks = execution["seconds"], execution["peak_memory_mb_of_stages"]
    assert {"read listings", "cluster locations", "write results"} < {*seconds}
    assert seconds.keys() == peaks.keys()
    assert all(100 < peak <= execution["peak_memory_mb"] for peak in peaks.values())
    assert execution["study_folder"] == "../study"


def test_the_recorded_study_is_that_of_the_run(whole):
    again = study_from(whole.info["resolved_study"], folder=whole.study.folder, name="run.json")
    assert study_toml(again, whole.path) == (whole.path / "study.toml").read_text()
    assert resolved_study(again) == whole.info["resolved_study"]


def test_counts_go_through_every_stage_and_add_up(whole):
    counts, table = whole.info["counts"], whole.locations
    rows = counts["rows"]
    assert rows["read"] == rows["used"] + rows["rejected"] + rows["outside_years"]
    assert rows["rejected"] == len(whole.rejects)
    inside = table["cluster_id"] >= 0
    places = counts["locations"]
    assert (places["in_clusters"], places["noise"]) == (inside.sum(), (~inside).sum())
    weight = counts["weight"]
    assert weight["located"] == sum(weight["by_kind"].values()) == table["weight"].sum()
    assert weight["in_clusters"] == pytest.approx(table.loc[inside, "weight"].sum(), rel=1e-12)
    clusters = counts["clusters"]
    assert clusters["before_merging"] == clusters["merged"] + clusters["joined"]
    assert clusters["merged"] == len(whole.ranking)
    for kind, records in counts["records"].items():
        assert records["in_clusters"] == pytest.approx(whole.ranking[f"{kind}_count"].sum())
        assert records["world"] == records["in_clusters"] + records["elsewhere"]


@pytest.mark.parametrize(
    ("lose", "what"),
    [("weight", "weights of locations"), ("label", "clusters"), ("rows", "rows")],
)
def test_a_stage_that_loses_something_is_an_error(tmp_path, monkeypatch, lose, what):
    count = counting.stage_counts

    def losing(study, prepared, partition, counted):
        if lose == "weight":
            table = prepared.locations.copy()
            table.loc[0, "units"] -= 1
            prepared = replace(prepared, locations=table)
        elif lose == "rows":
            staged = prepared.staged
            sources = staged.sources.assign(used=staged.sources["used"] - 1)
            prepared = replace(prepared, staged=replace(staged, sources=sources))
        else:
            labels = partition.labels.copy()
            labels[labels == 0] = -1
            partition = partition._replace(labels=labels)
        return count(study, prepared, partition, counted)

    monkeypatch.setattr("gclust.pipeline.run.stage_counts", losing)
    with pytest.raises(StudyError, match=f"^{what}: a stage was given .* please report it"):
        gclust.run(study_folder(tmp_path / "study"))


def test_memory_of_a_stage_is_its_own_and_not_that_of_one_before():
    big = np.ones(60_000_000)
    with stage_memory() as first:
        again = big + 1
        time.sleep(0.2)
    del again
    with stage_memory() as second:
        time.sleep(0.1)
    assert second.mb is not None
    assert second.mb < first.mb - 200
    assert big[0] == 1


# -- ro-crate-metadata.json ----------------------------------------------------------------


def test_a_run_is_a_process_run_crate(whole):
    from rocrate.rocrate import ROCrate

    crate = ROCrate(whole.path)
    profile = crate.root_dataset["conformsTo"]
    assert profile.id == "https://w3id.org/ro/wfrun/process/0.5"
    assert crate.metadata["conformsTo"] == "https://w3id.org/ro/crate/1.1"
    action = crate.root_dataset["mentions"]
    assert action.type == "CreateAction"
    assert action["instrument"].type == "SoftwareApplication"
    assert action["instrument"]["softwareVersion"] == gclust.__version__
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    execution = whole.info["execution"]
    times = [action["startTime"], action["endTime"]]
    assert times == [execution["started"], execution["ended"]]
    inputs = {each["name"]: each for each in action["object"]}
    assert inputs.keys() == {"study.toml", *INPUTS}
    digests = {each["path"]: each["sha256"] for each in whole.info["inputs"]}
    assert all(inputs[path]["sha256"] == digest for path, digest in digests.items())
    files = {path.relative_to(whole.path).as_posix() for path in whole.path.rglob("*.*")}
    assert {each.id for each in action["result"]} == files - {"study.toml", crate.metadata.id}
    assert {each.id for each in crate.data_entities} == files - {crate.metadata.id}
    for each in crate.data_entities:
        if each.id != "run.json":
            written = whole.info["outputs"][each.id]
            assert each["sha256"] == written["sha256"]
            assert each["contentSize"] == str(written["bytes"])
    libraries = {each["name"] for each in action["instrument"]["softwareRequirements"]}
    assert libraries == {*whole.info["libraries"]}


# -- the same run --------------------------------------------------------------------------


def test_a_run_with_every_output_is_the_same_again(whole):
    before = {path: path.read_bytes() for path in whole.path.rglob("*.*")}
    done = gclust.verify(whole.path, n_jobs=1)
    assert done.same, done.files.loc[~done.files["same"]].to_dict("records")
    assert {*done.files["file"]} == {*whole.info["outputs"], "run.json", "ro-crate-metadata.json"}
    assert len(done.files) > 25
    assert done.reasons == ()
    assert {path: path.read_bytes() for path in whole.path.rglob("*.*")} == before


def test_a_run_can_be_moved_zipped_and_given_away(copy, tmp_path):
    same = (0, f"{copy / 'run'}: the same again, 11 files\n")
    assert verify(copy / "run") == same
    shutil.make_archive(str(copy / "packed"), "zip", copy, "run")  # the folder
    shutil.make_archive(str(copy / "run"), "zip", copy / "run")  # its files
    for name in ("packed.zip", "run.zip"):
        assert verify(copy / name) == (0, f"{copy / name}: the same again, 11 files\n")
    far = tmp_path / "far" / "away" / "and" / "deep"
    far.mkdir(parents=True)
    shutil.move(copy / "run", far / "renamed")
    assert verify(far / "renamed")[0] == 2
    inputs = tmp_path / "inputs"
    shutil.copytree(copy / "study", inputs)
    code, _ = verify(far / "renamed", "--inputs", inputs)
    assert code == 2  # that from outside the study's folder is not there
    shutil.copy(copy / "elsewhere" / "patent.csv", inputs)
    assert verify(far / "renamed", "--inputs", inputs) == (
        0,
        f"{far / 'renamed'}: the same again, 11 files\n",
    )


def test_columns_may_be_named_in_any_order(copy):
    """The record of a run keeps no order of keys."""
    study, run = copy / "study" / "study.toml", copy / "run"
    columns = 'columns = { record = "record", lon = "lon", lat = "lat" }'
    text = study.read_text()
    study.write_text(text.replace('kind = "patent"', f'kind = "patent"\n{columns}'))
    with undrawn():
        gclust.run(study, run, overwrite=True)
    assert '"lat" = "lat", "lon" = "lon", "record" = "record"' in (run / "study.toml").read_text()
    assert verify(run)[0] == 0


def test_an_input_that_is_not_there_is_named_by_its_digest(copy):
    data = (copy / "elsewhere" / "patent.csv").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    (copy / "elsewhere" / "patent.csv").unlink()
    with pytest.raises(StudyError, match=rf"elsewhere.patent.csv: .*{digest}.*\(--inputs\)"):
        gclust.verify(copy / "run")
    with pytest.raises(StudyError, match="nowhere: is not a folder"):
        gclust.verify(copy / "run", inputs=copy / "nowhere")


def test_absolute_paths_and_messages_of_inputs_are_no_difference(tmp_path):
    study_folder(tmp_path / "study")
    other = tmp_path / "other"
    other.mkdir()
    table = pd.read_csv(tmp_path / "study" / "patent.csv").rename(columns={"lat": "Y", "lon": "X"})
    table.to_csv(other / "patent.csv", index=False, sep=";")
    text = (tmp_path / "study" / "study.toml").read_text()
    text = text.replace('"patent.csv"', f'"{(other / "patent.csv").as_posix()}"')
    (tmp_path / "study" / "study.toml").write_text(text)
    with undrawn():
        run = gclust.run(tmp_path / "study" / "study.toml", tmp_path / "run")
        assert gclust.verify(run.path).same
    for name in ("run.json", "study.toml", "ro-crate-metadata.json"):
        assert str(tmp_path) not in (run.path / name).read_text()


def test_tables_in_memory_are_given_again(tmp_path):
    tables = {kind: rows for kind, rows in listings().groupby("kind")}
    study = gclust.Study(
        sources=[{"kind": kind, "data": rows} for kind, rows in tables.items()],
        clusters={"eps_km": 10, "min_samples": 100},
    )
    with undrawn():
        gclust.run(study, tmp_path / "run")
        with pytest.raises(StudyError, match="were a table in memory"):
            gclust.verify(tmp_path / "run")
        assert gclust.verify(tmp_path / "run", listings=tables).same
        tables["patent"] = tables["patent"].iloc[5:]
        found = gclust.verify(tmp_path / "run", listings=tables)
        with pytest.raises(StudyError, match="'deal' were no table"):
            gclust.verify(tmp_path / "run", listings={"deal": tables["patent"]})
    assert not found.same
    assert found.reasons[0].startswith("the input the table of patent is another one")


# -- another run ---------------------------------------------------------------------------


def test_a_changed_input_is_named_with_what_it_changes(copy):
    path = copy / "elsewhere" / "patent.csv"
    before = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    table = pd.read_csv(path)
    table.loc[:20, "lat"] += 0.01
    table.to_csv(path, index=False)
    after = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    code, text = verify(copy / "run")
    assert code == 1
    head, *lines = text.splitlines()
    assert head.startswith(f"{copy / 'run'}: ")
    assert head.endswith(" of 11 files differ")
    assert "  locations.parquet: " in text
    assert "lat differs in " in text
    why = lines[lines.index("That may be from:") + 1 :]
    assert why == [
        f"  the input patent.csv is another one: its sha256 is {after}..., the run read {before}..."
    ]


def test_edited_removed_and_added_files_are_named(copy):
    ranking = copy / "run" / "ranking.csv"
    ranking.write_text(ranking.read_text().replace("Munich", "Bavaria"))
    (copy / "run" / "merges.csv").unlink()
    (copy / "run" / "notes.txt").write_text("mine")  # nobody asks about that
    found = gclust_verify(copy / "run")
    assert differing(found) == {
        "ranking.csv": "name differs in 1 of 3 rows; first in row 1: Bavaria then, Munich now",
        "merges.csv": "is missing in the run's folder",
    }
    assert [reason.split(":")[0] for reason in found.reasons] == [
        "merges.csv was removed from the run's folder",
        "ranking.csv was changed after the run",
    ]


def gclust_verify(path, **how):
    with undrawn():
        return gclust.verify(path, **how)


def differing(found):
    rows = found.files[~found.files["same"]]
    return dict(zip(rows["file"], rows["differences"], strict=True))


def edit(run, change):
    info = json.loads((run / "run.json").read_text())
    change(info)
    (run / "run.json").write_text(json.dumps(info))


def test_other_versions_explain_and_are_no_difference_themselves(copy):
    def change(info):
        info["libraries"]["numpy"] = "0.1"
        info["gclust"] = "0.0.1"
        info["execution"]["machine"] = "Atari"

    edit(copy / "run", change)
    found = gclust_verify(copy / "run")
    assert found.same
    assert found.reasons[0] == f"gclust 0.0.1 made the run, this is {gclust.__version__}"
    assert found.reasons[1] == f"numpy: 0.1 then, {np.__version__} now"
    assert found.reasons[2].startswith("platform: Atari then, ")
    code, text = verify(copy / "run")
    assert code == 0
    assert "although these differ:\n  gclust 0.0.1 made the run" in text


def test_a_number_in_the_record_is_compared_too(copy):
    edit(copy / "run", lambda info: info["counts"]["rows"].update(used=7))
    found = gclust_verify(copy / "run")
    assert differing(found).keys() == {"run.json"}
    assert differing(found)["run.json"].startswith("counts.rows.used: 7 then, ")
    assert "please report it" in verify(copy / "run")[1]


def test_files_that_this_version_adds_or_leaves_out_are_named(copy):
    def change(info):
        info["outputs"]["old.csv"] = info["outputs"].pop("merges.csv")

    edit(copy / "run", change)
    found = gclust_verify(copy / "run")
    assert differing(found) == {
        "merges.csv": "is new: it was not written then",
        "old.csv": "is not written any more",
    }
    assert "another state of gclust" in found.reasons[-1]


def without_column(run, column, digest):
    """Leave out a column of ranking.csv, as code that knows none would; or as a user, by hand."""
    path = run / "ranking.csv"
    pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=column).to_csv(
        path, index=False, lineterminator="\n"
    )
    if digest:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        edit(run, lambda info: info["outputs"]["ranking.csv"].update(sha256=sha256))


def test_columns_of_another_state_of_the_code_explain(copy):
    without_column(copy / "run", "area_90", digest=True)
    code, text = verify(copy / "run")
    assert code == 1
    state = f"another state of gclust {gclust.__version__} made the run, with other files or column"
    assert f"  {state}s (ranking.csv: the column area_90 is new); run the study again" in text
    assert "report it" not in text
    # Another version says it all.
    edit(copy / "run", lambda info: info.update(gclust="0.0.1"))
    assert not any("another state" in each for each in gclust_verify(copy / "run").reasons)


def test_columns_that_a_user_left_out_are_no_other_state(copy):
    without_column(copy / "run", "area_90", digest=False)
    (reason,) = gclust_verify(copy / "run").reasons
    assert reason.startswith("ranking.csv was changed after the run")


def test_what_cannot_be_verified_is_refused(copy, tmp_path):
    with pytest.raises(StudyError, match="holds no run"):
        gclust.verify(tmp_path)
    (tmp_path / "text.zip").write_text("no ZIP")
    with pytest.raises(StudyError, match="is no ZIP file"):
        gclust.verify(tmp_path / "text.zip")
    shutil.make_archive(str(tmp_path / "study"), "zip", copy / "study")
    with pytest.raises(StudyError, match="holds no run"):
        gclust.verify(tmp_path / "study.zip")
    edit(copy / "run", lambda info: info.pop("outputs"))
    with pytest.raises(StudyError, match="an earlier version of gclust wrote this run"):
        gclust.verify(copy / "run")
    edit(copy / "run", lambda info: info.update(outputs={}, execution={}))
    with pytest.raises(StudyError, match="run.json: cannot be read"):
        gclust.verify(copy / "run")


# -- files ---------------------------------------------------------------------------------


def two(tmp_path, name, write, *contents):
    paths = [tmp_path / side / name for side in ("old", "new")]
    for path, content in zip(paths, contents, strict=True):
        path.parent.mkdir(exist_ok=True)
        write(path, content)
    return file_differences(name, *paths)


TABLE = pd.DataFrame({"name": ["a", "b", None], "score": [1.0, 2.0, np.nan], "rank": [1, 2, 3]})


def changed(**columns):
    return TABLE.assign(**columns)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (TABLE, []),
        (
            changed(score=[1.0, 2.5, np.nan]),
            [
                "score differs in 1 of 3 rows, by at most 0.5 (20 %); first in row 2: "
                "2 then, 2.5 now"
            ],
        ),
        (
            changed(name=["a", "c", "d"]),
            ["name differs in 2 of 3 rows; first in row 2: b then, c now"],
        ),
        (TABLE.iloc[:2], ["3 rows then, 2 now"]),
        (TABLE.drop(columns="rank"), ["the column rank is missing now"]),
        (changed(new=1), ["the column new is new"]),
        (TABLE[["score", "name", "rank"]], ["the columns have another order"]),
    ],
)
def test_differences_of_tables(tmp_path, ending, new, lines):
    def write(path, table):
        if ending == "csv":
            table.to_csv(path, index=False, float_format="%g")
        else:
            table.to_parquet(path, index=False)

    found = two(tmp_path, f"table.{ending}", write, TABLE, new)
    if ending == "csv":
        found = [line.replace("2.0 then", "2 then") for line in found]
    assert found == lines


def test_equal_values_in_other_bytes_are_said(tmp_path):
    def write(path, compression):
        TABLE.to_parquet(path, compression=compression)

    assert two(tmp_path, "a.parquet", write, "zstd", "gzip") == ["equal values, other bytes"]


def test_tables_are_compared_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PART", 10)
    old = pd.DataFrame({"x": np.arange(105.0)})
    new = old.copy()
    new.loc[77, "x"] += 1
    for table, path, rows in ((old, "a.parquet", 7), (new, "b.parquet", 31)):
        table.to_parquet(tmp_path / path, row_group_size=rows)
    (line,) = table_differences(
        *(tables.parquet_parts(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    )
    assert line.startswith("x differs in 1 of 105 rows, by at most 1 (1.3 %); first in row 78:")
    (line,) = table_differences([old.iloc[:50], old.iloc[50:]], [old.iloc[:50]])
    assert line == "105 rows then, 50 now"


def test_differences_of_footprints_are_measured(whole, tmp_path):
    moved = whole.clusters.copy()
    moved.geometry = moved.geometry.translate(xoff=0.25)
    expected = "geometry differs in 3 of 3 rows, by at most 0.25 degrees"
    write = gpd.GeoDataFrame.to_parquet
    assert two(tmp_path, "a.parquet", lambda p, t: write(t, p), whole.clusters, moved) == [expected]

    def package(path, table):
        table.to_file(path, driver="GPKG", layer="clusters")

    assert two(tmp_path, "a.gpkg", package, whole.clusters, moved) == [f"clusters: {expected}"]


def test_differences_of_other_files(tmp_path):
    white, spot = np.ones((10, 10, 3)), np.ones((10, 10, 3))
    spot[2, 3] = 0.5
    (line,) = two(tmp_path, "map.png", imsave, white, spot)
    assert line == "1 % of the pixels differ, by at most 50 %"
    (line,) = two(tmp_path, "map.png", imsave, white, white[:5])
    assert line == "10 by 10 pixels then, 10 by 5 now"
    text = Path.write_text
    assert two(tmp_path, "a.pdf", text, "one", "other") == ["other bytes (3 then, 5 now)"]
    assert two(tmp_path, "a.toml", text, "x = 1\ny = 2", "x = 1\ny = 3") == [
        'line 2: "y = 2" then, "y = 3" now'
    ]
    old, new = '{"a": {"b": [1, 2]}, "c": 0}', '{"a": {"b": [1, 3]}, "d": 0}'
    assert two(tmp_path, "a.json", text, old, new) == [
        "a.b number 2: 2 then, 3 now", "c is missing now", "d is new: 0",
    ]  # fmt: skip
    (line,) = two(tmp_path, "a.parquet", text, "broken", "other")
    assert line.startswith("other bytes, which cannot be read as .parquet")
    many = [json.dumps(dict.fromkeys(map(str, range(20)), side)) for side in (1, 2)]
    assert two(tmp_path, "b.json", text, *many)[-1] == "and 12 more differences"


# -- kills ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_any_moment_nothing_is_half_written(whole, kills, tmp_path):
    """Runs with every output and verifications of them, killed in turn and started again."""
    runs = Runs(whole.study.folder / "study.toml", tmp_path / "place")
    try:
        out, took = tmp_path / "run", {}
        for kind in (False, True):
            start = time.monotonic()
            assert runs.start(out, verify=kind) == 0
            took[kind] = time.monotonic() - start
        expected, rng, killed, new = contents(out), random.Random(17), 0, tmp_path / "new"
        assert not [*runs.place.iterdir()]
        for number in range(4 * kills):
            verifies = number % 2 == 0
            place = out if verifies else new
            code = runs.start(place, verify=verifies, seconds=rng.uniform(0, took[verifies]))
            assert code in (0, -9)
            assert contents(out) == expected
            if new.exists():
                assert contents(new) == expected
                shutil.rmtree(new)
            killed += code == -9
            if killed == kills:
                break
        assert killed == kills
        assert runs.start(new) == 0
        assert contents(new) == expected
        assert runs.start(out, verify=True) == 0
        assert not [*runs.place.glob(f"{PREFIX}*")]
        assert contents(out) == expected
    finally:
        runs.close()
