"""Shard: number and count of the shares into which grid points or draws are divided."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gclust.errors import StudyError

Item = TypeVar("Item")

EXPECTED = "expected a number and a count, such as 3/16: the third of sixteen shards, from 1/16 on"


@dataclass(frozen=True)
class Shard:
    """One of ``count`` shares of equal size; the first has ``number`` 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def share_of(self, items: Sequence[Item], what: str) -> list[Item]:
        """Return the shard's items: neighbours in their order, since these share work.

        ``what`` names the items in the StudyError that is raised if some shards would have none.
        """
        n = len(items)
        if self.count > n:
            raise StudyError(
                f"shard = {self}: there are {n} {what}; expected at most as many shards"
            )
        return list(items[(self.number - 1) * n // self.count : self.number * n // self.count])


def read_shard(text: str) -> Shard:
    """Read a shard from text such as ``3/16``; StudyError is raised for any other."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise StudyError(f"shard = {text!r}: {EXPECTED}")
    return check_shard((int(number), int(count)))


def check_shard(shard: Any) -> Shard:
    """Return a shard given as a pair ``(number, count)``; StudyError is raised for anything else.

    The message says what was expected.
    """
    if isinstance(shard, Shard):
        return shard
    try:
        number, count = (operator.index(each) for each in shard)
    except (TypeError, ValueError):
        raise StudyError(f"shard = {shard!r}: expected a pair such as (3, 16)") from None
    if not 1 <= number <= count:
        raise StudyError(f"shard = {number}/{count}: {EXPECTED}")
    return Shard(number, count)


def check_folder(shard: Any, out: Any) -> Shard | None:
    """Return the shard of a call, or None; a shard without a folder to write to is refused."""
    if shard is None:
        return None
    checked = check_shard(shard)
    if out is None:
        raise StudyError(f"shard = {checked}: expected out, the folder of the part")
    return checked
