"""A choice written back as a study of its own."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from itertools import count
from pathlib import Path

from gclust.experiments.tune.outcome import ParameterSet
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml


def chosen_study(study: Study, choice: ParameterSet) -> Study:
    """Return the study with a choice in the place of its own.

    Raises
    ------
    StudyError
        If the choice does not go with the rest of the study.
    """
    return replace(
        study,
        clusters=replace(study.dbscan, eps_km=choice.eps_km, min_samples=choice.min_samples),
        merge=replace(
            study.merge, max_gap_km=choice.max_gap_km, rule=choice.rule, ties=choice.ties
        ),
    )


def write_study(study: Study, choice: ParameterSet, beside: Path) -> Path:
    """Write a choice as a new study beside an old one, whole or not at all; nothing is replaced.

    Parameters
    ----------
    study : Study
    choice : Choice
    beside : Path
        The file of the old one: of ``study.toml`` is made ``study-tuned.toml``, or where that is
        there already ``study-tuned-2.toml``, and so on.

    Returns
    -------
    Path
        The new file, absolute.

    Raises
    ------
    StudyError
        See `chosen_study`.
    OSError
        If it cannot be written.
    """
    home = Path(os.path.abspath(beside)).parent
    said = f"# Written by gclust tune from {beside.name}, with every default spelled out."
    # The first line says that a run wrote it.
    text = "\n".join([said, *study_toml(chosen_study(study, choice), home).split("\n")[1:]])
    partial = home / f".study-tuned.partial-{secrets.token_hex(8)}"
    try:
        # Opened as any new file is, so that its mode is the one that the user's umask says.
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        for number in count(1):
            ending = "" if number == 1 else f"-{number}"
            path = home / f"{beside.stem}-tuned{ending}.toml"
            try:
                # Unlike a rename, a link is refused where a file is.
                os.link(partial, path)
            except FileExistsError:
                continue
            return path
    finally:
        partial.unlink(missing_ok=True)
    raise AssertionError("numbers do not end")
