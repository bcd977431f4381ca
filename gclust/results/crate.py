"""The file ``ro-crate-metadata.json``: how a run came about, as a Process Run Crate 0.5.

An RO-Crate is a folder whose files and origin are described in JSON-LD, which archives of
research data and workflow tools read. See https://w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gclust.results.columns.folders import FOLDERS
from gclust.results.datapackage import MEDIA

CRATE = "ro-crate-metadata.json"
"""Name of the file; the specification fixes it."""
RO_CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = "https://w3id.org/ro/terms/workflow-run"
TOOL = "#gclust"
VARYING = frozenset({"startTime", "endTime", "datePublished"})
"""Keys whose values differ between two runs of the same study."""

Entity = dict[str, Any]

LICENCE: Entity = {
    "@id": "#licence",
    "@type": "CreativeWork",
    "name": "Not stated",
    "description": "gclust does not know the terms of the inputs, which may also bind the results.",
}
"""The licence of a run, which the specification asks for and only its owner can give."""


def crate(info: Mapping[str, Any], title: str) -> Entity:
    """Return the content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    info : mapping
        The content of ``run.json`` with ``outputs`` and ``execution``.
    title : str
        Name of the data set.
    """
    outputs = [*info["outputs"], "run.json"]
    files = [_file(name, info["outputs"].get(name)) for name in sorted(outputs)]
    inputs = [_input(number, each) for number, each in enumerate(info["inputs"], start=1)]
    libraries = [_software(f"#{quote(n)}", n, v) for n, v in sorted(info["libraries"].items())]
    action = _action(info, files, inputs)
    tool = _software(TOOL, "gclust", info["gclust"]) | {"softwareRequirements": _ids(libraries)}
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": title,
        "description": "Clusters of geocoded listings, scored and ranked by gclust.",
        "datePublished": info["execution"]["ended"],
        "license": {"@id": LICENCE["@id"]},
        "hasPart": _ids(files),
        "mentions": {"@id": action["@id"]},
    }
    profile = {
        "@id": PROFILE,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    return {
        "@context": [f"{RO_CRATE}/context", f"{TERMS}/context"],
        "@graph": [
            _descriptor(),
            root,
            profile,
            LICENCE,
            action,
            tool,
            *libraries,
            *inputs,
            *files,
        ],
    }


def _descriptor() -> Entity:
    return {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": RO_CRATE},
        "about": {"@id": "./"},
    }


def _action(info: Mapping[str, Any], files: list[Entity], inputs: list[Entity]) -> Entity:
    study = [each for each in files if each["@id"] == "study.toml"]
    results = [each for each in files if each["@id"] != "study.toml"]
    key = json.dumps([info["resolved_study"], info["inputs"], info["gclust"]], sort_keys=True)
    return {
        "@id": f"#run-{hashlib.sha256(key.encode()).hexdigest()[:16]}",
        "@type": "CreateAction",
        "name": f"gclust run of {info['study']}",
        "description": "gclust run study.toml",
        "instrument": {"@id": TOOL},
        "object": _ids([*study, *inputs]),
        "result": _ids(results),
        "startTime": info["execution"]["started"],
        "endTime": info["execution"]["ended"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _file(name: str, digest: Mapping[str, Any] | None) -> Entity:
    stem, _, ending = name.rpartition(".")
    found: Entity = {"@id": quote(name), "@type": "File", "name": name}
    if ending in MEDIA:
        found["encodingFormat"] = MEDIA[ending]
    known = FOLDERS["run"]
    if about := known.files.get(name) or (stem in known.tables and known.tables[stem].description):
        found["description"] = about
    # run.json holds the digests of all others, and a time, so it has none here.
    if digest is not None:
        found |= {"contentSize": str(digest["bytes"]), "sha256": digest["sha256"]}
    return found


def _input(number: int, each: Mapping[str, Any]) -> Entity:
    """Describe an input, which is not in the folder: by name and digest."""
    found: Entity = {
        "@id": f"#input-{number}",
        "@type": "CreativeWork",
        "name": each["path"],
        "description": "an input, which is not part of this folder",
    }
    if "sha256" in each:
        found["sha256"] = each["sha256"]
    else:
        found["identifier"] = each["row_hashes"]
    return found


def _software(identifier: str, name: str, version: str) -> Entity:
    return {
        "@id": identifier,
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": version,
    }


def _ids(entities: list[Entity]) -> list[Entity]:
    return [{"@id": entity["@id"]} for entity in entities]
