"""Part of a sweep or of rank uncertainty: the folder that one shard writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gclust.experiments.shards.shard import Shard, check_shard
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result
from gclust.study.schema import Study

PART = "part"
"""What the folder is called in messages and in the name of its manifest."""
KINDS = ("sweep", "uncertainty")


@dataclass(frozen=True)
class Part:
    """Part of a sweep or of rank uncertainty, which one shard has computed.

    `gclust.gather` joins the parts of all shards.

    Attributes
    ----------
    of : str
        ``"sweep"`` or ``"uncertainty"``.
    study : Study
    shard : Shard
        Its ``number``, from 1, and the ``count`` of shards.
    n : int
        Number of pairs of parameters, or of draws, in this part.
    n_whole : int
        Number of them in all parts.
    common : dict
        What all parts have in common: the study, digests of its data, the grid or the draws,
        the warnings about the data, and digests of tables that each part holds.
    environment : dict
        Versions of gclust and its libraries.
    files : dict
        Digest of each file.
    path : Path, optional
        The folder.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> part = gclust.sweep(study, eps_km=[4, 5], min_samples=[100], out="part-1", shard=(1, 2))
    >>> part.n, part.n_whole, part.path.name
    (1, 2, 'part-1')
    """

    of: str
    study: Study
    shard: Shard
    n: int
    n_whole: int
    common: dict[str, Any] = field(repr=False)
    environment: dict[str, Any] = field(repr=False, default_factory=dict)
    files: dict[str, str] = field(repr=False, default_factory=dict)
    path: Path | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the data."""
        return tuple(self.common["warnings"])

    @property
    def folder(self) -> Path:
        """The folder of a part that was written or read."""
        if self.path is None:
            raise ValueError("the part was not written yet")
        return self.path


def write_part(
    part: Part, place: Place, fill: Callable[[ResultWriter], None], shared: tuple[str, ...]
) -> Part:
    """Write the folder of a part, completely or not at all; return the part with its path.

    ``fill`` writes the files; those named in ``shared`` are the same in all parts.
    """

    def write(folder: ResultWriter) -> None:
        fill(folder)
        folder.study(part.study)
        write_data_package(folder, f"{part.of}_part", part.study)
        files = {each.name: _sha256(each) for each in sorted(folder.folder.iterdir())}
        tables = {name: files[name] for name in shared if name in files}
        content = {
            **versions(),
            "of": part.of,
            "study": part.study.study.name,
            "shard": part.shard.number,
            "shards": part.shard.count,
            "n": part.n,
            "n_whole": part.n_whole,
            "common": {**part.common, "tables": tables},
            "sha256": files,
        }
        folder.json(PART, {**content, "checksum": _checksum(content)})

    written = write_result(part, place, write)
    return replace(read_part(written.folder), study=part.study)


def read_part(path: str | Path) -> Part:
    """Read a part, and check that its files have the bytes that were written.

    Raises
    ------
    StudyError
        If the folder holds no part, or a file is missing or damaged.
    """
    folder = ResultReader(path, PART)
    info = folder.info
    with folder.reading(f"{PART}.json"):
        _same(info.pop("checksum"), _checksum(info))
        files = dict(info["sha256"])
    for name, digest in files.items():
        folder.file(name, partial(_check, digest))
    with folder.reading(f"{PART}.json"):
        if info["of"] not in KINDS:
            raise ValueError(f"it is of {info['of']!r}")
        shard = check_shard((info["shard"], info["shards"]))
        numbers = int(info["n"]), int(info["n_whole"])
        environment = {name: info[name] for name in versions()}
    return Part(
        info["of"], folder.study(), shard, *numbers, info["common"], environment, files, folder.path
    )


def _check(digest: str, path: Path) -> None:
    _same(_sha256(path), digest)


def _same(one: str, other: str) -> None:
    if one != other:
        raise ValueError("its bytes are not those that were written")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
