"""SQL dialects: how DuckDB and Spark write the same matching, trimming and casting of values.

What a value means is decided in `gclust.listings.sources.values` alone, for both dialects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


def quoted(text: str) -> str:
    """Return a text as a string of DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a column's name as an identifier of DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


class Dialect(Protocol):
    """Functions that write SQL; their arguments and results are SQL expressions."""

    def quoted(self, text: str) -> str:
        """Return a text as an SQL string."""

    def cast(self, value: str, kind: str) -> str:
        """Cast to ``text``, ``double``, ``short``, ``integer`` or ``whole`` (16, 32, 64 bits)."""

    def matches(self, text: str, pattern: str) -> str:
        """Return whether a regular expression matches the whole text."""

    def first_group(self, text: str, pattern: str) -> str:
        """Return what the first group of a regular expression matches in a text."""

    def trimmed(self, text: str, characters: str) -> str:
        """Return a text without the given characters at both ends."""

    def short(self, digits: str) -> str:
        """Return a decimal number without zeros, and a point, at its end."""

    def number(self, text: str, pattern: str) -> str:
        """Return the double that a text means, null where ``pattern`` does not match all of it."""

    def text_of_float(self, value: str) -> str:
        """Return a float as text, without ``.0`` if it is whole; null if it is not finite."""

    def text(self, text: str, blanks: str, missing: Sequence[str], whole: str | None) -> str:
        """Return a text without ``blanks`` at both ends, null if it is empty or in ``missing``.

        If ``whole`` is given, a text that this pattern matches is replaced by its first group.
        """


class DuckDBDialect:
    """SQL of DuckDB; see `Dialect`."""

    TYPES: Mapping[str, str] = {
        "text": "VARCHAR",
        "double": "DOUBLE",
        "short": "SMALLINT",
        "integer": "INTEGER",
        "whole": "BIGINT",
    }

    def quoted(self, text: str) -> str:  # noqa: D102
        return quoted(text)

    def cast(self, value: str, kind: str) -> str:  # noqa: D102
        return f"CAST({value} AS {self.TYPES[kind]})"

    def matches(self, text: str, pattern: str) -> str:  # noqa: D102
        return f"regexp_full_match({text}, {quoted(pattern)})"

    def first_group(self, text: str, pattern: str) -> str:  # noqa: D102
        return f"regexp_extract({text}, {quoted(pattern)}, 1)"

    def trimmed(self, text: str, characters: str) -> str:  # noqa: D102
        return f"trim({text}, {quoted(characters)})"

    def short(self, digits: str) -> str:  # noqa: D102
        return f"rtrim(rtrim({digits}, '0'), '.')"

    def number(self, text: str, pattern: str) -> str:  # noqa: D102
        # DuckDB's cast also takes these, which the pattern does not match: 1_0, +-1, inf and nan.
        cast = f"TRY_CAST({text} AS DOUBLE)"
        plain = f"isfinite({cast}) AND NOT contains({text}, '_') AND NOT contains({text}, '+-')"
        return f"CASE WHEN {plain} THEN {cast} WHEN {self.matches(text, pattern)} THEN {cast} END"

    def text_of_float(self, value: str) -> str:  # noqa: D102
        whole = f"isfinite({value}) AND {value} = floor({value})"
        digits = f"CAST(TRY_CAST({value} AS HUGEINT) AS VARCHAR)"
        shown = f"CASE WHEN isfinite({value}) THEN CAST({value} AS VARCHAR) END"
        return f"CASE WHEN {whole} THEN coalesce({digits}, {shown}) ELSE {shown} END"

    def text(  # noqa: D102
        self, text: str, blanks: str, missing: Sequence[str], whole: str | None
    ) -> str:
        clean = self.trimmed(text, blanks)
        odd = " OR ".join(
            [f"{text} < '!'", *(f"suffix({text}, {quoted(each)})" for each in blanks)]
        )
        if whole is not None:
            odd += f" OR suffix({text}, '.0')"
            clean = f"regexp_replace({clean}, {quoted(whole)}, '\\1')"
        none = ", ".join(quoted(each) for each in dict.fromkeys(("", *missing)))
        longest = max((len(each.encode()) for each in missing), default=0)
        # Codes of two letters, such as those of countries, are seen at one look: the tests below
        # take four times as long.
        code = f"strlen({text}) = 2 AND {text} >= '0' AND {text}[2] >= '0'"
        named = [f" AND {text} <> {quoted(each)}" for each in missing if len(each.encode()) == 2]
        # Nearly all values are neither odd nor short. The costly expression stands once, in a
        # lambda: DuckDB turns one that stands twice into a column, computed for all rows.
        return (
            f"CASE WHEN {code}{''.join(named)} THEN {text}"
            f" WHEN {odd} THEN list_filter([{clean}], lambda each: each NOT IN ({none}))[1]"
            f" WHEN strlen({text}) > {longest} THEN {text}"
            f" WHEN {text} IN ({none}) THEN NULL ELSE {text} END"
        )


class SparkDialect:
    """SQL of Spark, in ANSI mode; see `Dialect`."""

    TYPES: Mapping[str, str] = {
        "text": "STRING",
        "double": "DOUBLE",
        "short": "SMALLINT",
        "integer": "INT",
        "whole": "BIGINT",
    }

    def quoted(self, text: str) -> str:  # noqa: D102
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def cast(self, value: str, kind: str) -> str:  # noqa: D102
        return f"CAST({value} AS {self.TYPES[kind]})"

    def matches(self, text: str, pattern: str) -> str:  # noqa: D102
        return f"rlike({text}, {self.quoted(self._whole(pattern))})"

    def first_group(self, text: str, pattern: str) -> str:  # noqa: D102
        return f"regexp_extract({text}, {self.quoted(self._whole(pattern))}, 1)"

    def _whole(self, pattern: str) -> str:
        r"""Return a pattern of DuckDB for a whole text, as Java writes it.

        For Java ``\s`` is also a vertical tab, and ``.`` is no line separator of Unicode.
        """
        java = pattern.replace(r"\s", r"[\t\n\f\r ]").replace("].*", r"][^\n]*")
        return rf"\A(?:{java})\z"

    def trimmed(self, text: str, characters: str) -> str:  # noqa: D102
        return f"trim(BOTH {self.quoted(characters)} FROM {text})"

    def short(self, digits: str) -> str:  # noqa: D102
        return f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {digits}))"

    def number(self, text: str, pattern: str) -> str:  # noqa: D102
        # DuckDB's cast, which decides there, takes a vertical tab for a blank.
        pattern = pattern.replace(r"\s", r"[\t\n\x0B\f\r ]")
        return f"CASE WHEN {self.matches(text, pattern)} THEN CAST({text} AS DOUBLE) END"

    def text_of_float(self, value: str) -> str:  # noqa: D102
        # Java does not write all other floats with the digits that DuckDB writes.
        finite = f"abs({value}) < double('Infinity')"
        whole = f"{value} % 1 = 0 AND abs({value}) < {float(2**63)!r}D"
        digits = f"CAST(CAST({value} AS BIGINT) AS STRING)"
        refused = "raise_error('a float that is no whole number of 64 bits is no id')"
        return f"CASE WHEN {whole} THEN {digits} WHEN {finite} THEN {refused} END"

    def text(  # noqa: D102
        self, text: str, blanks: str, missing: Sequence[str], whole: str | None
    ) -> str:
        clean = self.trimmed(text, blanks)
        if whole is not None:
            pattern = self.quoted(self._whole(whole.strip("^$")))
            replaced = f"regexp_replace({clean}, {pattern}, '$1')"
            clean = f"CASE WHEN endswith({clean}, '.0') THEN {replaced} ELSE {clean} END"
        none = ", ".join(self.quoted(each) for each in dict.fromkeys(("", *missing)))
        return f"CASE WHEN {clean} IN ({none}) THEN NULL ELSE {clean} END"


DUCKDB = DuckDBDialect()
SPARK = SparkDialect()
