"""Output folders read back: what is broken in one is said, with the file's name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from gclust.errors import StudyError


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Say what keeps a file of an output folder from being read.

    Parameters
    ----------
    path : Path
    what : str
        What the folder holds, ``"run"`` say.

    Raises
    ------
    StudyError
        In the place of any error: libraries raise all sorts on files that are cut off.
    """
    try:
        yield
    except StudyError:
        raise
    except FileNotFoundError as error:
        raise StudyError(
            f"{path}: is missing, so the {what} is not whole; write it anew"
        ) from error
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        why = error.strerror if isinstance(error, OSError) and error.strerror else lines[0]
        raise StudyError(
            f"{path}: cannot be read ({why}), so the {what} is not whole; write it anew"
        ) from error


def read_info(folder: Path, what: str) -> dict[str, Any]:
    """Read ``<what>.json``, by which an output folder is known.

    Raises
    ------
    StudyError
        If it is not there, or cannot be read.
    """
    path = folder / f"{what}.json"
    if not path.is_file():
        raise StudyError(
            f"{folder}: holds no {what} (no {path.name}); expected a folder of gclust"
            f" {COMMANDS[what]}"
        )
    with reading(path, what):
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise ValueError("it holds no names and values")
        return told


COMMANDS = {"run": "run", "sweep": "sweep", "comparison": "compare", "uncertainty": "uncertainty"}
"""What a folder holds -> the command that writes it."""


def with_columns(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return a table; ValueError if it lacks a column."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    return table
