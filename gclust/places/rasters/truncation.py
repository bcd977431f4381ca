"""Checks for truncated raster files that GDAL does not report in time."""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np

from gclust.errors import StudyError

CHUNK_BYTES = 16 * 1024**2


def check_whole(source: Any, path: str, bands: tuple[int, ...]) -> None:
    """Raise StudyError if a file is truncated.

    Parameters
    ----------
    source : rasterio.DatasetReader
    path : str
    bands : tuple of int
        The bands whose cells must be there.

    Raises
    ------
    StudyError

    Notes
    -----
    For most formats GDAL fails when the last cells are read. In GeoTIFFs any block may be the last
    of the file; missing cells of ENVI files are read as 0; and in truncated text GDAL may search
    for the rest for ever.
    """
    if source.driver in ("GTiff", "COG"):
        _check_directories_are_there(path)
        _check_blocks_are_there(source, path, bands)
    elif source.driver == "ENVI":
        _check_size(source, path)
    elif source.driver == "AAIGrid":
        _check_numbers(source, path)


def _check_directories_are_there(path: str) -> None:
    """Refuse a GeoTIFF that is truncated before a directory, such as that of its mask.

    GDAL ignores directories that it does not find. The layout is that of TIFF 6.0, section 2,
    and of BigTIFF: https://www.awaresystems.be/imaging/tiff/bigtiff.html.
    """
    with open(path, "rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        is_big = struct.unpack(f"{order}H", head[2:4]) == (43,)
        first, count, link, entry = (8, "Q", "Q", 20) if is_big else (4, "H", "I", 12)
        seen: set[int] = set()

        def number(at: int, kind: str) -> int:
            file.seek(at)
            found = file.read(struct.calcsize(kind))
            if len(found) < struct.calcsize(kind):
                raise StudyError(
                    f"{path}: is cut short: the TIFF directory at byte {at} is missing; fetch or"
                    " write it again"
                )
            return int(struct.unpack(order + kind, found)[0])

        at = number(first, link)
        while at and at not in seen:
            seen.add(at)
            at = number(at + struct.calcsize(count) + entry * number(at, count), link)


def _check_blocks_are_there(source: Any, path: str, bands: tuple[int, ...]) -> None:
    """Refuse a GeoTIFF with a block beyond the end of the file."""
    size = os.path.getsize(path)
    for band in bands:
        height, width = source.block_shapes[band - 1]
        for row in range(-(-source.height // height)):
            for column in range(-(-source.width // width)):
                start, length = (
                    source.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band)
                    for what in ("OFFSET", "SIZE")
                )
                # A block without data may never have been written, and has no offset then.
                if start is not None and length is not None and int(start) + int(length) > size:
                    raise StudyError(
                        f"{path}: is cut short: rows {row * height} to"
                        f" {min((row + 1) * height, source.height) - 1} end at byte"
                        f" {int(start) + int(length)}, but the file has {size} bytes; fetch or"
                        " write it again"
                    )


def _check_size(source: Any, path: str) -> None:
    """Refuse a truncated ENVI file: GDAL reads zeros there."""
    needed = source.width * source.height * sum(np.dtype(d).itemsize for d in source.dtypes)
    is_packed = source.tags(ns="ENVI").get("file_compression", "0") != "0"
    if not is_packed and os.path.getsize(path) < needed:
        raise StudyError(
            f"{path}: is cut short: it has {os.path.getsize(path)} bytes, expected {needed}; fetch"
            " or write it again"
        )


def _check_numbers(source: Any, path: str) -> None:
    """Refuse a text grid that has too few numbers."""
    needed, found, was_space = source.width * source.height, 0, True
    with open(path, "rb") as file:
        line = file.readline()
        while (
            line[:1].isalpha() and line[:3].lower() != b"nan"
        ):  # header lines: a name and a number
            line = file.readline()
        file.seek(-len(line), os.SEEK_CUR)
        while chunk := file.read(CHUNK_BYTES):
            is_space = np.frombuffer(chunk, np.uint8) <= ord(" ")
            before = np.concatenate(([was_space], is_space[:-1]))
            found += int((before & ~is_space).sum())
            was_space = bool(is_space[-1])
    if found < needed:
        raise StudyError(
            f"{path}: is cut short: it has {found} numbers, expected {needed}; fetch or write it"
            " again"
        )
