"""The paper of examples/paper: from the published files to a PDF whose numbers are those found."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.tree import ROOT

PAPER = ROOT / "examples" / "paper"

SMALL = {
    "sweep": "[sweep]\neps_km = [11, 13]\nmin_samples = [1500, 2000]\n",
    "uncertainty": "[uncertainty]\ncv = { research = 0.04 }\ndraws = 200\n",
}
"""Sections of the experiments that take seconds; the runs have their full size."""

NUMBER_WORDS = """
    two three four five six seven eight nine ten eleven twelve thirteen fifteen twenty thirty fifty
    hundred thousand million
"""
RULES = {
    *("fetch", "listings", "run", "study_of_experiment", "experiment", "compare", "verify"),
    *("figure", "methods", "numbers", "paper"),
}


def missing() -> str:
    """Say what the workflow needs and is not there; empty if nothing."""
    needed = ("snakemake", "typst", "pypdf")
    found = [name for name in needed if importlib.util.find_spec(name) is None]
    return f"needs {' and '.join(found)}: pip install '.[dev,paper]'" if found else ""


def snakemake(folder: Path, *arguments: str, mirror: Path) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of the example, as a user with this environment active would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "-c2", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PATH": path,
            "GCLUST_MIRROR": str(mirror),
            "XDG_CACHE_HOME": str(folder / ".cache"),
        },
        capture_output=True,
        encoding="utf-8",
    )


def rules_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the rules that ran, or would."""
    return re.findall(r"^(?:local)?rule (\w+):$", done.stdout + done.stderr, flags=re.M)


def planned(folder: Path, mirror: Path) -> Counter[str]:
    """Return how often each rule would run."""
    return Counter(rules_of(snakemake(folder, "--dry-run", mirror=mirror)))


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace a part of a file that is there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def double_first_weight(path: Path) -> None:
    """Double the weight of the first listing of a file."""
    table = pq.read_table(path)
    weights = table["weight"].to_numpy().copy()
    weights[0] *= 2
    place = table.schema.get_field_index("weight")
    pq.write_table(table.set_column(place, table.schema.field(place), [weights]), path)


def text_of(pdf: Path) -> list[str]:
    """Return the text of each page, with single blanks."""
    from pypdf import PdfReader

    return [" ".join(page.extract_text().split()) for page in PdfReader(pdf).pages]


@pytest.fixture(scope="module")
def needed() -> None:
    """Skip without Snakemake and Typst; fail in CI, but on the Python without them."""
    if reason := missing():
        if os.environ.get("CI") and not os.environ.get("GCLUST_TESTS_WITHOUT_PAPER"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def copied(needed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, with small experiments."""
    folder = tmp_path_factory.mktemp("paper") / "paper"
    shutil.copytree(
        PAPER, folder, ignore=shutil.ignore_patterns("data", "results", ".snakemake", "__pycache__")
    )
    for name, section in SMALL.items():
        (folder / "studies" / f"{name}.toml").write_text(section, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built(copied: Path, shared_data: Path) -> Path:
    """The example after ``snakemake -c2``."""
    done = snakemake(copied, mirror=shared_data / "us_innovation")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(rules_of(done)) == RULES
    return copied


def test_text_has_no_number_that_was_typed() -> None:
    text = (PAPER / "paper.typ").read_text(encoding="utf-8")
    typed = re.sub(r"^//.*$", "", text, flags=re.M)
    typed = re.sub(r"@[a-z]+[0-9]{4}", "", typed)  # keys of works
    assert not re.findall(r".*[0-9].*", typed)
    words = set(re.findall(r"[a-z]+", typed.lower())) & set(NUMBER_WORDS.split())
    assert words == set()
    # A semicolon ends a macro, and would not be printed.
    assert not re.findall(r"#n[.\w]+;", typed)


def test_files_that_the_rules_name_are_there() -> None:
    text = (PAPER / "Snakefile").read_text(encoding="utf-8")
    scripts = set(re.findall(r"scripts/\w+\.py", text))
    assert scripts == {f"scripts/{path.name}" for path in (PAPER / "scripts").glob("*.py")}
    readme = (PAPER / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^rule (\w+):$", text, flags=re.M))
    assert named == RULES
    assert {name for name in named if f"`{name}`" not in readme} == set()


def test_paper_has_four_pages_and_the_numbers_of_its_run(built: Path) -> None:
    pages = text_of(built / "results" / "paper.pdf")
    assert len(pages) == 4
    text = " ".join(pages)
    ranking = pd.read_csv(built / "results" / "later" / "ranking.csv")
    sets = pd.read_csv(built / "results" / "uncertainty" / "uncertainty.csv")
    for row, drawn in zip(ranking.head(15).itertuples(), sets.itertuples(), strict=False):
        low, high = drawn.rank_set_low, drawn.rank_set_high
        assert (
            f"{row.rank} {row.name} {row.patent_share:.1f} {row.research_share:.1f}"
            f" {row.deal_share:.1f} {row.score:.1f} {drawn.score_low:.1f}–{drawn.score_high:.1f}"
            f" {low if low == high else f'{low}–{high}'} "
        ) in text
    assert f"we find {len(ranking)} clusters" in text
    ratio = ranking["score"][0] / ranking["score"][1]
    assert f"leads with {ratio:.1f} times the score of {ranking['name'][1]}" in text
    patents = ranking["patent_count"].sum() / (ranking["patent_share"].sum() / 100)
    assert f"From {patents:,.0f} patents (2011–2015)" in text
    sweep = pd.read_csv(built / "results" / "sweep" / "sweep.csv")
    low, high = sweep["n_clusters"].min(), sweep["n_clusters"].max()
    assert (
        f"Over 4 pairs of radius and threshold the number of clusters runs over {low}–{high}"
        in (text)
    )
    run = json.loads((built / "results" / "later" / "run.json").read_text(encoding="utf-8"))
    assert run["outputs"]["ranking.csv"]["sha256"][:16] in text


def test_methods_are_those_of_the_report(built: Path) -> None:
    """Nothing of the paragraph is lost on the way to Typst."""
    from gclust.experiments.report.run import run_methods

    results = built / "results"
    done = run_methods(
        results / "later", also=[results / "uncertainty", results / "comparison"]
    ).text
    shown = " ".join(text_of(results / "paper.pdf"))
    for sentence in re.split(r"(?<=\.) ", done):
        if "-" in sentence or "[" in sentence:
            continue  # hyphens at the ends of lines; citations are cut out
        plain = re.sub(r"\W", "", sentence)
        assert plain in re.sub(r"\[\d+\]|\W", "", shown), sentence


def test_changed_input_changes_the_text_and_only_what_depends_on_it(
    built: Path, shared_data: Path
) -> None:
    """A parameter, with the paper built again; a record's weight and a period, as plans."""
    mirror = shared_data / "us_innovation"
    replace_in(built / "studies" / "uncertainty.toml", "draws = 200", "draws = 201\nlevel = 0.5")
    done = snakemake(built, mirror=mirror)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Counter(rules_of(done)) == Counter(
        ("study_of_experiment", "experiment", "figure", "methods", "numbers", "paper")
    )
    sets = pd.read_csv(built / "results" / "uncertainty" / "uncertainty.csv")
    alone = (sets["rank_set_low"] == sets["rank_set_high"]).sum()
    text = " ".join(text_of(built / "results" / "paper.pdf"))
    assert f"leaves one rank alone to {alone} of the clusters, at a joint level of 50 per" in text
    assert "measured by 201 draws" in text
    assert planned(built, mirror) == Counter()

    # The earlier period has no research, and the listings need not be written again.
    double_first_weight(built / "data" / "research.parquet")
    later = Counter(RULES - {"fetch", "listings", "study_of_experiment"})
    later += Counter(experiment=1, figure=4)
    assert planned(built, mirror) == later
    replace_in(built / "studies" / "earlier.toml", "[2004, 2008]", "[2005, 2008]")
    assert planned(built, mirror) == later + Counter(run=1)


def test_altered_source_is_refused(copied: Path, shared_data: Path, tmp_path: Path) -> None:
    mirror, folder = tmp_path / "mirror", tmp_path / "paper"
    mirror.mkdir()
    for path in (shared_data / "us_innovation").iterdir():
        (mirror / path.name).symlink_to(path)
    altered = mirror / "USPTO_county.csv"
    content = altered.read_bytes()
    altered.unlink()
    altered.write_bytes(content + b"\n")
    folder.mkdir()
    for name in ("Snakefile", "config.yaml", "scripts"):
        (folder / name).symlink_to(copied / name)
    done = snakemake(folder, "data/sources.json", mirror=mirror)
    assert done.returncode != 0
    assert "USPTO_county.csv" in done.stderr
    assert "expected 276bca3133107c211f105ff84ffd46f3" in done.stderr
    assert not (folder / "data" / "sources.json").exists()
