"""Output folders with files missing, cut off or garbled: one sentence that names the file."""

from __future__ import annotations

import random
import shutil

import pytest

import gclust
from gclust.errors import StudyError
from tests.fuzz_studies import judge, undrawn
from tests.worlds import study_folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run, a sweep and a comparison of one study, without their figures."""
    folder = tmp_path_factory.mktemp("whole")
    extra = "[clusters]\neps_km = 10\nmin_samples = 100\n[members]\non = true\n"
    extra += "[sweep]\neps_km = [9, 10]\nmin_samples = [100]\n"
    study = study_folder(folder / "study", extra=extra)
    with undrawn():
        run = gclust.run(study, folder / "run")
        gclust.sweep(study, out=folder / "sweep")
        gclust.compare(run, run, folder / "comparison")
        gclust.uncertainty(study, folder / "uncertainty")
    return folder


def cut(path, rng):
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def flipped(path, rng):
    data = bytearray(path.read_bytes())
    for _ in range(20):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(bytes(data))


def folder_instead(path, rng):
    path.unlink()
    path.mkdir()


SPOILS = [
    cut,
    flipped,
    folder_instead,
    lambda path, rng: path.unlink(),
    lambda path, rng: path.write_bytes(b""),
    lambda path, rng: path.write_bytes(rng.randbytes(3000)),
    lambda path, rng: path.write_text("[]"),
    lambda path, rng: path.write_text("{}"),
    lambda path, rng: path.write_text("a,b\n1,2\n"),
    lambda path, rng: path.write_text("[" * 9000),
]
READ = {
    "run": (gclust.read_run, [
        "run.json", "study.toml", "clusters.parquet", "locations.parquet", "rejects.parquet",
        "contributions.csv", "merges.csv", "members.csv", "member_ties.csv",
    ]),
    "sweep": (gclust.read_sweep, [
        "sweep.json", "study.toml", "sweep.parquet", "clusters.parquet", "ranks.parquet",
        "plateaus.parquet", "k_distance.parquet",
    ]),
    "comparison": (gclust.read_comparison, [
        "comparison.json", "study-a.toml", "study-b.toml", "comparison.parquet",
        "lineage.parquet", "decomposition.parquet", "coalitions.parquet",
    ]),
    "uncertainty": (gclust.read_uncertainty, [
        "uncertainty.json", "study.toml", "uncertainty.parquet", "pairs.parquet",
        "scores.parquet",
    ]),
}  # fmt: skip
CASES = [(what, name) for what, (_, names) in READ.items() for name in names]


@pytest.mark.parametrize(("what", "name"), CASES, ids=lambda each: each)
def test_a_broken_file_is_named(whole, tmp_path, what, name):
    read, _ = READ[what]
    read(whole / what)
    refused = 0
    for number, spoil in enumerate(SPOILS):
        shutil.copytree(whole / what, tmp_path / str(number) / what)
        folder = tmp_path / str(number) / what
        spoil(folder / name, random.Random(number))
        try:
            read(folder)
        except StudyError as error:
            refused += 1
            said = str(error)
            assert name in said or what in said, said
            assert "\n" not in said
    assert refused >= 5 or name.endswith((".csv", ".toml")), refused


def test_what_is_missing_is_said_to_be(whole, tmp_path):
    for what, name in CASES:
        if name.endswith(".toml"):
            continue
        folder = tmp_path / what / name
        shutil.copytree(whole / what, folder)
        (folder / name).unlink()
        with pytest.raises(StudyError, match=f"{name}.* is missing|holds no {what} .no {name}"):
            READ[what][0](folder)


@pytest.mark.parametrize("name", ["locations.parquet", "merges.csv", "run.json"])
def test_a_comparison_with_a_broken_run_ends_with_one_sentence(whole, tmp_path, name, capsys):
    from gclust.cli import main

    for number, spoil in enumerate(SPOILS):
        folder = tmp_path / f"{number}"
        shutil.copytree(whole / "run", folder)
        spoil(folder / name, random.Random(number))
        words = ["compare", str(folder), str(whole / "run"), "--no-decompose"]
        words += ["-o", str(tmp_path / f"{number}-out")]
        with pytest.raises(SystemExit) as ended:
            main(words, prog_name="gclust")
        said = capsys.readouterr()
        judge(ended.value.code, said.out, said.err)
        assert ended.value.code == 0 or not (tmp_path / f"{number}-out").exists()
