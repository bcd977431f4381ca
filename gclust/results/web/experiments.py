"""Sections of the report that show experiments: rank sets, a sweep, a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gclust.html import text
from gclust.plurals import counted
from gclust.results.web.parts import (
    DASH,
    bar,
    details,
    first_rows,
    number,
    paragraph,
    scrolling,
    section,
    shade,
    table,
    whole,
)

HEAT_MAPS = {
    "n_clusters": ("Clusters", 0),
    "clustered_share": ("Part of the weight in clusters", 2),
    "largest_share": ("Part of the weight in the largest cluster", 2),
    "ari": ("Adjusted Rand index with the baseline", 2),
    "ami": ("Adjusted mutual information with the baseline", 2),
    "jaccard": ("Jaccard index of the first clusters", 2),
    "tau_b": ("Kendall's tau-b of the ranks", 2),
}
"""Quantity of a sweep -> its title, and decimals."""


def rank_sets(found: Any) -> str:
    """Return the rank sets of an uncertainty, as a table with bars."""
    if found is None:
        return ""
    shown, note = first_rows(found.table, "clusters")
    last = float(pd.to_numeric(shown["rank_set_high"]).astype(float).max())
    rows = [
        (
            whole(each["rank"]),
            each["name"],
            _range(each["rank_set_low"], each["rank_set_high"]),
            bar([each[key] for key in ("rank_set_low", "rank_set_high", "rank")], last),
            number(each["score"], 2),
            f"{number(each['score_low'], 2)} to {number(each['score_high'], 2)}",
        )
        for each in shown.to_dict("records")
    ]
    heads = ["rank", "name", "rank set", "ranks", "score", "interval"]
    level = found.study.uncertainty.level
    given = f" {found.assumption}" if found.assumption else ""
    return section(
        "uncertainty",
        "Rank uncertainty",
        paragraph(
            f"{found.draws_in_words}. Rank sets jointly hold the true ranks of these clusters"
            f"{given}: level {level:g}."
        ),
        paragraph(found.superpopulation, "muted"),
        note,
        table("Rank sets", heads, rows, (0, 2, 4, 5)),
    )


def _range(low: Any, high: Any) -> str:
    if pd.isna(low):
        return DASH
    return whole(low) if low == high else f"{whole(low)}–{whole(high)}"


def sweep(found: Any) -> str:
    """Return a sweep: its suggestions, and heat maps of its pairs."""
    if found is None:
        return ""
    eps, least = found.baseline
    listed = "".join(
        f"<li>{text(f'{each.eps_km:g} km, {each.min_samples:g}: {each.reason}')}</li>"
        for each in found.suggestions
    )
    maps = [_heat_map(found, name) for name in HEAT_MAPS if name in found.table]
    words = (
        f"{counted(len(found.table), 'pair')} of eps_km and min_samples; baseline {eps:g} km,"
        f" {least:g}."
    )
    return section(
        "sweep",
        "Parameter sweep",
        paragraph(words),
        f"<h3>Suggestions</h3><ol>{listed}</ol>" if listed else "",
        f"<div class='maps'>{''.join(maps)}</div>",
    )


def _heat_map(found: Any, name: str) -> str:
    title, decimals = HEAT_MAPS[name]
    shown = found.table.pivot_table(index="eps_km", columns="min_samples", values=name)
    values = shown.sort_index(ascending=False)
    most = float(np.nanmax(values.to_numpy(dtype=float), initial=0.0)) or 1.0
    heads = "".join(f"<th scope=col>{least:g}</th>" for least in values.columns)
    rows = "".join(
        f"<tr><th scope=row>{eps:g} km</th>"
        + "".join(
            shade(number(value, decimals), float(value) / most, (eps, least) == found.baseline)
            for least, value in row.items()
        )
        + "</tr>"
        for eps, row in values.iterrows()
    )
    corner = "<td class='muted'>eps by min_samples</td>"
    body = (
        f"<table class='heat'><thead><tr>{corner}{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return f"<div><h3>{text(title)}</h3>{scrolling(title, body)}</div>"


def comparison(found: Any) -> str:
    """Return a comparison: changes of ranks and scores, decomposed by factors if they are."""
    if found is None:
        return ""
    shown, note = first_rows(found.table, "clusters")
    factors = [each for each in found.factors if f"rank_{each}" in shown]
    rows = [
        (
            each["name_b"] if not pd.isna(each["name_b"]) else each["name_a"],
            each["event"],
            whole(each["rank_a"]),
            whole(each["rank_b"]),
            _change(each["rank_change"]),
            number(each["score_change"], 2),
            *(number(each[f"rank_{factor}"], 1) for factor in factors),
        )
        for each in shown.to_dict("records")
    ]
    of_factors = [f"by {each}" for each in factors]
    one, two = found.labels
    heads = ["name", "event", f"rank, {one}", f"rank, {two}", "change", "score", *of_factors]
    settings = [
        (each.factor, each.setting, _setting(each.a), _setting(each.b))
        for each in found.differences
    ]
    differ = table("What differs", ["factor", "setting", one, two], settings)
    common = " and ".join(f"{100 * share:.0f} %" for share in found.common)
    return section(
        "comparison",
        f"Comparison of {one} and {two}",
        paragraph(f"Listings that both have at the same coordinates: {common} of each."),
        note,
        table("Changes of ranks", heads, rows, range(2, len(heads))),
        details("What differs between the two", differ) if settings else "",
    )


def _change(places: Any) -> str:
    return DASH if pd.isna(places) else f"{int(places):+d}" if places else "0"


def _setting(value: Any) -> str:
    if value is None:
        return DASH
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
