"""Download, check and cache of published data sets.

A file is downloaded over HTTP into a cache folder, resumed after an interruption, and used only
if it has the sha256 that is listed here. The environment variable ``GCLUST_CACHE`` sets another
cache folder; ``GCLUST_MIRROR`` sets a folder or a web address with copies of the files.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gclust.errors import StudyError
from gclust.progress import Report, resolve

if TYPE_CHECKING:
    import requests

__all__ = ["DATA_SETS", "FetchError", "RemoteFile", "fetch"]

TRIES = 5
"""Number of successive attempts without new bytes after which a download fails."""

FIRST_WAIT_S = 0.5
"""Seconds before the second attempt; they double with each further attempt."""

TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 14
"""Bytes read at a time, which is the most that an interruption loses."""


class FetchError(StudyError):
    """Error raised if a file cannot be downloaded or differs from the published file."""


@dataclass(frozen=True)
class RemoteFile:
    """Published file with its name in the cache, its address and its sha256."""

    name: str
    url: str
    sha256: str


_RAW = "https://raw.githubusercontent.com"
_METRO = f"{_RAW}/fansi-sifan/metro-datasets/1c3c9160847e187a2cb423e2fc22328b7d6657bd/source"
_ROUNDS = f"{_RAW}/datahoarder/crunchbase-october-2013/9303ebdc38fd6dbaa597e12a81edeec0246a61e2"
_POSTAL = (
    f"{_RAW}/zauberware/postal-codes-json-xml-csv/a6e8df1e94385a76d8c8c2f8260b2cd020298c19/data"
)
_GEOCOMP = f"{_RAW}/geocompx/geocompy/f63e1f09393ec2b76c35e8103dbed5249a9dcaf2/data"
_GPW = "gpw_v4_population_density_rev11_2020_15_min.tif"

DATA_SETS: dict[str, tuple[RemoteFile, ...]] = {
    "us-innovation": (
        RemoteFile(
            "USPTO_county.csv",
            f"{_METRO}/USPTO_county.csv",
            "276bca3133107c211f105ff84ffd46f3fe2fe7dc330404b9b017342e2f88f953",
        ),
        RemoteFile(
            "NSF_univ.csv",
            f"{_METRO}/NSF_univ.csv",
            "ac783447140ff228ce3160759c9419872aee450857843856d448f90e14998a38",
        ),
        RemoteFile(
            "crunchbase-rounds.csv",
            f"{_ROUNDS}/crunchbase-rounds.csv",
            "1b27a2b561678fe6257556d729819edc98a9581b18d6d8fad82413658e055212",
        ),
        RemoteFile(
            "US.zip",
            f"{_POSTAL}/US.zip",
            "f19d21fe32e9d1258f6577b7dd8138c0415cf5b49c15d498b4da3598e942b11b",
        ),
        RemoteFile(
            _GPW,
            f"{_GEOCOMP}/{_GPW}",
            "6be604e349c381b4a2b7c55b29b71e70d3dcea2bffdbb426c9e9428010c40911",
        ),
    )
}


def fetch(
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | Report | None = None,
) -> dict[str, Path]:
    """Download a published data set, or take it from the cache.

    Parameters
    ----------
    name : str
        A key of `DATA_SETS`, so far ``"us-innovation"``.
    cache : path, optional
        Folder that keeps the files. By default ``GCLUST_CACHE``, else the operating
        system's folder for caches.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.

    Returns
    -------
    dict of str to pathlib.Path
        Path of each file, by its name. If ``GCLUST_MIRROR`` names a folder, the files are read
        there and not copied.

    Raises
    ------
    FetchError
        For an unknown data set, a missing file, a wrong sha256, or a connection that cannot be
        made or fails repeatedly. What was downloaded stays in the cache as ``.part``, from
        where the next call resumes.

    Examples
    --------
    >>> import gclust
    >>> paths = gclust.datasets.fetch("us-innovation")  # doctest: +SKIP
    """
    if name not in DATA_SETS:
        raise FetchError(f"there is no data set {name!r}; known are: {', '.join(DATA_SETS)}")
    files = DATA_SETS[name]
    report = resolve(progress)
    mirror = os.environ.get("GCLUST_MIRROR", "").strip()
    if mirror and not _is_address(mirror):
        return {file.name: _from_folder(file, Path(mirror).expanduser()) for file in files}
    if mirror:
        files = tuple(RemoteFile(f.name, f"{mirror.rstrip('/')}/{f.name}", f.sha256) for f in files)
    folder = _cache_folder(cache) / name
    return {file.name: _from_network(file, folder, report) for file in files}


def _is_address(mirror: str) -> bool:
    return mirror.lower().startswith(("http://", "https://"))


def _cache_folder(cache: str | os.PathLike[str] | None) -> Path:
    import pooch

    chosen = cache if cache is not None else os.environ.get("GCLUST_CACHE") or None
    return Path(chosen).expanduser() if chosen is not None else Path(pooch.os_cache("gclust"))


def _from_folder(file: RemoteFile, folder: Path) -> Path:
    import pooch

    path = folder / file.name
    if not path.is_file():
        raise FetchError(
            f"{file.name} is not in {folder}, which GCLUST_MIRROR names: put the file there "
            f"(it is published at {file.url}), or unset GCLUST_MIRROR to fetch it"
        )
    found = pooch.file_hash(str(path))
    if found != file.sha256:
        raise FetchError(
            f"{path}, which GCLUST_MIRROR names, has the sha256 {found}, expected {file.sha256}: "
            f"replace it with the file published at {file.url}"
        )
    return path


def _from_network(file: RemoteFile, folder: Path, report: Report) -> Path:
    import pooch

    shelf = pooch.create(
        path=folder,
        base_url="",
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: file.url},
    )
    download = ResumingDownload(file, folder, report)
    with _quiet_pooch():
        try:
            return Path(shelf.fetch(file.name, downloader=download))
        except ValueError as error:
            if isinstance(error, FetchError):
                raise
        if download.resumed:
            # The first bytes may be of another version of the file: download all of it once more.
            try:
                return Path(shelf.fetch(file.name, downloader=download))
            except ValueError as error:
                if isinstance(error, FetchError):
                    raise
    raise FetchError(
        f"{file.name} from {file.url} does not have the expected sha256 {file.sha256} and was "
        "deleted: the published file has changed, or the download was altered. Try again, or set "
        "GCLUST_MIRROR to a folder or a web address that holds the right file"
    )


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from writing to stderr, so that only `progress` reports."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class ResumingDownload:
    """Downloader for pooch that resumes interrupted downloads.

    Data are written to ``<name>.part`` in the cache, and the server's ETag to
    ``<name>.part.etag``: a file that was changed since is downloaded from its first byte
    (RFC 9110, If-Range).
    """

    def __init__(self, file: RemoteFile, folder: Path, report: Report) -> None:
        self.file = file
        self.part = folder / f"{file.name}.part"
        self.etag = folder / f"{file.name}.part.etag"
        self.report = report
        self.resumed = False

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Download `url` to `output_file`."""
        import requests

        self.resumed = False
        stage = f"fetching {self.file.name}"
        self.report(0.0, stage)
        failures = 0
        while True:
            before = self._size()
            try:
                self._transfer(url, stage)
                break
            except (requests.RequestException, _Interrupted) as error:
                failures = 1 if self._size() > before else failures + 1
                if failures >= TRIES:
                    raise self._gave_up(url, error) from error
                time.sleep(FIRST_WAIT_S * 2 ** (failures - 1))
        os.replace(self.part, output_file)
        self.etag.unlink(missing_ok=True)
        self.report(1.0, stage)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _transfer(self, url: str, stage: str) -> None:
        """Make one request: append to the part if the server resumes, else start again."""
        import requests

        start = self._size()
        # Ranges count the bytes of the file itself, so it must not come compressed.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.etag.exists():
                headers["If-Range"] = self.etag.read_text(encoding="utf-8")
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == 416:
                # The part is as long as the file or longer: it cannot be resumed.
                self.part.unlink()
                raise _Interrupted("the partial download did not fit the file and was deleted")
            self._check_status(url, answer)
            # The sha256 will show whether it is the requested range and, where the server sends
            # no ETag, of the same version.
            goes_on = answer.status_code == 206
            start = start if goes_on else 0
            self.resumed = self.resumed or goes_on
            self._keep_etag(answer)
            self._write(answer, start, stage)

    def _check_status(self, url: str, answer: requests.Response) -> None:
        status = answer.status_code
        if status in (200, 206):
            return
        if status >= 500 or status in (408, 429):
            raise _Interrupted(f"the server answered {status} {answer.reason}")
        raise FetchError(
            f"{self.file.name} cannot be downloaded: {url} answered {status} {answer.reason}. If"
            " the publisher has moved it, set GCLUST_MIRROR to a folder or an address that holds it"
        )

    def _keep_etag(self, answer: requests.Response) -> None:
        # A weak mark (W/) does not promise the same bytes and may not be used here.
        mark = answer.headers.get("ETag", "")
        if mark and not mark.startswith("W/"):
            self.etag.write_text(mark, encoding="utf-8")
        else:
            self.etag.unlink(missing_ok=True)

    def _write(self, answer: requests.Response, start: int, stage: str) -> None:
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else 0
        done = start
        with open(self.part, "ab" if start else "wb") as part:
            for chunk in answer.iter_content(CHUNK_BYTES):
                part.write(chunk)
                done += len(chunk)
                if total:
                    # 1.0 ends the stage, and the sha256 is still to be checked.
                    self.report(min(done / total, 0.999), stage)
        if total and done != total:
            raise _Interrupted(f"only {done} of {total} bytes arrived")

    def _gave_up(self, url: str, error: Exception) -> FetchError:
        kept = self._size()
        rest = f"; {kept} bytes are kept and the next call goes on from there" if kept else ""
        return FetchError(
            f"{self.file.name} could not be fetched from {url}: nothing came in the last of "
            f"{TRIES} attempts ({error}){rest}. "
            "Check the network and its proxy, or set GCLUST_MIRROR to a folder or an address that "
            "holds the file"
        )


class _Interrupted(Exception):  # noqa: N818 - never leaves this file
    """Interrupted download that is worth another attempt."""
