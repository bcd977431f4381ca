"""The reference of the site is whole; README, citation, paper and recipe keep their form."""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
import tomllib
from dataclasses import fields
from importlib import import_module

import pytest
import yaml
from packaging.requirements import Requirement

import gclust
from benchmarks.short_table import README, short_table
from benchmarks.table import PAGE, find_markers
from gclust.results.columns.folders import FOLDERS
from gclust.study.clustering_methods import CLUSTERING_METHODS
from gclust.study.schema import SECTIONS
from gclust.study.sections import OtherFootprint, OtherRaster, Source
from tests.tree import PACKAGE, ROOT

DOCS = ROOT / "docs"
PLACEHOLDERS = {
    "ADDRESS-OF-REPOSITORY",
    "ADDRESS-OF-SDIST",
    "DATE-OF-RELEASE",
    "NAMES-OF-MAINTAINERS",
    "SUM-OF-SDIST",
}
"""What waits for a first publication: nothing else may."""


def extension(name):
    """Import a module of the site's own extensions."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(DOCS / "_ext"))


@pytest.fixture(scope="module")
def reference():
    """The module that makes the pages of the reference."""
    return extension("gclust_reference")


@pytest.fixture(scope="module")
def study_page(reference):
    return reference.study_page()


def section(page, label):
    """The rows of the table below a label of a page, by their first cell."""
    text = re.split(r"\n##", page.partition(f"({label})=\n##")[2])[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    return {first.strip(" `"): [cell.strip() for cell in rest] for first, *rest in cells}


def test_every_key_of_a_study_has_a_row_with_a_meaning(reference, study_page):
    sections = {"study-sources": Source}
    sections |= {f"study-{name}": kind for name, kind in SECTIONS.items() if name != "clusters"}
    sections |= {f"study-clusters-{name}": kind for name, kind in CLUSTERING_METHODS.items()}
    sections["study-intensity-footprints"] = OtherFootprint
    sections["study-intensity-rasters"] = OtherRaster
    for (name, key), kind in reference.nested_tables().items():
        sections[f"study-{name}-{key}"] = kind
    for label, kind in sections.items():
        rows = section(study_page, label)
        assert list(rows) == [item.name for item in fields(kind)], label
        for key, (what, default, meaning) in rows.items():
            assert what, (label, key)
            assert default, (label, key)
            assert len(meaning) > 10, (label, key)
    assert set(section(study_page, "study-indicators")) == {"name", "kind", "column"}


def test_every_section_has_a_guide(reference):
    assert set(reference.GUIDES) == {"sources", "indicators", *SECTIONS} - {"study", "names"}
    missing = {
        name: page for name, page in reference.GUIDES.items() if not (DOCS / f"{page}.md").is_file()
    }
    assert not missing


def test_every_column_of_every_file_has_a_row(reference):
    page = reference.files_page()
    for what, folder in FOLDERS.items():
        for name, table in folder.tables.items():
            rows = section(page, reference.file_label(what, name))
            assert list(rows) == [column.name for column in table.columns], (what, name)
            assert all(cell for cells in rows.values() for cell in cells), (what, name)


def test_every_indicator_has_a_section(reference):
    table = gclust.list_indicators()
    own = table.index[table["origin"] == "gclust"]
    headings = re.findall(r"^## (\S+)$", reference.indicators_page(), re.MULTILINE)
    assert headings == list(own)


def test_every_public_name_stands_in_the_reference(reference):
    text = reference.names_page()
    listed = [f"gclust.{name}" for name in re.findall(r"^   (?!:)(\S+)$", text, re.MULTILINE)]
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(reference.public_names())
    grouped = {f"gclust.{name}" for names in reference.GROUPS.values() for name in names.split()}
    assert grouped <= set(listed)


def test_every_public_name_has_an_example_and_says_what_it_returns(reference):
    for name, value in reference.public_names().items():
        text = inspect.getdoc(value) or ""
        assert re.search(r"^Examples\n-+\n(?s:.)*?^>>> ", text, re.MULTILINE), name
        returned = inspect.signature(value).return_annotation if inspect.isfunction(value) else ""
        if inspect.isfunction(value) and returned not in (None, "None"):
            assert "Returns\n---" in text or text.startswith(("Return ", "Read ", "Mark ")), name


def test_results_name_every_table_of_their_folder(reference):
    results = {
        "sweep": [gclust.Sweep],
        "comparison": [gclust.Comparison],
        "uncertainty": [gclust.Uncertainty],
        "null_model": [gclust.NullModel],
        "localisation": [gclust.Localisation, gclust.KDensity],
    }
    for what, classes in results.items():
        lines = [line for each in classes for line in inspect.getdoc(each).splitlines()]
        named = reference.OF_FOLDER.findall("\n".join(lines))
        folder = FOLDERS[what]
        assert {" ".join(command.split()) for _, command in named} == {folder.command}
        assert sorted(file.partition(".")[0] for file, _ in named) == sorted(folder.tables)
        reference.mend_docstring(None, "", "x", None, None, lines)
        text = "\n".join(lines)
        for name in folder.tables:
            assert f" <{reference.file_label(what, name)}>`" in text, name


def test_nobody_is_sent_into_private_modules(reference, study_page):
    lines = ["See `gclust.kernels.bump`.", "The table (see `gclust.results.run.Run`)."]
    reference.mend_docstring(None, "", "x", None, None, lines)
    assert "kernels" not in " ".join(lines)
    assert "results" not in " ".join(lines)
    pages = study_page + reference.files_page() + reference.indicators_page()
    modules = "cluster|experiments|kernels|listings|pipeline|places|ranking|report|results|study"
    assert re.findall(rf"gclust\.(?:{modules})\.\w+", pages) == []


def test_messages_that_readers_look_up_are_those_of_gclust():
    page = (DOCS / "reference" / "messages.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| *")]
    quoted = [part for cell in cells for part in re.findall(r"\*([^*]+)\*", cell)]
    assert len(quoted) > 20
    code = " ".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    code = re.sub(r'"\s+f?"', "", code)
    missing = [text for text in quoted if text not in code]
    assert missing == []


def test_the_readme_is_one_page_and_its_times_are_those_of_the_site():
    text = README.read_text("utf-8")
    assert len(text.splitlines()) < 130
    before, after = find_markers(README, "times")
    shown = text[len(before) : len(text) - len(after)]
    assert shown.splitlines()[1:-1] == short_table().splitlines()
    for path in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / path).is_file(), path
    for name in ("benchmarks", "whole-run", "out-of-core"):
        find_markers(PAGE, name)


def test_citation_codemeta_and_recipe_agree_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    meta = json.loads((ROOT / "codemeta.json").read_text("utf-8"))
    assert cited["version"] == meta["version"] == gclust.__version__
    names = [author["name"] for author in cited["authors"]]
    assert names == [author["name"] for author in meta["author"]]
    assert names == [author["name"] for author in project["authors"]]
    assert meta["license"].endswith(cited["license"])
    recipe = (ROOT / "recipe" / "meta.yaml").read_text("utf-8")
    assert f'version = "{gclust.__version__}"' in recipe
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    listed = {Requirement(line.strip("- ")) for line in run.splitlines()}
    renamed = {"matplotlib": "matplotlib-base", "duckdb": "python-duckdb"}
    wanted = {Requirement(each) for each in project["dependencies"]}
    found = {(each.name, str(each.specifier)) for each in listed if each.name != "python"}
    assert found == {(renamed.get(e.name, e.name), str(e.specifier)) for e in wanted}


def test_placeholders_are_those_of_the_first_publication():
    files = ("CITATION.cff", "codemeta.json", "recipe/meta.yaml", "paper/paper.md")
    texts = [(ROOT / name).read_text("utf-8") for name in files]
    found = {match for text in texts for match in re.findall(r"\b[A-Z]+(?:-[A-Z]+){2,}\b", text)}
    assert found == PLACEHOLDERS


def test_the_paper_has_the_sections_and_length_that_the_journal_asks_for():
    _, head, body = (ROOT / "paper" / "paper.md").read_text("utf-8").split("---\n", 2)
    assert {"title", "tags", "authors", "date", "bibliography"} <= set(yaml.safe_load(head))
    assert re.findall(r"^# (.*)$", body, re.MULTILINE) == [
        "Summary",
        "Statement of need",
        "State of the field",
        "Software design",
        "Research impact statement",
        "AI usage disclosure",
        "References",
    ]
    assert 750 <= len(body.split()) <= 1750
    works = (ROOT / "paper" / "paper.bib").read_text("utf-8")
    cited = set(re.findall(r"@(\w+\d{4}\w?)", body))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", works, re.MULTILINE))


def test_fragments_of_the_changelog_have_names_that_are_read():
    files = [path for path in (DOCS / "changes").iterdir() if path.name != "README.md"]
    for path in files:
        assert re.fullmatch(r"\+[\w-]+\.(added|changed|fixed|removed)\.md", path.name), path.name
        assert path.read_text("utf-8").strip()


def test_gallery_has_its_dozen():
    scripts = sorted((ROOT / "examples" / "gallery").glob("plot_*.py"))
    assert len(scripts) >= 12
    for path in scripts:
        title, line = path.read_text("utf-8").splitlines()[1:3]
        assert set(line) == {"="}
        assert len(line) >= len(title)


def test_pages_of_the_gallery_show_the_module_that_they_import():
    """The code of a page runs from the page alone: no other module lies beside the examples."""
    shown, folder = extension("gallery_listings"), ROOT / "examples" / "gallery"
    helpers = [path for path in folder.glob("*.py") if not path.stem.startswith("plot_")]
    assert helpers == [shown.HELPER]
    scripts = [path.read_text("utf-8") for path in sorted(folder.glob("plot_*.py"))]
    assert any("towns import" in text for text in scripts)
    for text in scripts:
        page = f"Intro.\n\n{shown.CODE}\n{textwrap.indent(text, '    ')}"
        found = shown.with_helper(page)
        if "towns" not in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE):
            assert found == page
            continue
        intro, helper, code = found.split(shown.CODE)
        assert (intro.startswith("Intro."), code) == (True, page.split(shown.CODE)[1])
        assert textwrap.indent(shown.HELPER.read_text("utf-8"), "    ") in helper


def test_code_of_the_gallery_begins_as_is_expected():
    written = pytest.importorskip("sphinx_gallery.gen_rst").codestr2rst("x = 1", lang="Python")
    assert written.startswith(extension("gallery_listings").CODE)
