"""Folders that are written as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from gclust.processes import is_alive


def claim(out: Path, overwrite: bool, what: str) -> None:
    """Refuse a folder that exists, unless it holds what may be replaced.

    Parameters
    ----------
    out : Path
    overwrite : bool
        Whether a run (or whatever else) in ``out`` may be replaced.
    what : str
        What the folder holds, ``"run"`` say; it is known by its file ``run.json``.

    Raises
    ------
    FileExistsError
        The message says what is there and what to do.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise FileExistsError(f"{out} is a file; name a folder for the {what}")
    if not any(out.iterdir()):
        return
    if not (out / f"{what}.json").is_file():
        raise FileExistsError(f"{out} exists and is not a {what} of gclust; name another folder")
    if not overwrite:
        raise FileExistsError(
            f"{out} holds a {what} already; name another folder (-o), or replace it (--overwrite)"
        )


def write_folder(out: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder beside its place, then move it there in one step.

    Parameters
    ----------
    out : Path
        Its place; what is there is replaced.
    fill : callable
        Called with the folder to write into.

    Returns
    -------
    Path
        The place, absolute.
    """
    out = Path(os.path.abspath(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(out)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-{os.getpid()}-", dir=out.parent))
    partial.chmod(0o755)
    try:
        fill(partial)
        if out.exists() and any(out.iterdir()):
            aside = partial.with_name(partial.name + "-replaced")
            out.rename(aside)
            partial.rename(out)
            shutil.rmtree(aside)
        else:
            os.replace(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return out


def write_file(path: Path, content: bytes) -> None:
    """Write a file as a whole: after a kill it is there complete, or not at all."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _remove_left(out: Path) -> None:
    """Remove what killed processes left beside ``out``."""
    for left in out.parent.glob(f".{out.name}.partial-*"):
        pid = left.name.removeprefix(f".{out.name}.partial-").split("-")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
