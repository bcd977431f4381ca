"""Turning the text of a CSV file into bytes: encodings, byte order marks, containers, damage."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa

ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "shift_jis",
    "gb18030",
)  # fmt: skip
MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
CONTAINERS = ("gz", "gz", "gz of two", "zst", "zip", "zip of two", "plain as gz", "gz as plain")


def fitting(text: str, encoding: str) -> str:
    """Return a text with only those characters that an encoding has."""
    return text.encode(encoding, "replace").decode(encoding)


def encoded(text: str, encoding: str) -> bytes:
    """Return a text in an encoding, with its mark where there is one."""
    return MARKS.get(encoding, b"") + text.encode(encoding)


def is_utf8(data: bytes) -> bool:
    """Whether bytes can be taken for UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    """Return a zip archive with the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def zstandard(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


def packed(rng: random.Random, data: bytes, container: str) -> bytes:
    """Put one file's bytes into a container."""
    if container == "gz of two":
        cut = rng.randrange(len(data) + 1)
        return gzip.compress(data[:cut], mtime=0) + gzip.compress(data[cut:], mtime=0)
    if container == "zst":
        return zstandard(data)
    if container.startswith("zip"):
        return zipped([("rows.csv", data)])
    return gzip.compress(data, mtime=0) if container in ("gz", "gz as plain") else data


def ending(container: str) -> str:
    """Return what a container adds to a file's name."""
    kinds = {
        "zst": ".zst",
        "plain as gz": ".gz",
        "gz as plain": "",
        "gz": ".gz",
        "gz of two": ".gz",
    }
    return kinds.get(container, "")


def damaged(rng: random.Random, data: bytes, container: str) -> bytes | None:
    """Cut a container off or flip one of its bits; None where that would not be noticed."""
    if rng.random() < 0.5 or container == "zst":
        shorter = data[: rng.randrange(len(data) // 2, len(data))]
        return None if is_whole(shorter, container) else shorter
    first, end = 10, len(data)  # names and dates of a container's header may be anything
    if container.startswith("zip"):
        first = 30 + int.from_bytes(data[26:28], "little")
        end = first + int.from_bytes(data[18:22], "little")
    bad = bytearray(data)
    bad[rng.randrange(first, end)] ^= 1 << rng.randrange(8)
    return None if is_whole(bytes(bad), container) else bytes(bad)


def is_whole(data: bytes, container: str) -> bool:
    """Whether the standard library unpacks a container without complaint."""
    if container == "zst":  # no checksum in these: whatever is shorter is damaged
        return False
    try:
        if container.startswith("zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return archive.testzip() is None
        gzip.decompress(data)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    except (RuntimeError, KeyError, IndexError):  # a flipped bit says that a member is encrypted
        return False
    return True


def save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
