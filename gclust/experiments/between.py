"""The studies between two: some choices of the one, the others of the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from gclust.errors import StudyError
from gclust.ranking.columns import column_weights, kind_columns, scored
from gclust.ranking.shapley import Coalition
from gclust.study.schema import Source, Study

PLAYERS = ("data", "formation", "kinds", "weights")
"""What changes may come from.

``data``
    Of the kinds that both studies have: the files, their columns and years, the world's
    totals, and whether unlocated listings count.
``formation``
    ``[density]`` (of the kinds that both have), ``[clusters]`` and ``[merge]``.
``kinds``
    Which kinds there are. A kind that one study alone has comes with its own listings, total,
    weight and part in the density, so that there is no coalition in which it lacks data.
``weights``
    ``[score]`` (weights of the kinds that both have) and how records are counted.
"""


SECTIONS = (
    ("formation", "density", ("kinds",)),
    ("formation", "clusters", ()),
    ("formation", "merge", ()),
    ("weights", "score", ("weights",)),
    ("weights", "counting", ("totals", "unlocated")),
)
"""Whose choice a section is, but for some keys."""


@dataclass(frozen=True)
class Difference:
    """A choice that differs between two studies.

    Attributes
    ----------
    player : str
        See `PLAYERS`.
    setting : str
        Where it stands in a study.
    a, b : object
        What either study chooses; None for what it does not have.
    """

    player: str
    setting: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Between:
    """Two studies, and all that take each player's choices from either.

    Attributes
    ----------
    a, b : Study
    """

    a: Study
    b: Study

    def __post_init__(self) -> None:
        for study in (self.a, self.b):
            computed = [f"{kind}_{what}" for kind in study.kinds for what in ("share", "count")]
            for column in scored(study.kinds, study.score.of):
                if column not in computed:
                    raise StudyError(
                        f"[score] of: {column!r} of study {study.study.name!r} is not computed for"
                        " every coalition; changes can be decomposed of scores that are made of"
                        f" shares and counts: {', '.join(computed)}"
                    )

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The kinds that both studies have."""
        return tuple(kind for kind in self.a.kinds if kind in self.b.kinds)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """All choices that differ and matter to scores, in the order of the players."""
        one, two = (dict(_settings(study, self.shared)) for study in (self.a, self.b))
        found = [
            Difference(*key, one.get(key), two.get(key))
            for key in {**one, **two}
            if one.get(key) != two.get(key)
        ]
        if set(self.a.kinds) != set(self.b.kinds):
            found.append(Difference("kinds", "kinds", self.a.kinds, self.b.kinds))
        return tuple(sorted(found, key=lambda each: PLAYERS.index(each.player)))

    @property
    def players(self) -> tuple[str, ...]:
        """The players whose choices differ."""
        there = {each.player for each in self.differences}
        return tuple(player for player in PLAYERS if player in there)

    def study(self, coalition: Coalition) -> Study | None:
        """Return the study that takes from b what the coalition stands for, the rest from a.

        Returns
        -------
        Study or None
            None where none of its kinds forms clusters, or none has a weight.
        """
        data, formation, kinds, weights = (
            self.b if player in coalition else self.a for player in PLAYERS
        )
        of_data, of_formation, of_weights = (
            {kind: study if kind in self.shared else kinds for kind in kinds.kinds}
            for study in (data, formation, weights)
        )
        forming = tuple(k for k, study in of_formation.items() if k in study.density_kinds)
        weight: dict[str, float] = {}
        for kind, study in of_weights.items():
            weight |= _weights(study, kind)
        if not forming or not any(weight.values()):
            return None
        return self._mixed(data, formation, weights, of_data, forming, weight)

    def reading(self, coalition: Coalition) -> Study:
        """Return a study that reads the listings of a coalition and of all other kinds.

        What it reads is the same for coalitions that differ in kinds or weights alone.
        """
        data, formation, *_ = (self.b if player in coalition else self.a for player in PLAYERS)
        kinds = dict.fromkeys((*self.a.kinds, *self.b.kinds))
        of_data = {
            kind: data if kind in self.shared else self.a if kind in self.a.kinds else self.b
            for kind in kinds
        }
        return self._mixed(data, formation, self.a, of_data, tuple(kinds), {})

    def _mixed(
        self,
        data: Study,
        formation: Study,
        weights: Study,
        of_data: dict[str, Study],
        forming: tuple[str, ...],
        weight: dict[str, float],
    ) -> Study:
        totals = {
            kind: study.counting.totals[kind]
            for kind, study in of_data.items()
            if kind in study.counting.totals
        }
        return replace(
            self.a,
            sources=tuple(s for kind, study in of_data.items() for s in _sources(study, kind)),
            # Both studies have been judged by themselves.
            study=replace(self.a.study, strict=False, max_rejects=1.0),
            density=replace(formation.density, kinds=forming),
            clusters=formation.clusters,
            merge=formation.merge,
            footprint=formation.footprint,
            counting=replace(weights.counting, totals=totals, unlocated=data.counting.unlocated),
            score=replace(weights.score, weights=weight, of=tuple(weight) or None),
            indicators=(),  # no score is made of them; see __post_init__
        )


def _sources(study: Study, kind: str) -> list[Source]:
    """The sources of a kind, by absolute paths."""
    return [
        replace(source, path=os.path.abspath(study.folder / source.path))
        for source in study.sources
        if source.kind == kind
    ]


def _weights(study: Study, kind: str) -> dict[str, float]:
    """The columns of a kind that make the score, and what each weighs in it."""
    kind_of = kind_columns(study.kinds)
    columns = [c for c in scored(study.kinds, study.score.of) if kind_of.get(c) == kind]
    return column_weights(columns, study.score.weights, study.kinds)


def _settings(study: Study, shared: tuple[str, ...]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield what a study chooses: player and setting, and the value."""
    for kind in shared:
        for number, source in enumerate(_sources(study, kind), start=1):
            of = f"sources of {kind}" + (f" ({number})" if number > 1 else "")
            for item in fields(source):
                yield ("data", f"{of}: {item.name}"), getattr(source, item.name)
        yield ("data", f"[counting] totals of {kind}"), study.counting.totals.get(kind)
        forms = kind in study.density_kinds
        yield ("formation", f"[density] kinds: {kind}"), forms
        for column, weight in _weights(study, kind).items():
            yield ("weights", f"[score] weights of {column}"), weight
    for player, name, apart in SECTIONS:
        section = getattr(study, name)
        for item in fields(section):
            if item.name not in apart:
                yield (player, f"[{name}] {item.name}"), getattr(section, item.name)
    yield ("data", "[counting] unlocated"), study.counting.unlocated
