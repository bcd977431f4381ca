"""Decoding of CSV files: they are unpacked and converted to UTF-8 without byte order mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa

from gclust.errors import StudyError, first_line

CHUNK = 4 * 1024**2
"""Number of bytes that are read at a time."""

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
}
OTHER_MAGIC = {
    b"PAR1": "a Parquet file",
    b"SQLite format 3\x00": "an SQLite database or GeoPackage",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF file",
    b"ARROW1": "an Arrow file",
}
DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, pa.ArrowInvalid)
UTF8 = "utf-8"
SAMPLE = 64 * 1024
"""Number of bytes from which an encoding is guessed."""


def packing(path: str) -> str | None:
    """Return a file's compression, found by its first bytes, or None if it is not compressed.

    Raises StudyError if these are the first bytes of another format.
    """
    with open(path, "rb") as file:
        first = file.read(16)
    for magic, name in OTHER_MAGIC.items():
        if first.startswith(magic):
            raise StudyError(
                f"{path}: its content is {name}, but its name is that of a text file; correct"
                " the name, or save the data as CSV"
            )
    return next((name for magic, name in MAGIC.items() if first.startswith(magic)), None)


def codec_of(encoding: str | None, path: str) -> str:
    """Return Python's name of an encoding; raise StudyError if it is not a text encoding."""
    if encoding is None:
        return UTF8
    try:
        info = codecs.lookup(encoding)
        is_text = info._is_text_encoding  # as `open` does
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise StudyError(
            f"{path}: encoding = {encoding!r} is not known; expected a name such as utf-8, utf-16,"
            " latin-1, cp1252, shift_jis or gb18030"
        )
    return UTF8 if info.name in (UTF8, "utf-8-sig", "ascii") else info.name


class Text:
    """Text of a CSV file, read in chunks and converted to UTF-8 from ``encoding``.

    The encoding is UTF-8 if not given. ``is_plain`` is true if the chunks are the file's own bytes,
    except a byte order mark.
    """

    def __init__(self, path: str, encoding: str | None = None) -> None:
        self.path = path
        self.packed = packing(path)
        self.codec = codec_of(encoding, path)
        self._named = encoding is not None
        self.is_plain = self.packed is None and self.codec == UTF8

    def chunks(self, digest: Any = None) -> Iterator[bytes]:
        """Yield the text without byte order mark; update ``digest`` with the file's original bytes.

        Raises StudyError if the file is damaged or not in its encoding; the message names the
        line, and the encoding that it looks like.
        """
        decoder = _Utf8(self) if self.codec == UTF8 else _Other(self)
        try:
            with _unpacked(self.path, self.packed, digest) as stream:
                while chunk := stream.read(CHUNK):
                    if text := decoder.feed(chunk):
                        yield text
                if text := decoder.feed(b"", final=True):
                    yield text
        except DAMAGED as error:
            raise _damaged(self.path, self.packed, error) from error
        except OSError as error:
            # For damaged files gzip and Arrow raise an OSError without a number.
            if self.packed is None or error.errno is not None:
                raise StudyError(f"{self.path}: cannot be read: {error}") from error
            raise _damaged(self.path, self.packed, error) from error

    def head(self, size: int) -> bytes:
        """Return the first ``size`` bytes of the text in UTF-8."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) >= size:
                break
        return bytes(found[:size])

    def misread(self, before: int, bad: bytes, line: int) -> StudyError:
        """Return the error for bytes that cannot be decoded in the file's encoding."""
        what = f"{self.path}: line {line} is not {self.codec.upper()} (byte 0x{bad[0]:02X}"
        if self._named:
            return StudyError(f"{what}); expected the encoding that the source names")
        sample = _raw_sample(self.path, self.packed, before)
        looks = looks_like(sample)
        shown = _shown(bad, looks)
        return StudyError(
            f"{what}{shown}); it looks like {looks}: name it in the source, encoding ="
            f' "{looks}", or save the file as UTF-8'
        )


class _Utf8:
    """Decoder that checks UTF-8 and returns it unchanged."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._rest = b""
        self._line = 1
        self._read = 0
        self._is_first = True

    def feed(self, chunk: bytes, final: bool = False) -> bytes:
        chunk = self._rest + chunk
        self._rest = b""
        if self._is_first and chunk:
            chunk = self._without_mark(chunk)
        if not chunk.isascii():
            chunk = self._checked(chunk, final)
        self._read += len(chunk)
        self._line += chunk.count(b"\n")
        return chunk

    def _without_mark(self, chunk: bytes) -> bytes:
        if len(chunk) < 4 and codecs.BOM_UTF8.startswith(chunk[:3]) and chunk != codecs.BOM_UTF8:
            return chunk
        self._is_first = False
        first = chunk[:200]
        marked = chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if marked or first.count(0) > len(first) // 4:
            raise self._text.misread(0, chunk[:1], 1)
        return chunk.removeprefix(codecs.BOM_UTF8)

    def _checked(self, chunk: bytes, final: bool) -> bytes:
        try:
            chunk.decode(UTF8)
            return chunk
        except UnicodeDecodeError as error:
            start = error.start
            if error.reason == "unexpected end of data" and not final:
                self._rest = chunk[start:]
                return chunk[:start]
            line = self._line + chunk[:start].count(b"\n")
            bad = chunk[start : start + 20]
            raise self._text.misread(self._read + start, bad, line) from error


class _Other:
    """Decoder that turns another encoding into UTF-8."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder(text.codec)("strict")
        self._line = 1
        self._is_first = True

    def feed(self, chunk: bytes, final: bool = False) -> bytes:
        try:
            decoded = self._decoder.decode(chunk, final)
        except UnicodeError as error:
            bad = chunk[error.start :] if isinstance(error, UnicodeDecodeError) else chunk
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            line = self._line + chunk[:start].count(b"\n")
            raise self._text.misread(0, bad or b"\0", line) from error
        self._line += decoded.count("\n")
        if self._is_first and decoded:
            self._is_first = False
            decoded = decoded.removeprefix("\ufeff")
        try:
            return decoded.encode(UTF8)
        except UnicodeEncodeError as error:
            raise self._text.misread(0, b"\0", self._line) from error


class _Watched(io.RawIOBase):
    """File whose bytes are hashed while they are read."""

    def __init__(self, file: IO[bytes], digest: Any) -> None:
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._digest.update(memoryview(buffer)[:count])
        return int(count)


@contextmanager
def _unpacked(path: str, packed: str | None, digest: Any) -> Iterator[Any]:
    """Open a file for reading its uncompressed bytes."""
    with open(path, "rb", buffering=0) as raw:
        if packed == "zip":
            if digest is not None:
                digest.update(raw.readall())
                raw.seek(0)
            with zipfile.ZipFile(raw) as archive, archive.open(_member(archive, path)) as inner:
                yield inner
            return
        watched: Any = raw if digest is None else _Watched(raw, digest)
        file = io.BufferedReader(watched, CHUNK)
        if packed == "gzip":
            yield gzip.GzipFile(fileobj=file)
        elif packed == "zstd":
            yield pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        elif packed == "bz2":
            yield bz2.BZ2File(file)
        elif packed == "xz":
            yield lzma.LZMAFile(file)  # noqa: SIM115 - closed with the file below it
        else:
            yield file


def _member(archive: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    """Return the only file in an archive."""
    files = [info for info in archive.infolist() if not info.is_dir()]
    files = [info for info in files if not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        names = ", ".join(info.filename for info in files[:5]) or "none"
        raise StudyError(
            f"{path}: holds {len(files)} files ({names}); expected a zip file with one CSV"
            " file; unpack it, and give the path of the CSV file"
        )
    if files[0].flag_bits & 1:
        raise StudyError(f"{path}: is encrypted; expected a zip file without a password")
    return files[0]


def _damaged(path: str, packed: str | None, error: BaseException) -> StudyError:
    why = first_line(error)
    return StudyError(f"{path}: is damaged or cut off ({packed}: {why}); fetch it again")


def _raw_sample(path: str, packed: str | None, before: int) -> bytes:
    """Return uncompressed bytes around the first byte that cannot be decoded."""
    kept = b""
    read = 0
    with _unpacked(path, packed, None) as stream:
        while chunk := stream.read(SAMPLE):
            kept = (kept + chunk)[-2 * SAMPLE :]
            read += len(chunk)
            if read > before + SAMPLE:
                break
    return kept


def looks_like(sample: bytes) -> str:
    """Guess the encoding of text that is not UTF-8.

    Western text is guessed as cp1252 if nothing contradicts it, as cp1252 has all of latin-1's
    letters.
    """
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if sample.count(0) > len(sample) // 4:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        return "utf-16-le" if odd > even else "utf-16-be"
    from charset_normalizer import from_bytes

    high = sum(byte >= 0x80 for byte in sample)
    pairs = sum(1 for at in range(len(sample) - 1) if sample[at] >= 0x80 and sample[at + 1] >= 0x80)
    if pairs > high / 2:
        # Western letters above 127 stand alone; eastern characters have two such bytes.
        east = ["shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "cp1251", "koi8_r"]
        best = from_bytes(sample, cp_isolation=east).best()
        if best is not None:
            return str(best.encoding)
    try:
        sample.decode("cp1252")
        return "cp1252"
    except UnicodeDecodeError:
        return "latin-1"


def _shown(bad: bytes, encoding: str) -> str:
    """Return a text that shows the bytes decoded in the encoding that they look like."""
    text = bad[:12].decode(encoding, errors="ignore").split("\n")[0].strip()
    return f', "{text}" in {encoding}' if text.isprintable() and text else ""
