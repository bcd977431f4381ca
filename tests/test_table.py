"""The ranking in the terminal: what is shown at which width, and that it lines up."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.cells import cell_len

from gclust.report.table import FOOTNOTE, ranking_table

KINDS = ("patent", "publication", "deal")


@pytest.fixture
def ranking() -> pd.DataFrame:
    names = ["Shenzhen–Hong Kong–Guangzhou", "東京–横浜", "São Paulo", "Zürich", "Ningde"]
    table = pd.DataFrame({"rank": pd.array([1, 2, 3, 4, 5], dtype="Int64")})
    table["cluster_id"] = range(5)
    table["name"] = names
    table["economies"] = ["CN/HK", "JP", "BR", "CH/DE/FR", "CN"]
    for i, kind in enumerate(KINDS):
        table[f"{kind}_count"] = [113_482.4, 99_999.5, 1_234.0, 12.0, 0.4]
        table[f"{kind}_share"] = [9.04 + i, 5.25, 3.0, 2.0, 1.0]
        table[f"{kind}_rank"] = pd.array([1, 2, 3, 4, 5], dtype="Int64")
        table[f"{kind}_per_million"] = 1.5
    table["total"] = table[[f"{kind}_share" for kind in KINDS]].sum(axis=1)
    table["score"] = table["total"]
    table["population"] = [45_200_000.0, 35_000_000.0, 20_000_000.0, 1_500_000.0, None]
    table["intensity"] = [0.3337, 0.45, 0.0123, 4.0, None]
    table["intensity_rank"] = pd.array([4, 3, 5, 1, None], dtype="Int64")
    table["area_km2"] = [4_812.2, 900.0, 800.0, 70.0, 1.0]
    return table


def _lines(text: str) -> list[str]:
    return text.split("\n")


def test_narrow_terminal(ranking: pd.DataFrame) -> None:
    head, names, rule, first, *_ = _lines(ranking_table(ranking, width=80))
    assert head.split() == ["patent", "publication", "deal"]
    assert names.split() == [
        "Rank",
        "Cluster",
        "Economy",
        "share",
        "%",
        "share",
        "%",
        "share",
        "%",
        "Total",
    ]
    assert rule == "─" * 76
    assert first == "   1 Shenzhen–Hong Kong–Guangzhou CN/HK        9.0        10.0    11.0  30.1"


def test_wide_terminal_shows_all(ranking: pd.DataFrame) -> None:
    head, names, _, first, second, *_, last = _lines(ranking_table(ranking, width=200))
    expected_head = ["patent", "publication", "deal"] * 2 + ["Population", "Intensity", "Area"]
    assert head.split() == expected_head
    expected = "Rank Cluster Economy share % share % share % Total count count count million"
    assert names.split() == [*expected.split(), "Intensity", "rank", "km²"]
    row = "1 Shenzhen–Hong Kong–Guangzhou CN/HK 9.0 10.0 11.0 30.1 113,482 113,482 113,482 45.20"
    assert first.split() == [*row.split(), "0.334", "4", "4,812"]
    assert "100,000" in second
    # What is not known stays empty.
    assert last.split()[-2:] == ["0", "1"]


@pytest.mark.parametrize("width", [60, 64, 72, 80, 100, 120, 150, 200, 400])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_longer_than_the_terminal(
    width: int, ascii_only: bool, ranking: pd.DataFrame
) -> None:
    lines = _lines(ranking_table(ranking, width=width, ascii=ascii_only))
    # Three kinds with the names cut to 8 letters need 60 columns at least.
    assert max(map(cell_len, lines)) <= max(width, 60)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [68, 80, 120, 200])
@pytest.mark.parametrize("longest", ["Ningde", "東京–横浜–名古屋–大阪–京都–神戸–広島"])
def test_figures_stand_under_each_other(width: int, longest: str, ranking: pd.DataFrame) -> None:
    ranking.loc[4, "name"] = longest
    lines = _lines(ranking_table(ranking, width=width))
    at = [lines[0].index(kind) + len(kind) for kind in KINDS]
    for row, line in enumerate(lines[3:8]):
        cells = _columns_of(line)
        for kind, end in zip(KINDS, at, strict=True):
            text = f"{ranking[f'{kind}_share'][row]:.1f}"
            assert cells[end - len(text) : end] == text


def _columns_of(line: str) -> str:
    """Text with each wide letter followed by a blank, so that places are columns."""
    return "".join(letter + " " * (cell_len(letter) - 1) for letter in line)


def test_names_are_cut_only_without_room(ranking: pd.DataFrame) -> None:
    assert "…" not in ranking_table(ranking, width=80)
    assert "…" in ranking_table(ranking, width=72)
    assert "…" not in ranking_table(ranking.iloc[1:], width=72)


@pytest.mark.parametrize(
    ("factor", "shown"), [(1.0, False), (1.0 + 1e-12, False), (2.0, True), (1.001, True)]
)
def test_score_is_shown_when_it_is_not_the_total(
    factor: float, shown: bool, ranking: pd.DataFrame
) -> None:
    ranking["score"] = ranking["total"] * factor
    for width in (80, 200):
        assert ("Score" in ranking_table(ranking, width=width)) is shown


def test_one_kind_without_population(ranking: pd.DataFrame) -> None:
    kept = ["rank", "name", "economies", "patent_count", "patent_share", "total", "score"]
    text = ranking_table(ranking[kept], width=80)
    assert _lines(text)[0].split() == ["patent", "patent"]
    assert _lines(text)[1].split() == ["Rank", "Cluster", "Economy", "share", "%", "Total", "count"]


def test_a_column_without_values_is_left_out(ranking: pd.DataFrame) -> None:
    ranking[["population", "intensity"]] = float("nan")
    ranking["intensity_rank"] = pd.array([None] * 5, dtype="Int64")
    text = ranking_table(ranking, width=200)
    assert "Intensity" not in text
    assert "Population" not in text


def test_small_shares_have_two_decimals(ranking: pd.DataFrame) -> None:
    ranking["deal_share"] = [0.91, 0.5, 0.2, 0.04, 0.01]
    row = _lines(ranking_table(ranking, width=80))[6].split()
    assert row == ["4", "Zürich", "CH/DE/FR", "2.00", "2.00", "0.04", "6.00"]


def test_marks_and_their_footnote(ranking: pd.DataFrame) -> None:
    marks = pd.DataFrame(False, index=ranking.index, columns=["rank", "patent_share", "deal_share"])
    assert FOOTNOTE not in ranking_table(ranking, width=80, marks=marks)
    marks.loc[0, "rank"] = marks.loc[2, "patent_share"] = True
    lines = _lines(ranking_table(ranking, width=80, marks=marks))
    assert lines[-1] == FOOTNOTE
    assert [line.count("*") for line in lines[3:8]] == [1, 0, 1, 0, 0]
    assert lines[3].startswith("   1*")
    assert "3.0*" in lines[5]
    # A mark does not move the digits: the point stands in one column.
    assert len({_columns_of(line).index(".") for line in lines[4:8]}) == 1


def test_marks_of_other_rows_and_columns_are_left_alone(ranking: pd.DataFrame) -> None:
    marks = pd.DataFrame({"rank": [True], "no_such": [True]}, index=[99])
    assert "*" not in ranking_table(ranking, width=80, marks=marks)


def test_ascii(ranking: pd.DataFrame) -> None:
    text = ranking_table(ranking, width=200, ascii=True)
    assert text.isascii()
    for name in ("Shenzhen-Hong Kong-Guangzhou", "Sao Paulo", "Zurich", "km2"):
        assert name in text


def test_top_and_empty(ranking: pd.DataFrame) -> None:
    assert len(_lines(ranking_table(ranking, width=80, top=2))) == 3 + 2
    assert len(_lines(ranking_table(ranking.iloc[:0], width=80))) == 3


def test_line_breaks_in_names_break_no_line(ranking: pd.DataFrame) -> None:
    ranking["name"] = "two\nlines\tand a tab"
    assert len(_lines(ranking_table(ranking, width=80))) == 3 + 5
    assert "two lines and a tab" in ranking_table(ranking, width=80)
