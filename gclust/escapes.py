"""Escaping of texts, so that no character in them controls a terminal or breaks a line."""

from __future__ import annotations

import re
from typing import Any

_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, text direction marks, undecodable file name bytes."""


def visible(text: object) -> str:
    r"""Return a text on one line, with characters that control a terminal escaped.

    Examples
    --------
    >>> print(visible("\x1b[31mred\nline"))
    \x1b[31mred\nline
    """
    return _ACTIVE.sub(lambda found: _spelled(found[0]), str(text))


def cell(text: object) -> str:
    """Return a text for a table cell, with consecutive blanks and line breaks as one blank."""
    return visible(" ".join(str(text).split()))


def escaped(text: str) -> str:
    """Return JSON or TOML with characters that control a terminal escaped, except line breaks."""
    return _ACTIVE.sub(lambda at: at[0] if at[0] in "\n\t" else f"\\u{ord(at[0]):04x}", text)


def _spelled(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file name
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def harmless(value: Any) -> Any:
    """Return a text for a cell of CSV: no formula, line break or control character.

    Other values are returned as they are.
    """
    if not isinstance(value, str):
        return value
    text = cell(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
