"""Writing of a parameter set as a new study file."""

from __future__ import annotations

import os
import secrets
from dataclasses import astuple, replace
from itertools import count
from pathlib import Path

from gclust.experiments.tune.outcome import ParameterSet
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml


def with_parameters(study: Study, parameters: ParameterSet) -> Study:
    """Return a copy of the study with the given parameters; StudyError if they contradict it."""
    eps_km, min_samples, max_gap_km, rule, ties = astuple(parameters)
    return replace(
        study,
        clusters=replace(study.dbscan, eps_km=eps_km, min_samples=min_samples),
        merge=replace(
            study.merge,
            max_gap_km=max_gap_km,
            rule=rule,
            ties=ties,
            pairs=study.merge.pairs if rule == "list" else None,
        ),
    )


def write_study(study: Study, parameters: ParameterSet, path: Path) -> Path:
    """Write a parameter set as a new study, whole or not at all; no file is replaced.

    ``path`` is the study's file, ``study.toml`` for example: the new one is ``study-tuned.toml`` in
    the same folder, or if that exists ``study-tuned-2.toml``, and so on. Returns its absolute path.
    Raises StudyError as `with_parameters` does, and OSError if it cannot be written.
    """
    folder = Path(os.path.abspath(path)).parent
    header = f"# Written by gclust tune from {path.name}, with every default spelled out."
    # The first line would say that a run wrote it.
    lines = study_toml(with_parameters(study, parameters), folder).split("\n")
    text = "\n".join([header, *lines[1:]])
    partial = folder / f".study-tuned.partial-{secrets.token_hex(8)}"
    try:
        # Opened as any new file, so that its mode follows the user's umask.
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        for number in count(1):
            ending = "" if number == 1 else f"-{number}"
            written = folder / f"{path.stem}-tuned{ending}.toml"
            try:
                # Unlike a rename, a link fails where a file exists.
                os.link(partial, written)
            except FileExistsError:
                continue
            return written
    finally:
        partial.unlink(missing_ok=True)
    raise AssertionError("no free file name was found for the new study")
