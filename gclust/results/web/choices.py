"""Every choice of a study with its meaning, from the docstrings of sections and estimators."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from typing import Any

from gclust.study.schema import SECTIONS, Study
from gclust.study.sections import Source
from gclust.study.write_toml import toml_value

ESTIMATORS = {
    "dbscan": ("gclust.cluster.dbscan", "DBSCAN"),
    "hdbscan": ("gclust.cluster.hdbscan", "HDBSCAN"),
    "contour": ("gclust.cluster.contour", "DensityContour"),
}
"""Method of ``[clusters]`` -> module and name of its estimator, which documents its options."""
OF_ESTIMATOR = {
    "selection": "cluster_selection_method",
    "selection_eps_km": "cluster_selection_epsilon_km",
}
"""Names of options that the estimator calls otherwise."""
METHOD = "The clustering method: dbscan, hdbscan or contour."
FORMED_ON = "The listings on which boundaries are formed: years, a half, or an earlier run."
LEFT_OUT = ("engine", "null", "localisation")
"""Sections that change no result of a run."""
PARAMETER = re.compile(r"^([\w, ]+?) : ")


@dataclass(frozen=True)
class Setting:
    """One key of a study with its value as TOML, whether it is the default, and its meaning."""

    section: str
    key: str
    value: str
    is_default: bool
    meaning: str


def choices(study: Study, info: Mapping[str, Any]) -> list[Setting]:
    """Return all choices of a study in the order of its sections.

    Parameters
    ----------
    study : Study
    info : mapping
        The content of ``run.json``, whose ``resolved_study`` has paths as they were given.
    """
    resolved = info.get("resolved_study", {})
    found: list[Setting] = []
    for number, source in enumerate(study.sources, start=1):
        given = _nth(resolved.get("sources"), number - 1)
        found += _of_section(f"[[sources]] {number}", source, given, meanings(Source))
    for name in SECTIONS:
        if name in LEFT_OUT:
            continue
        section = getattr(study, name)
        known = meanings(type(section))
        if name == "clusters":
            known = {**_of_estimator(section), **known}
        found += _of_section(f"[{name}]", section, resolved.get(name, {}), known)
    return found


def _nth(given: Any, at: int) -> Mapping[str, Any]:
    return given[at] if isinstance(given, list) and at < len(given) else {}


def _of_section(
    heading: str, section: Any, given: Mapping[str, Any], known: Mapping[str, str]
) -> Iterator[Setting]:
    for item in fields(section):
        value = given.get(item.name, getattr(section, item.name))
        default = item.default
        if item.default_factory is not MISSING:
            default = item.default_factory()
        own = getattr(section, item.name)
        yield Setting(heading, item.name, _shown(value), own == default, known.get(item.name, ""))


def _shown(value: Any) -> str:
    if value is None or value in ((), {}, []):
        return "–"
    try:
        return toml_value(value)
    except (TypeError, AttributeError):
        return type(value).__name__


def _of_estimator(section: Any) -> dict[str, str]:
    """Return the meanings of the options of a clustering method."""
    module, name = ESTIMATORS[section.method]
    known = meanings(getattr(import_module(module), name))
    own = {
        item.name: known.get(OF_ESTIMATOR.get(item.name, item.name), "") for item in fields(section)
    }
    return {**own, "method": METHOD, "formed_on": FORMED_ON}


def meanings(documented: Any) -> dict[str, str]:
    """Return the meaning of each parameter of a class, from its numpydoc docstring, plain text."""
    return {name: _plain(text) for name, text in parameter_texts(documented).items()}


def parameter_texts(documented: Any) -> dict[str, str]:
    """Return what a class's numpydoc docstring says of each parameter, as it stands there."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    lines = (inspect.getdoc(documented) or "").splitlines()
    at = next((i for i, line in enumerate(lines) if line == "Parameters"), len(lines))
    for line, below in zip(lines[at + 2 :], [*lines[at + 3 :], ""], strict=False):
        if below and set(below) == {"-"}:
            break
        if match := PARAMETER.match(line):
            names = [each.strip() for each in match[1].split(",")]
            found.update({each: [] for each in names})
        elif line.startswith(" "):
            for each in names:
                found[each].append(line.strip())
    return {name: " ".join(text) for name, text in found.items()}


def _plain(text: str) -> str:
    without = re.sub(r",? ?\[\d\]_", "", text)
    return re.sub(r":\w+:`", "`", without).replace("`", "").replace("( ", "(").replace("()", "")
