"""Pages of the reference that are made from the code: every key, column and indicator of gclust.

They are written to ``docs/reference/generated`` when the site is built: none can be missing.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from groups import GROUPS

import gclust
from gclust.results.columns.folders import FOLDERS
from gclust.results.columns.table import Table
from gclust.results.web.choices import ESTIMATORS, METHOD, OF_ESTIMATOR, parameter_texts
from gclust.study.clustering_methods import CLUSTERING_METHODS
from gclust.study.parse import described
from gclust.study.schema import SECTIONS
from gclust.study.sections import (
    Footprint,
    OtherFootprint,
    OtherRaster,
    Population,
    Source,
)
from gclust.study.write_toml import toml_value

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FIRST = "0.1.0"
"""Version that keys and columns are of which do not say ``.. versionadded``."""

GUIDES = {
    "sources": "guides/your_data",
    "density": "guides/parameters",
    "clusters": "guides/parameters",
    "merge": "guides/merging",
    "footprint": "guides/footprints",
    "counting": "guides/counting",
    "score": "guides/scores",
    "population": "guides/footprints",
    "sweep": "guides/parameters",
    "centroid_geocodes": "guides/centroid_geocodes",
    "intensity": "in_detail/intensity",
    "uncertainty": "in_detail/uncertainty",
    "null": "guides/null_model",
    "localisation": "guides/localisation",
    "places": "in_detail/given_areas",
    "outputs": "in_detail/results",
    "engine": "guides/large_data",
    "indicators": "guides/indicators",
    "members": "guides/indicators",
}
"""Section of a study -> the page about it."""

KEYS_OF_INDICATORS = {
    "name": ("a text", "required", "Name of the indicator."),
    "kind": ("a text", "all", "Kind of record that it looks at."),
    "column": (
        "a text",
        "`<kind>_<name>`, without a kind `<name>`",
        "Heading of its column in the ranking.",
    ),
}

OF_FOLDER = re.compile(r"``(?P<file>\w+\.(?:csv|parquet))``\s+of\s+``(?P<command>gclust\s\w+)``")
"""What a docstring says of a file of a result folder."""

PRIVATE = {
    "gclust.ranking.table.ranking": "{ref}`ranking <file-ranking>`",
    "gclust.ranking.table.contribution_table": "{ref}`contributions <file-contributions>`",
    "gclust.indicators.members.member_counts": "{ref}`members <file-members>`",
    "gclust.indicators.members.member_ties": "{ref}`member_ties <file-member_ties>`",
}
"""Where readers are sent who would look up a private function."""


def study_page(guides: Callable[[str], str] = lambda _: "") -> str:
    """Return the page of every section and key of a study; ``guides`` returns a section's link."""
    parts = [
        "# Every key of a study\n\nA study is a file `study.toml`, or a {py:obj}`gclust.Study` with"
        f" the same sections and keys. All are of version {FIRST} where they name no later one."
        " Every section but `[[sources]]` may be left out."
    ]
    parts.append(_section("sources", "[[sources]]", Source, meanings(Source), guides))
    for name, default in SECTIONS.items():
        if name == "clusters":
            for method, options in CLUSTERING_METHODS.items():
                heading = f'[clusters] with method = "{method}"'
                known = _of_estimator(method, options)
                parts.append(_section("clusters", heading, options, known, guides, of=method))
        else:
            parts.append(_section(name, f"[{name}]", default, meanings(default), guides))
        if name == "intensity":
            more = {**meanings(Footprint), **meanings(OtherFootprint)}
            heading = "Entries of [intensity] footprints"
            parts.append(_section(name, heading, OtherFootprint, more, guides, of="footprints"))
            more = {**meanings(Population), **meanings(OtherRaster)}
            heading = "Entries of [intensity] rasters"
            parts.append(_section(name, heading, OtherRaster, more, guides, of="rasters"))
    for (name, key), kind in nested_tables().items():
        heading = f"[{name}.{key}]"
        parts.append(_section(name, heading, kind, meanings(kind), guides, of=key))
    rows = [(f"`{key}`", *rest) for key, rest in KEYS_OF_INDICATORS.items()]
    parts.append(
        "(study-indicators)=\n## [[indicators]]\n\nA column of the ranking more, one for each"
        " entry. All other keys are the indicator's own: see [every indicator](indicators.md)."
        f" {guides('indicators')}\n\n" + _table(("key", "type", "default", "meaning"), rows)
    )
    return "\n\n".join(parts) + "\n"


def nested_tables() -> dict[tuple[str, str], type]:
    """Return the class of each key that is a table of its own, by section and key."""
    found = {}
    for name, default in SECTIONS.items():
        for item in fields(default):
            hint = get_type_hints(default)[item.name]
            for kind in (hint, *getattr(hint, "__args__", ())):
                if is_dataclass(kind) and kind not in (OtherFootprint, OtherRaster):
                    found[name, item.name] = kind
    return found


def _section(
    name: str,
    heading: str,
    options: type,
    known: Mapping[str, str],
    guides: Callable[[str], str],
    of: str = "",
) -> str:
    """Return a section of a study as Markdown: what it is, and a table of its keys."""
    label = f"study-{name}" + (f"-{of}" if of else "")
    hints = get_type_hints(options)
    rows = []
    for item in fields(options):
        what = _type(item, hints[item.name])
        kind = nested_tables().get((name, item.name))
        meaning = known.get(item.name) or (_about(kind).partition("\n")[0] if kind else "")
        rows.append((f"`{item.name}`", what, _default(item), meaning))
    about = f"{_about(options)} {guides(name)}".strip()
    table = _table(("key", "type", "default", "meaning"), rows)
    return f"({label})=\n## {heading}\n\n{about}\n\n{table}"


def _about(options: type) -> str:
    """Return what a class says of itself before its parameters, without naming itself."""
    text = re.split(r"\n(?:Parameters|Examples)\n-+\n", inspect.getdoc(options) or "")[0]
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    parts[0] = re.sub(
        r"^(?:The section|An entry of|The table) ``.*?``(?: of .*?)?: (\w)", _capital, parts[0]
    )
    return "\n\n".join(filter(None, map(marked, parts)))


def _capital(match: re.Match[str]) -> str:
    return match[1].upper()


def _of_estimator(method: str, options: type) -> dict[str, str]:
    """Return the meanings of the options of a clustering method, from its estimator."""
    module, name = ESTIMATORS[method]
    known = meanings(getattr(import_module(module), name))
    own = {f.name: known.get(OF_ESTIMATOR.get(f.name, f.name), "") for f in fields(options)}
    return {**own, "method": METHOD, **meanings(options)}


def _type(item: Field[Any], hint: Any) -> str:
    """Return the type of a key in words, with its options or bounds."""
    bounds = item.metadata
    several = str(item.type).startswith("tuple")
    if options := bounds.get("options"):
        named = " or ".join(f"`{toml_value(option)}`" for option in options)
        return f"a list of {named}" if several else named
    text = _words(hint)
    limits = {"least": "at least", "above": "more than", "most": "at most"}
    said = [f"{words} {bounds[key]:,.15g}" for key, words in limits.items() if _given(bounds, key)]
    return ", ".join([text, *said])


def _given(bounds: Mapping[str, Any], key: str) -> bool:
    return bounds.get(key) is not None and bounds[key] < 2**40  # beyond that no listings lie


def _words(hint: Any) -> str:
    if any(map(is_dataclass, getattr(hint, "__args__", ()))):
        return "a list of tables" if str(hint).startswith("tuple") else "a table"
    return described(hint)


def _default(item: Field[Any]) -> str:
    """Return the default of a key as TOML."""
    value = item.default
    if value is MISSING and item.default_factory is MISSING:
        return "required"
    if value is MISSING:
        value = item.default_factory()  # type: ignore[misc]
    return "–" if value is None or value in ((), {}, []) else f"`{toml_value(value)}`"


def meanings(documented: type) -> dict[str, str]:
    """Return the meaning of each parameter of a class, from its docstring, as Markdown."""
    return {name: marked(text) for name, text in parameter_texts(documented).items()}


def marked(text: str) -> str:
    """Return the text of a docstring as Markdown, which sends nobody into private modules."""
    text = re.sub(r" \(\[\d\]_\)|(?<=\()\[\d\]_, |,? ?\[\d\]_", "", text)
    text = re.sub(r"\.\. versionadded:: (\S+)", r"(Since \1.)", text)
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r":\w+:`([^`]*)`", r"`\1`", text)
    codes: list[str] = []

    def keep(match: re.Match[str]) -> str:
        codes.append(f"`{match[1]}`")
        return f"\0{len(codes) - 1}\0"

    text = re.sub(r"``([^`]+)``", keep, text)
    text = re.sub(r"`(gclust(?:\.\w+)+)`", _reference, text)
    text = re.sub(r"(?<=\w)\* |(?<= )\*(?=\w)", r"\\*", text)
    return re.sub(r"\0(\d+)\0", lambda match: codes[int(match[1])], _without_private(text)).strip()


def _reference(match: re.Match[str]) -> str:
    name = match[1]
    return f"{{py:obj}}`{name}`" if is_public(name) else PRIVATE.get(name, f"`{name}`")


def _without_private(text: str) -> str:
    """Leave out references to private modules, with the words that make them."""
    private = r"(?<!\})`gclust(?:\.\w+){2,}`"
    text = re.sub(rf"\s*\((?:see|See) {private}(?: and {private})?\)", "", text)
    return re.sub(rf"(?:[;,]? ?[Ss]ee:? |[;,] see ){private}(?: and {private})?\.?", "", text)


def is_public(name: str) -> bool:
    """Return whether a dotted name is public: in ``__all__`` of gclust or of a public module."""
    return name in public_names() or name.rpartition(".")[0] in public_names()


@functools.cache
def public_names() -> dict[str, Any]:
    """Return every public name of gclust that has a page, with what it is."""
    modules = {"gclust": gclust}
    for name in ("datasets", "plot", "testing", "indicators"):
        modules[f"gclust.{name}"] = import_module(f"gclust.{name}")
    found = {}
    for prefix, module in modules.items():
        for name in getattr(module, "__all__", None) or _own(module):
            value = getattr(module, name)
            if name != "__version__" and not inspect.ismodule(value):
                found[f"{prefix}.{name}"] = value
    return found


def _own(module: Any) -> list[str]:
    """Return the public functions of a module without ``__all__``."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def names_page() -> str:
    """Return the page of every public name, as reStructuredText, which autosummary reads."""
    left = [name.removeprefix("gclust.") for name in public_names()]
    parts = [
        "Every public name\n=================\n\nWhat is here is public: it changes only as the"
        " :doc:`policy </project/stability>` says. All\nother modules are private.\n\n"
        ".. currentmodule:: gclust"
    ]
    for heading, listed in GROUPS.items():
        names = [name for name in listed.split() if name in left]
        left = [name for name in left if name not in names]
        parts.append(_summary(heading, names))
    return "\n\n".join([*parts, *([_summary("Further", left)] if left else [])]) + "\n"


def _summary(heading: str, names: Iterable[str]) -> str:
    lines = "\n".join(f"   {name}" for name in names)
    options = ".. autosummary::\n   :toctree: generated\n   :nosignatures:"
    return f"{heading}\n{'-' * len(heading)}\n\n{options}\n\n{lines}"


def files_page() -> str:
    """Return the page of every file of every result folder, and every column of it."""
    parts = [
        "# Every column of every file\n\nThis is what `datapackage.json` in a result folder says of"
        " its files, for any kinds of record: `<kind>` stands for each kind, such as `patent`."
        " Files are CSV or Parquet, as [results](../../in_detail/results.md) says; all columns are"
        f" of version {FIRST} where they name no later one. `gclust gather` writes what the command"
        " without `--shard` does."
    ]
    for what, folder in FOLDERS.items():
        parts.append(f"(files-{what})=\n## `{folder.command}`\n\n{folder.description}.")
        parts += [_file(what, table) for table in folder.tables.values()]
        rows = [(f"`{name}`", about) for name, about in folder.files.items()]
        parts.append("### Files without columns\n\n" + _table(("file", "content"), rows))
    return "\n\n".join(parts) + "\n"


def _file(what: str, table: Table) -> str:
    """Return a file of a folder as Markdown: what it is, and a table of its columns."""
    rows = [
        (f"`{c.name}`", c.type, marked(c.description), c.unit or "–", _formula(c.formula))
        for c in table.columns
    ]
    key = f" A row is found by `{'`, `'.join(table.key)}`." if table.key else ""
    head = ("column", "type", "meaning", "unit", "formula")
    return (
        f"({file_label(what, table.name)})=\n### {table.name}\n\n{table.description}.{key}\n\n"
        + _table(head, rows)
    )


def file_label(what: str, name: str) -> str:
    """Return the label of a file of a folder on the page of files."""
    return f"file-{name}" if what == "run" else f"file-{what}-{name}"


def _formula(text: str) -> str:
    return f"`{text}`" if text else "–"


def indicators_page() -> str:
    """Return the page of every indicator that comes with gclust."""
    parts = [
        "# Every indicator\n\nColumns that `[[indicators]]` of a study adds to the ranking."
        " `gclust indicators` prints the same, with those of plug-ins."
    ]
    table = gclust.list_indicators()
    for name, row in table[table["origin"] == "gclust"].iterrows():
        lines = [f"## {name}", row["summary"].rstrip(".") + ".", *row["about"]]
        items = {
            "Options": "; ".join(f"`{option}`" for option in row["options"]),
            "Needs": ", ".join(need if " " in need else f"`{need}`" for need in row["needs"]),
            "Formula": _formula(row["formula"]) if row["formula"] else "",
            "Source": row["source"],
        }
        lines.append("\n".join(f"- {key}: {text}" for key, text in items.items() if text))
        parts.append("\n\n".join(line for line in lines if line))
    return "\n\n".join(parts) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def write_pages(app: Sphinx) -> None:
    """Write all pages, each only if it has changed."""
    source = Path(app.srcdir)
    folder = source / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)

    def guide(section: str) -> str:
        if (page := GUIDES.get(section)) is None:
            return ""
        name = page.rpartition("/")[2].replace("_", " ")
        return f"More: [{name}](../../{page}.md)."

    pages = {"study": study_page(guide), "files": files_page(), "indicators": indicators_page()}
    paths = {folder / f"{name}.md": text for name, text in pages.items()}
    paths[folder.parent / "python.rst"] = names_page()
    for path, text in paths.items():
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def mend_docstring(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Leave out of a docstring what names private modules, and link files to their columns."""
    lines[:] = list(_public_lines(lines))


def _public_lines(lines: list[str]) -> Iterator[str]:
    """Replace what a docstring says of private modules, across the ends of its lines."""
    text = "\n".join(lines)
    private = r"`gclust(?:\.\w+){2,}`"

    def shown(match: re.Match[str]) -> str:
        name = match[0].strip("`")
        if is_public(name):
            return match[0]
        if name in PRIVATE:
            return re.sub(r"\{ref\}", ":ref:", PRIVATE[name])
        return "\0"

    text = re.sub(private, shown, text)
    text = re.sub(r"\s*\([Ss]ee\s+\0(?:\s+and\s+\0)?\)", "", text)
    text = re.sub(r"[;,:]?\s+see\s+\0", "", text)
    text = re.sub(r"See\s+\0(?:\s+and\s+\0)?\.?", "", text)
    text = OF_FOLDER.sub(_file_reference, text)
    text = re.sub(r"docs/(algorithm|beyond_one_process|cluster_jobs)\.md", r":doc:`/\1`", text)
    yield from text.replace("\0", "its own documentation").splitlines()


def _file_reference(match: re.Match[str]) -> str:
    """Return the name of a file of a folder as a link to its columns."""
    file, command = match["file"], " ".join(match["command"].split())
    name = file.partition(".")[0]
    for what, folder in FOLDERS.items():
        if folder.command == command and name in folder.tables:
            return f":ref:`{file} <{file_label(what, name)}>` of ``{command}``"
    return match[0]


def leave_out(
    _app: Sphinx, _what: str, name: str, _object: Any, _skip: bool, _options: Any
) -> bool | None:
    """Leave out what scikit-learn adds to each estimator for its routing of metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the pages and docstrings to the build."""
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-docstring", mend_docstring, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
