"""Indicators that come with gclust and with plug-ins: found, refused, and resolved."""

from __future__ import annotations

import tomllib
import warnings
from typing import Literal

import pandas as pd
import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.indicators import registry as module
from gclust.indicators.builtin import BUILT_IN
from gclust.indicators.protocol import indicator
from gclust.indicators.registry import registered, registry
from gclust.results.methods import methods
from gclust.study.indicators import IndicatorEntry, resolve_indicators
from tests.worlds import listings, study_folder

GOOD = """
import pandas as pd
from gclust.indicators.protocol import indicator

@indicator(needs=("{by}",), source="Somebody 2026", formula="1 | 1")
def tested(
    clusters, listings, *,
    by: str = "field", share: float = 0.5, n: int = 3, on: bool = False,
    cities: tuple[str, ...] = ()
):
    '''One for each cluster.'''
    return pd.Series(1.0, index=clusters.index)

def plain(clusters, listings):
    return pd.Series(2.0, index=clusters.index)

def with_args(clusters, listings, *more):
    return plain

def unknown(clusters, listings, *, when: complex = 1j):
    return plain
"""


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Put distributions with entry points on the path, as pip would; no others are seen."""
    monkeypatch.syspath_prepend(tmp_path)
    seen = module.entry_points

    def of_tests(group: str):
        return [point for point in seen(group=group) if point.dist.name.endswith("-plug")]

    monkeypatch.setattr(module, "entry_points", of_tests)
    (tmp_path / "good_for_tests.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad_for_tests.py").write_text("import nothing_of_that_name", encoding="utf-8")

    def install(name: str, points: dict[str, str]) -> None:
        folder = tmp_path / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"{key} = {value}" for key, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[gclust.indicators]", *lines]))
        module._discovered.cache_clear()

    yield install
    module._discovered.cache_clear()


def found_and_warned() -> tuple[dict, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = dict(registry())
    return found, [str(each.message) for each in caught if each.category is GclustWarning]


def test_indicators_of_plug_ins_are_listed_with_those_of_gclust(plug_in):
    plug_in("a-plug", {"tested": "good_for_tests:tested", "plain": "good_for_tests:plain"})
    found, warned = found_and_warned()
    assert warned == []
    assert [name for name in found if found[name].origin == "gclust"] == [
        registered(function, "gclust").name for function in BUILT_IN
    ]
    tested = found["tested"]
    assert (tested.origin, tested.summary) == ("a-plug 1.2", "One for each cluster.")
    assert tested.about.source == "Somebody 2026"
    options = [(option.name, option.hint, option.default) for option in tested.options]
    assert options == [
        ("by", str, "field"),
        ("share", float, 0.5),
        ("n", int, 3),
        ("on", bool, False),
        ("cities", tuple[str, ...], ()),
    ]
    assert tested.needs({"by": "year"}) == ("year",)
    assert found["plain"].options == ()


def test_a_run_outlives_its_plug_in(plug_in, tmp_path, monkeypatch):
    plug_in("a-plug", {"plain": "good_for_tests:plain"})
    extra = (
        '[[indicators]]\nname = "plain"\n[score]\nof = ["patent_share", "plain"]\n'
        '[[indicators]]\nname = "balance"\n'
    )
    done = gclust.run(study_folder(tmp_path / "study", extra=extra), tmp_path / "run")
    assert done.ranking["plain"].tolist() == [2.0, 2.0, 2.0]
    monkeypatch.setattr(module, "entry_points", lambda group: [])
    module._discovered.cache_clear()
    again = gclust.read_run(tmp_path / "run")
    pd.testing.assert_frame_equal(again.ranking, done.ranking)
    parts = [run.contributions["plain_part"].tolist() for run in (again, done)]
    assert parts[0] == pytest.approx(parts[1], rel=1e-11)
    assert [entry.heading for entry in again.study.indicators] == ["plain", "balance"]
    # What looks at no indicator goes on; what would compute it says which is missing.
    assert gclust.centroid_geocodes(again).empty
    with pytest.raises(StudyError, match="name = 'plain' is not a known indicator"):
        gclust.run(again.study)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("bad_for_tests:f", "cannot be loaded: ModuleNotFoundError: No module named 'nothing_of"),
        ("good_for_tests:absent", "cannot be loaded: AttributeError"),
        ("good_for_tests:GONE", "cannot be loaded: AttributeError"),
        ("good_for_tests:__doc__", "it is of type NoneType; expected a function"),
        ("good_for_tests:with_args", "its parameter *more is not keyword-only"),
        ("good_for_tests:unknown", "the annotation of its option 'when' is <class 'complex'>"),
        (
            "good_for_tests:tested",
            "has the name 'tested', but its entry point another",
        ),
    ],
)
def test_a_broken_plug_in_is_a_warning_that_names_it(plug_in, value, reason):
    plug_in("b-plug", {"broken": value})
    found, warned = found_and_warned()
    assert "broken" not in found
    assert len(found) == len(BUILT_IN)
    (message,) = warned
    assert message.startswith(f"indicator 'broken' of b-plug 1.2 ({value}) ")
    assert reason in message
    assert found_and_warned()[1] == []  # once


def test_of_two_indicators_of_one_name_the_first_stays(plug_in):
    plug_in("c-plug", {"plain": "good_for_tests:plain", "hhi": "good_for_tests:plain"})
    plug_in("d-plug", {"plain": "good_for_tests:plain"})
    found, warned = found_and_warned()
    assert (found["plain"].origin, found["hhi"].origin) == ("c-plug 1.2", "gclust")
    assert warned == [
        "indicator 'hhi' of c-plug 1.2 (good_for_tests:plain) is left out: gclust has an indicator"
        " of that name",
        "indicator 'plain' of d-plug 1.2 (good_for_tests:plain) is left out: c-plug 1.2 has an"
        " indicator of that name",
    ]


def test_what_no_indicator_can_be():
    def of_one(clusters): ...
    def named(clusters, listings, *, column: str = ""): ...
    def bare(clusters, listings, *, n=1): ...
    @indicator(needs=("{by}",))
    def astray(clusters, listings, *, of: str = ""): ...

    for function, reason in (
        (of_one, "its signature is (clusters)"),
        (named, "its option 'column' is a key of [[indicators]] itself"),
        (bare, "the annotation of its option 'n' is None"),
        (astray, "it needs the column of its option '{by}', but has no such option"),
    ):
        with pytest.raises(TypeError) as raised:
            registered(function, "here")
        assert reason in str(raised.value)
    with pytest.raises(ValueError, match="unknown column 'place'; known are record, year"):
        indicator(needs="place")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n": True}, "n = True; expected a whole number"),
        ({"n": 2.0}, "n = 2.0; expected a whole number"),
        ({"on": 1}, "on = 1; expected true or false"),
        ({"share": "much"}, "share = 'much'; expected a number"),
        ({"share": float("nan")}, "share = nan; expected a number"),
        ({"cities": "Graz"}, "cities = 'Graz'; expected a list of texts"),
        ({"cities": [1]}, "cities = 1; expected a text"),
        ({"shares": 1}, "'shares' is not known; did you mean 'share'?"),
    ],
)
def test_options_are_checked_by_type(plug_in, options, reason):
    plug_in("e-plug", {"tested": "good_for_tests:tested"})
    with pytest.raises(StudyError) as raised:
        resolve_indicators([IndicatorEntry(name="tested", options=options)])
    assert str(raised.value).startswith("study: [[indicators]] number 1: indicator 'tested': ")
    assert reason in str(raised.value)


def test_options_are_converted_and_spelled_out(plug_in):
    plug_in("f-plug", {"tested": "good_for_tests:tested"})
    given = {"share": 1, "cities": ["Graz", "Munich"]}
    (resolved,) = resolve_indicators([IndicatorEntry(name="tested", options=given)])
    expected = {"by": "field", "share": 1.0, "n": 3, "on": False, "cities": ("Graz", "Munich")}
    assert resolved.options == resolved.entry.options == expected
    assert type(resolved.options["share"]) is float
    assert resolved.entry.heading == resolved.entry.column == "tested"
    assert resolved.needs == ("field",)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "hih"}, "is not a known indicator; did you mean 'hhi'? Run"),
        ({"name": "hhi", "options": {"by": "city"}}, "by = 'city'; expected 'organisation' or"),
        ({"name": "hhi", "options": {"by": "feld"}}, "did you mean 'field'?"),
        ({"name": "kind_share"}, "'kind' is missing; expected a text"),
        ({"name": "balance", "kind": "patent"}, "indicator takes all kinds together; remove kind"),
    ],
)
def test_a_study_that_asks_for_what_there_is_not(entry, reason):
    with pytest.raises(StudyError) as raised:
        resolve_indicators([IndicatorEntry(**entry)])
    assert reason in str(raised.value)


def test_literals_distinguish_true_from_one(plug_in, tmp_path):
    def of(clusters, listings, *, n: Literal[1, 2] = 1): ...

    hint = registered(of, "here").options[0].hint
    from gclust.study.parse import parse_section

    assert parse_section({"n": 2}, {"n": hint}, "x:") == {"n": 2}
    with pytest.raises(StudyError, match="x: n = True; expected 1 or 2"):
        parse_section({"n": True}, {"n": hint}, "x:")


def test_the_command_lists_indicators_with_origin_options_and_source(plug_in, monkeypatch):
    plug_in("g-plug", {"tested": "good_for_tests:tested", "broken": "bad_for_tests:f"})
    for columns in (60, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        done = CliRunner().invoke(main, ["indicators"])
        assert done.exit_code == 0
        assert "gclust: warning: indicator 'broken' of g-plug 1.2" in done.stderr or columns == 200
        assert max(map(len, done.stdout.splitlines())) <= min(columns, 100)
        blocks = done.stdout.split("\n\n")
        assert len(blocks) == len(BUILT_IN) + 1
    assert blocks[-1].splitlines() == [
        "tested  (g-plug 1.2)",
        "    One for each cluster.",
        '    options: by = "field" (a text); share = 0.5 (a number); n = 3 (a whole number); on ='
        " false (true",
        "             or false); cities = [] (a list of texts)",
        "    needs:   the column that the option by names",
        "    source:  Somebody 2026",
    ]
    message = CliRunner().invoke(main, ["indicators", "hhi"]).stdout
    example = message.partition("with its defaults:\n\n")[2]
    assert tomllib.loads(example)["indicators"] == [
        {"name": "hhi", "kind": "patent", "by": "organisation", "normalised": False}
    ]
    failed = CliRunner().invoke(main, ["indicators", "hih"])
    assert failed.exit_code == 2
    assert "did you mean 'hhi'?" in failed.stderr


def test_the_methods_paragraph_has_the_formula_of_a_plug_in(plug_in, tmp_path):
    """Those of gclust are in its documentation."""
    plug_in("h-plug", {"tested": "good_for_tests:tested", "plain": "good_for_tests:plain"})
    entries = "".join(
        f"[[indicators]]\nname = '{name}'\n" for name in ("tested", "plain", "balance")
    )
    table = listings().assign(field="chemistry")
    paragraph = methods(gclust.run(study_folder(tmp_path / "study", table, entries)))
    assert "tested: One for each cluster (formula: 1 | 1; source: Somebody 2026)." in paragraph.text
    assert r"(formula: 1 \| 1; source" in paragraph.markdown
    assert "plain: an indicator of h-plug 1.2." in paragraph.text
    assert "formula" not in paragraph.text.partition("balance: ")[2]
