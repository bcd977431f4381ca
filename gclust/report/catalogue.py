"""The list of indicators as text for the terminal."""

from __future__ import annotations

import textwrap

import pandas as pd

from gclust.report.text_table import plain

WIDEST = 100
"""Most characters in a line of text: longer lines are hard to read."""


def catalogue_text(table: pd.DataFrame, *, width: int, ascii: bool = False) -> str:
    """Return the list of indicators as text, each with its origin, options and source.

    The rows are those of `gclust.list_indicators`.
    """
    blocks = [_head(name, row, width) for name, row in table.iterrows()]
    return _shown("\n\n".join(blocks), ascii)


def indicator_text(row: pd.Series, *, width: int, ascii: bool = False) -> str:
    """Return all information on an indicator, a row of `gclust.list_indicators`, as text."""
    blocks = [_head(str(row.name), row, width, alone=True)]
    for paragraph in row["about"]:
        blocks.append(_wrapped(paragraph, width, "    ", "    "))
    lines = ["[[indicators]]", f'name = "{row.name}"']
    for option in row["options"]:
        given, _, expected = option.partition(" (")
        if " = " in given:
            lines.append(given)
        elif given == "kind":
            lines.append('kind = "patent"')
        elif expected.endswith("; required)"):
            lines.append(f"{given} = ...")
    kind, column = "", str(row.name)
    if 'kind = "patent"' in lines:
        kind, column = " for a kind that is called patent,", f"<kind>_{row.name}"
        if not any(each.startswith("kind (") and "required" in each for each in row["options"]):
            column += f" (without a kind {row.name})"
    heading = f'Its column in ranking.csv is {column}; column = "..." gives it another name.'
    blocks.append(_wrapped(heading, width, "", ""))
    example = textwrap.indent("\n".join(lines), "    ")
    blocks.append(f"In a study,{kind} with its defaults:\n\n{example}")
    return _shown("\n\n".join(blocks), ascii)


def _head(name: str, row: pd.Series, width: int, alone: bool = False) -> str:
    lines = [f"{name}  ({row['origin']})", _wrapped(row["summary"], width, "    ", "    ")]
    entries: dict[str, list[str]] = {
        "formula": [row["formula"]] if alone else [],
        "options": row["options"] if alone else ["; ".join(row["options"])],
        "needs": [", ".join(row["needs"])],
        "source": [row["source"]],
    }
    for key, values in entries.items():
        mark = f"{key}:"
        for value in filter(None, values):
            lines.append(_wrapped(value, width, f"    {mark:<9}", " " * 13))
            mark = ""
    return "\n".join(line for line in lines if line)


def _wrapped(text: str, width: int, first: str, later: str) -> str:
    # No line ends inside "name = value".
    return textwrap.fill(
        text.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"),
        min(width, WIDEST),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\N{NO-BREAK SPACE}", " ")


def _shown(text: str, ascii: bool) -> str:
    return plain((text,))[0] if ascii else text
