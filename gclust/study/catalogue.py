"""The list of all indicators with their options."""

from __future__ import annotations

import inspect

import pandas as pd

from gclust.indicators.registry import REQUIRED, Option, registry
from gclust.study.parse import described
from gclust.study.write_toml import toml_value


def list_indicators() -> pd.DataFrame:
    """List the indicators that a study may use, including those of plug-ins.

    Returns
    -------
    DataFrame
        Index ``name``, columns ``summary, origin`` (``gclust``, or the distribution
        that it comes with and its version), ``options`` (list of texts), ``needs``
        (list of columns of listings), ``source, formula`` and ``about`` (paragraphs).

    Examples
    --------
    >>> list_indicators().loc["hhi", "origin"]
    'gclust'
    """
    rows = [
        {
            "name": each.name,
            "summary": each.summary,
            "origin": each.origin,
            "options": [_option(option) for option in each.options],
            "needs": [_need(need) for need in each.about.needs],
            "source": each.about.source,
            "formula": each.about.formula,
            "about": _paragraphs(inspect.getdoc(each.function) or ""),
        }
        for each in registry().values()
    ]
    return pd.DataFrame(rows).set_index("name")


def _option(option: Option) -> str:
    """Return an option as TOML, with its default and its allowed values."""
    expected = described(option.hint)
    if option.default is REQUIRED:
        return f"{option.name} ({expected}; required)"
    if option.default is None:
        return f"{option.name} ({expected})"
    return f"{option.name} = {toml_value(option.default)} ({expected})"


def _need(need: str) -> str:
    return f"the column that the option {need[1:-1]} names" if need.startswith("{") else need


def _paragraphs(documentation: str) -> list[str]:
    """Return the paragraphs of a docstring between summary and first section, in plain text."""
    lines = documentation.splitlines()
    ends = [at - 1 for at, line in enumerate(lines) if line and set(line) == {"-"}]
    text = "\n".join(lines[1 : ends[0] if ends else len(lines)])
    return [" ".join(part.split()).replace("`", "") for part in text.split("\n\n") if part.strip()]
