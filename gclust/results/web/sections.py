"""Sections of the report that show a run: ranking, counts, inputs, merges, choices, columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gclust.html import text
from gclust.plurals import counted
from gclust.results.datapackage import ranking_fields
from gclust.results.web.choices import choices
from gclust.results.web.parts import (
    DASH,
    Markup,
    bar,
    details,
    first_rows,
    number,
    paragraph,
    scrolling,
    section,
    table,
    whole,
)
from gclust.study.indicators import resolve_indicators

TEXTS = ("name", "economies")
WITHOUT_DECIMALS = ("rank", "population", "cluster_id")
HIDDEN = ("cluster_id", "lat", "lon", "geometry")
"""Columns of the ranking that are in its file only."""
MOST_REJECTS = 100
_RANGE = ("least_intensity_rank", "largest_intensity_rank", "intensity_rank")


def ranking(run: Any) -> str:
    """Return the ranking with a field to search it and buttons to sort it."""
    shown = [name for name in run.ranking.columns if name not in HIDDEN]
    about = {each["name"]: each for each in ranking_fields(run.study, shown)}
    heads = "".join(_head(name, about[name]) for name in shown)
    rows = "".join(
        f"<tr data-at='{at}'>{''.join(_cell(name, row[name], at) for name in shown)}</tr>"
        for at, row in enumerate(run.ranking[shown].to_dict("records"))
    )
    search = (
        "<p class='tools'><label for='search'>Search the ranking</label> <input id='search'"
        " type='search' autocomplete='off'> <span id='found' role='status'></span></p>"
    )
    body = f"<table id='ranked'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    hint = paragraph("A heading sorts; a name shows the cluster on the map.", "muted")
    return section(
        "ranking", "Ranking", search, scrolling("Ranking of clusters", body, "tall"), hint
    )


def _head(name: str, about: dict[str, Any]) -> str:
    unit = f" ({about['unit']})" if "unit" in about else ""
    title = text(f"{about['description']}{unit}")
    kind = " class=num" if name not in TEXTS else ""
    order = " aria-sort='ascending'" if name == "rank" else ""
    label = text(name.replace("_", " "))
    return f"<th scope=col{kind}{order}><button type=button title='{title}'>{label}</button></th>"


def _cell(name: str, value: Any, at: int) -> str:
    if name == "name":
        return f"<th scope=row><button type=button data-go='{at}'>{text(value)}</button></th>"
    if pd.isna(value):
        return f"<td class=num>{DASH}</td>" if name not in TEXTS else "<td></td>"
    if isinstance(value, str):
        return f"<td>{text(value)}</td>"
    whole_number = name in WITHOUT_DECIMALS or name.endswith("_rank")
    shown = whole(value) if whole_number else number(value, 2)
    return f"<td class=num data-v='{float(value):.9g}'>{shown}</td>"


def counts(run: Any) -> str:
    """Return what became of rows, records and locations, with the noise."""
    info = run.info
    found = info.get("counts")
    if not found:
        return ""
    rows, places, clusters = (found[name] for name in ("rows", "locations", "clusters"))
    lines = [
        ("Rows read", whole(rows["read"])),
        ("Rows rejected", whole(rows["rejected"])),
        ("Rows outside the years", whole(rows["outside_years"])),
        ("Rows used", whole(rows["used"])),
        ("Locations", whole(places["all"])),
        ("Locations in clusters", whole(places["in_clusters"])),
        ("Locations of noise", whole(places["noise"])),
        ("Clusters before merging", whole(clusters["before_merging"])),
        ("Clusters after merging", whole(clusters["merged"])),
    ]
    of_kinds = [
        (
            kind,
            number(each["in_clusters"]),
            number(each["elsewhere"]),
            number(each["world"]),
            number(100 * each["elsewhere"] / each["world"] if each["world"] else None),
        )
        for kind, each in found["records"].items()
    ]
    heads = ["kind", "records in clusters", "in no cluster", "in all", "in no cluster, per cent"]
    return section(
        "noise",
        "Noise and counts",
        paragraph(
            "Noise is what lies in no cluster. Its locations are the grey dots of the map; its"
            " records count in the world's totals."
        ),
        table("Records inside and outside clusters", heads, of_kinds, range(1, 5)),
        table("Counts through every stage", ["what", "number"], lines, [1]),
    )


def intensity(run: Any) -> str:
    """Return the ranks by intensity under all footprints and rasters, if the run has them."""
    if run.intensity is None:
        return ""
    found, note = first_rows(run.intensity.table, "clusters")
    last = float(found["largest_intensity_rank"].astype(float).max())
    rows = [
        (
            whole(each["rank"]),
            each["name"],
            whole(each["intensity_rank"]),
            whole(each["least_intensity_rank"]),
            whole(each["largest_intensity_rank"]),
            bar([each[name] for name in _RANGE], last),
        )
        for each in found.to_dict("records")
    ]
    heads = ["rank", "name", "by intensity", "least", "largest", "range"]
    used = ", ".join(map(str, run.intensity.detail["combination"].unique()))
    return section(
        "intensity",
        "Intensity under several footprints and rasters",
        paragraph(f"Ranks by intensity under: {used}."),
        note,
        table("Ranks by intensity", heads, rows, (0, 2, 3, 4)),
    )


def merges(run: Any) -> str:
    """Return the log of merged clusters."""
    if run.merges.empty:
        return section("merges", "Merged clusters", paragraph("No clusters were merged."))
    found, note = first_rows(run.merges, "merges")
    rows = [
        (
            whole(each["round"]),
            *(_named(each, end) for end in ("a", "b")),
            number(each["gap_km"], 2),
            number(each["ties"], 2),
            *(_runner_up(each, end) for end in ("a", "b")),
        )
        for each in found.to_dict("records")
    ]
    heads = ["round", "cluster", "and", "gap, km", "ties", "other partner of the first", "second"]
    return section("merges", "Merged clusters", note, table("Merges", heads, rows, (0, 3, 4)))


def _named(row: dict[str, Any], end: str) -> str:
    name = row.get(f"name_{end}")
    return str(name) if isinstance(name, str) and name else str(row[f"cluster_{end}"])


def _runner_up(row: dict[str, Any], end: str) -> str:
    name = row.get(f"runner_up_{end}")
    if name is None or pd.isna(name) or name == "":
        return DASH
    return f"{name} ({number(row.get(f'runner_up_{end}_ties'), 2)})"


def inputs(run: Any) -> str:
    """Return the sources: their rows, and which column served as what."""
    info = run.info
    sha = {each["path"]: each["sha256"] for each in info.get("inputs", ())}
    heads = ["source", "kind", "rows", "used", "rejected", "outside the years"]
    rows = [
        (
            each["path"],
            each["kind"],
            *(whole(each.get(name)) for name in ("rows", "used", "rejected", "outside_years")),
        )
        for each in info["sources"]
    ]
    served = "".join(
        f"<dt>{text(each['path'])}</dt><dd>{text(each['columns'])}"
        + "".join(f"<br>{text(line)}" for line in each.get("messages", ()))
        + "</dd>"
        for each in info["sources"]
    )
    digests = table("Digests of the inputs", ["file", "sha256"], list(sha.items()))
    warned = "".join(f"<li>{text(each)}</li>" for each in info.get("warnings", ()))
    return section(
        "inputs",
        "Inputs",
        table("Sources", heads, rows, range(2, 6)),
        f"<h3>Which column served as what</h3><dl>{served}</dl>",
        f"<h3>Warnings</h3><ul>{warned}</ul>" if warned else "",
        details("Digests of the input files", digests) if sha else "",
    )


def rejects(run: Any) -> str:
    """Return the rejected rows: their number by source and reason, and the first of them."""
    found = run.rejects
    if found.empty:
        return section("rejects", "Rejected rows", paragraph("No row was rejected."))
    by_reason = found.groupby(["source", "reason"], sort=True).size()
    rows = [(*key, whole(n)) for key, n in by_reason.items()]
    names = [str(name) for name in found.columns]
    first = [
        tuple("" if pd.isna(value) else value for value in row)
        for row in found.head(MOST_REJECTS).itertuples(index=False, name=None)
    ]
    total = run.info.get("rejected", len(found))
    known = f"{counted(total, 'row was', 'rows were')} rejected"
    known += f"; the file of rejects lists {len(found):,}."
    return section(
        "rejects",
        "Rejected rows",
        paragraph(known),
        table("Rejected rows by reason", ["source", "reason", "rows"], rows, [2]),
        details(f"The first {len(first):,}", table("Rows that were rejected", names, first)),
    )


def study_choices(run: Any) -> str:
    """Return every choice of the study with its meaning; those that differ from defaults stand out.

    They are grouped by section.
    """
    groups: dict[str, list[tuple[object, ...]]] = {}
    changed = []
    for each in choices(run.study, run.info):
        value = Markup(
            f"<code>{text(each.value)}</code>"
            + ("" if each.is_default else " <span class='set'>set</span>")
        )
        row = (Markup(f"<code>{text(each.key)}</code>"), value, each.meaning)
        groups.setdefault(each.section, []).append(row)
        if not each.is_default and not each.section.startswith("[["):
            changed.append(f"{each.section} {each.key} = {each.value}")
    heads = ["key", "value", "meaning"]
    parts = [details(name, table(name, heads, rows)) for name, rows in groups.items()]
    listed = "".join(f"<li><code>{text(each)}</code></li>" for each in changed)
    indicators = "".join(
        f"<li>{text(each.entry.heading)}: {text(each.indicator.summary)}"
        f" <span class=muted>{text(each.options)}</span></li>"
        for each in resolve_indicators(run.study.indicators)
    )
    return section(
        "choices",
        "Every choice of the study",
        paragraph("Set to other values than the defaults:") if changed else "",
        f"<ul>{listed}</ul>" if changed else paragraph("All choices are the defaults."),
        f"<h3>Indicators</h3><ul>{indicators}</ul>" if indicators else "",
        *parts,
    )


def column_meanings(run: Any) -> str:
    """Return the meaning of every column of the ranking."""
    rows = [
        (
            Markup(f"<code>{text(each['name'])}</code>"),
            each["description"],
            each.get("unit", ""),
            each.get("formula", ""),
        )
        for each in ranking_fields(run.study, run.ranking.columns)
    ]
    inner = table("Meanings of the columns", ["column", "meaning", "unit", "formula"], rows)
    return section("columns", "Columns of the ranking", details("All columns", inner))
