"""The paper of examples/paper: from the published files to a PDF whose numbers are those found."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[1]
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
    *("figures", "methods", "numbers", "paper"),
}


def missing() -> str:
    """Say what the workflow needs and is not there; empty if nothing."""
    found = [name for name in ("snakemake", "typst", "pypdf") if not importlib.util.find_spec(name)]
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


def test_changed_period_changes_the_text_and_only_what_depends_on_it(
    built: Path, shared_data: Path
) -> None:
    study, mirror = built / "studies" / "earlier.toml", shared_data / "us_innovation"
    deals = pq.read_table(built / "data" / "deal.parquet").to_pandas()
    located = deals[deals["lat"].notna()]

    def rounds(first: int, last: int) -> str:
        return f"the rounds of {first}–{last} ({located['year'].between(first, last).sum():,})"

    assert rounds(2004, 2008) in " ".join(text_of(built / "results" / "paper.pdf"))
    text = study.read_text(encoding="utf-8")
    assert "years = [2004, 2008]" in text
    study.write_text(text.replace("[2004, 2008]", "[2005, 2008]"), encoding="utf-8")
    done = snakemake(built, mirror=mirror)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(rules_of(done)) == sorted(
        ["run", "compare", "figures", "methods", "numbers", "paper"]
    )
    pages = text_of(built / "results" / "paper.pdf")
    assert rounds(2005, 2008) in " ".join(pages)
    assert rounds(2004, 2008) not in " ".join(pages)

    # Nothing more to do; and a changed weight of one record leaves the earlier period alone.
    assert rules_of(snakemake(built, "--dry-run", mirror=mirror)) == []
    path = built / "data" / "research.parquet"
    table = pq.read_table(path)
    weights = table["weight"].to_numpy().copy()
    weights[0] *= 2
    place = table.schema.get_field_index("weight")
    pq.write_table(table.set_column(place, table.schema.field(place), [weights]), path)
    again = rules_of(snakemake(built, "--dry-run", mirror=mirror))
    assert set(again) == RULES - {"fetch", "listings", "study_of_experiment"}
    assert (again.count("run"), again.count("experiment")) == (1, 2)


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
