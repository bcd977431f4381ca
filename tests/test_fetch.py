"""Fetching over real HTTP, with everything that goes wrong on a network."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gclust.datasets.fetch import CHUNK_BYTES, DATA_SETS, FetchError, RemoteFile, fetch
from gclust.errors import StudyError

# The package's own name `fetch` is the function.
fetch_module = sys.modules["gclust.datasets.fetch"]

CONTENT = bytes(range(256)) * 4096  # 1 MiB
NAMES = [file.name for file in DATA_SETS["us-innovation"]]


class Site:
    """What the server on 127.0.0.1 holds, how it misbehaves, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_after: list[int] = []  # bytes sent before the connection breaks, per answer
        self.statuses: list[int] = []  # answers given instead of the file
        self.ranges = True
        self.shifts: list[int] = []  # how far beside the range asked for an answer begins
        self.etag = '"one"'
        self.asked: list[str | None] = []  # the Range of each request
        self.sent = 0
        self.url = ""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append(wanted)
            body = site.files.get(self.path.lstrip("/"))
            status = site.statuses.pop(0) if site.statuses else 404 if body is None else 200
            if status != 200 or body is None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            same = self.headers.get("If-Range") in (None, site.etag)
            start = int(wanted[6:-1]) if wanted and site.ranges and same else 0
            start += site.shifts.pop(0) if start and site.shifts else 0
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            self.send_header("ETag", site.etag)
            self.send_header("Content-Length", str(len(body) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            end = start + site.cut_after.pop(0) if site.cut_after else len(body)
            self.wfile.write(body[start:end])
            site.sent += len(body[start:end])
            if end < len(body):
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler


@contextmanager
def _served(site: Site) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server with one file, ``data.bin``, of the data set ``one``."""
    monkeypatch.setattr(fetch_module, "FIRST_WAIT_S", 0.001)
    monkeypatch.delenv("GCLUST_MIRROR", raising=False)
    monkeypatch.delenv("GCLUST_CACHE", raising=False)
    made = Site()
    made.files["data.bin"] = CONTENT
    with _served(made):
        file = RemoteFile("data.bin", f"{made.url}/data.bin", hashlib.sha256(CONTENT).hexdigest())
        monkeypatch.setitem(DATA_SETS, "one", (file,))
        yield made


@pytest.mark.parametrize("how", ["folder", "address"])
def test_us_files_come_from_a_mirror(
    how: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared_data / "us_innovation"
    site = Site()
    site.files = {name: (folder / name).read_bytes() for name in NAMES}
    with _served(site):
        monkeypatch.setenv("GCLUST_MIRROR", str(folder) if how == "folder" else site.url + "/")
        found = fetch("us-innovation", cache=tmp_path)
    assert list(found) == NAMES
    assert {name: path.read_bytes() for name, path in found.items()} == site.files
    # A folder is read where it is; an address is copied into the cache, and nothing is left over.
    home = folder if how == "folder" else tmp_path / "us-innovation"
    assert {path.parent for path in found.values()} == {home}
    left = sorted(p.name for p in tmp_path.rglob("*") if p.is_file())
    assert left == ([] if how == "folder" else sorted(NAMES))


def test_cached_file_needs_no_network(site: Site, tmp_path: Path) -> None:
    first = fetch("one", cache=tmp_path)
    assert len(site.asked) == 1
    site.files.clear()
    assert fetch("one", cache=tmp_path) == first
    assert len(site.asked) == 1


def test_damaged_cached_file_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    path = fetch("one", cache=tmp_path)["data.bin"]
    path.write_bytes(b"damaged")
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT


def test_cache_folder_by_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCLUST_CACHE", str(tmp_path / "there"))
    assert fetch("one")["data.bin"] == tmp_path / "there" / "one" / "data.bin"


def test_cut_transfer_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    site.cut_after = [18 * CHUNK_BYTES, 12 * CHUNK_BYTES]
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    assert site.asked == [None, f"bytes={18 * CHUNK_BYTES}-", f"bytes={30 * CHUNK_BYTES}-"]
    assert site.sent == len(CONTENT)
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["data.bin"]


def test_next_call_goes_on_after_giving_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "TRIES", 1)
    site.cut_after = [18 * CHUNK_BYTES]
    with pytest.raises(FetchError, match=r"data\.bin .* 294912 bytes are kept"):
        fetch("one", cache=tmp_path)
    assert (tmp_path / "one" / "data.bin.part").read_bytes() == CONTENT[:294_912]
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    assert site.asked == [None, f"bytes={18 * CHUNK_BYTES}-"]


def test_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    site.cut_after = [18 * CHUNK_BYTES]
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    assert site.sent == len(CONTENT) + 18 * CHUNK_BYTES


def test_answer_with_another_range_is_not_appended(site: Site, tmp_path: Path) -> None:
    site.cut_after = [18 * CHUNK_BYTES]
    site.shifts = [-1000]
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    assert site.asked == [None, f"bytes={18 * CHUNK_BYTES}-", None]


def test_file_that_changed_between_starts_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "TRIES", 1)
    site.files["data.bin"] = b"old" * 400_000
    site.cut_after = [18 * CHUNK_BYTES]
    with pytest.raises(FetchError):
        fetch("one", cache=tmp_path)
    site.files["data.bin"], site.etag = CONTENT, '"two"'
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    # It came once and as a whole: the server was told which version the part is of.
    assert site.sent == 18 * CHUNK_BYTES + len(CONTENT)


@pytest.mark.parametrize("kept", [b"x" * 1000, CONTENT + b"x", CONTENT])
def test_part_of_another_file_is_dropped(kept: bytes, site: Site, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "data.bin.part").write_bytes(kept)
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT


def test_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    assert fetch("one", cache=tmp_path)["data.bin"].read_bytes() == CONTENT
    assert len(site.asked) == 3


def test_wrong_sum(site: Site, tmp_path: Path) -> None:
    site.files["data.bin"] = CONTENT[:-1] + b"!"
    with pytest.raises(FetchError, match=r"data\.bin from http.*sha256.*GCLUST_MIRROR"):
        fetch("one", cache=tmp_path)
    assert list((tmp_path / "one").iterdir()) == []
    assert len(site.asked) == 1


def test_missing_file(site: Site, tmp_path: Path) -> None:
    site.files.clear()
    with pytest.raises(FetchError, match=r"data\.bin cannot be downloaded: http.* answered 404"):
        fetch("one", cache=tmp_path)
    assert len(site.asked) == 1


def test_no_network(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GCLUST_MIRROR", f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(StudyError, match=r"data\.bin could not be fetched.*of 5 attempts.*proxy"):
        fetch("one", cache=tmp_path)


def test_mirror_folder_is_checked_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCLUST_MIRROR", str(tmp_path))
    with pytest.raises(FetchError, match=r"data\.bin is not in .*GCLUST_MIRROR"):
        fetch("one")
    (tmp_path / "data.bin").write_bytes(b"other")
    with pytest.raises(FetchError, match=r"data\.bin.*has the sha256 [0-9a-f]{64}, expected"):
        fetch("one")


def test_unknown_data_set() -> None:
    with pytest.raises(FetchError, match="no data set 'moon'; known are: us-innovation"):
        fetch("moon")


def test_progress_rises_to_one(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    fetch("one", cache=tmp_path, progress=lambda fraction, stage: seen.append((fraction, stage)))
    fractions = [fraction for fraction, _ in seen]
    assert {stage for _, stage in seen} == {"fetching data.bin"}
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1], fractions.count(1.0)) == (0.0, 1.0, 1)
    assert len(fractions) > 5
