"""The studies between two: some choices of the one, the others of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from gclust.experiments.score_columns import ScoredColumn, scored_columns
from gclust.pipeline.rasters import absolute, band_of
from gclust.pipeline.score_columns import OUTLINED
from gclust.ranking.shapley import Coalition
from gclust.study.schema import Study
from gclust.study.sections import CentroidGeocodes, Intensity, Population, Source
from gclust.study.write_toml import absolute_path

FACTORS = ("data", "formation", "kinds", "weights")
"""What changes may come from.

``data``
    Of the kinds that both studies have: the files, their columns and years, the world's
    totals, and whether unlocated listings count; the raster of inhabitants, if scores follow
    from them.
``formation``
    ``[density]`` (of the kinds that both have), ``[clusters]`` and ``[merge]``; ``[footprint]``
    and ``[names]``, if scores follow from areas, inhabitants or names.
``kinds``
    Which kinds there are. A kind that one study alone has comes with its own listings, total,
    columns of the score, weights and part in the density, so that there is no coalition in
    which it lacks data.
``weights``
    ``[score]`` (columns, directions and weights of the kinds that both have, and of no kind),
    the indicators that it is made of, and how records are counted.
"""


SECTIONS = (
    ("formation", "density", ("kinds",)),
    ("formation", "clusters", ()),
    ("formation", "merge", ()),
    ("weights", "score", ("weights", "of", "lower_is_better")),
    ("weights", "counting", ("totals", "unlocated")),
)
"""Whose choice a section is, but for some keys."""


@dataclass(frozen=True)
class Difference:
    """A choice that differs between two studies.

    Attributes
    ----------
    factor : str
        See `FACTORS`.
    setting : str
        Where it stands in a study.
    a, b : object
        What either study chooses; None for what it does not have.
    """

    factor: str
    setting: str
    a: Any
    b: Any


@dataclass(frozen=True)
class HybridStudies:
    """Two studies, and all that take each factor's choices from either.

    Attributes
    ----------
    a, b : Study
    """

    a: Study
    b: Study

    @cached_property
    def looks_at(self) -> frozenset[str]:
        """What scores of either study follow from beside counts and shares."""
        columns = scored_columns(self.a) + scored_columns(self.b)
        return frozenset(name for column in columns for name in column.looks_at)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The kinds that both studies have."""
        return tuple(kind for kind in self.a.kinds if kind in self.b.kinds)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """All choices that differ and matter to scores, in the order of the factors."""
        one, two = (
            dict(_settings(study, self.shared, self.looks_at)) for study in (self.a, self.b)
        )
        found = [
            Difference(*key, one.get(key), two.get(key))
            for key in {**one, **two}
            if one.get(key) != two.get(key)
        ]
        if set(self.a.kinds) != set(self.b.kinds):
            found.append(Difference("kinds", "kinds", self.a.kinds, self.b.kinds))
        return tuple(sorted(found, key=lambda each: FACTORS.index(each.factor)))

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors whose choices differ."""
        there = {each.factor for each in self.differences}
        return tuple(factor for factor in FACTORS if factor in there)

    def study(self, coalition: Coalition) -> Study | None:
        """Return the study that takes from b what the coalition stands for, the rest from a.

        Returns
        -------
        Study or None
            None where none of its kinds forms clusters, where no column has a weight, or where
            one is made of a kind that it has not.
        """
        data, formation, kinds, weights = (
            self.b if factor in coalition else self.a for factor in FACTORS
        )
        of_data, of_formation, of_weights = (
            {kind: study if kind in self.shared else kinds for kind in kinds.kinds}
            for study in (data, formation, weights)
        )
        forming = tuple(k for k, study in of_formation.items() if k in study.density_kinds)
        columns = [
            column
            for kind, study in [*of_weights.items(), (None, weights)]
            for column in scored_columns(study)
            if column.kind == kind
        ]
        resolved = {kind for column in columns for kind in column.kinds}
        if not forming or not any(column.weight for column in columns) or resolved - set(of_data):
            return None
        return self._mixed(data, formation, weights, of_data, forming, columns)

    def reading(self, coalition: Coalition) -> Study:
        """Return a study that reads the listings of a coalition and of all other kinds.

        What it reads is the same for coalitions that differ in kinds or weights alone.
        """
        data, formation, *_ = (self.b if factor in coalition else self.a for factor in FACTORS)
        kinds = dict.fromkeys((*self.a.kinds, *self.b.kinds))
        of_data = {
            kind: data if kind in self.shared else self.a if kind in self.a.kinds else self.b
            for kind in kinds
        }
        mixed = self._mixed(data, formation, self.a, of_data, tuple(kinds), [])
        resolved = [c.entry for study in (self.a, self.b) for c in scored_columns(study) if c.entry]
        # Both may call different columns the same; here only what they need is of interest.
        numbered = tuple(replace(entry, column=f"column {i}") for i, entry in enumerate(resolved))
        return replace(mixed, indicators=numbered)

    def _mixed(
        self,
        data: Study,
        formation: Study,
        weights: Study,
        of_data: dict[str, Study],
        forming: tuple[str, ...],
        columns: list[ScoredColumn],
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
            names=formation.names,
            counting=replace(weights.counting, totals=totals, unlocated=data.counting.unlocated),
            score=replace(
                weights.score,
                of=tuple(column.heading for column in columns) or None,
                weights={column.heading: column.weight for column in columns},
                lower_is_better=tuple(c.heading for c in columns if c.lower_is_better),
            ),
            population=self._population(data),
            indicators=tuple(column.entry for column in columns if column.entry is not None),
            # No score follows from them.
            centroid_geocodes=CentroidGeocodes(),
            intensity=Intensity(),
        )

    def _population(self, data: Study) -> Population:
        """The raster of a study, or that of the other where it has none."""
        for study in (data, self.a, self.b):
            if study.population.raster is not None:
                return replace(study.population, raster=absolute(study, study.population))
        return Population()


def _sources(study: Study, kind: str) -> list[Source]:
    """The sources of a kind, by absolute paths."""
    return [_from_anywhere(source, study) for source in study.sources if source.kind == kind]


def _from_anywhere(source: Source, study: Study) -> Source:
    """A source with absolute paths."""
    if source.path is not None:
        return replace(source, path=str(absolute_path(study.folder / source.path)))
    if source.sql is not None:
        folders = source.sql_paths or (".",)
        paths = tuple(str(absolute_path(study.folder / each)) for each in folders)
        return replace(source, sql_paths=paths)
    return source


def _settings(
    study: Study, shared: tuple[str, ...], looks_at: frozenset[str]
) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield what a study chooses: factor and setting, and the value."""
    for kind in shared:
        for number, source in enumerate(_sources(study, kind), start=1):
            of = f"sources of {kind}" + (f" ({number})" if number > 1 else "")
            for item in fields(source):
                value = getattr(source, item.name)
                # Tables have no equality of their own: the same one is the same object.
                value = id(value) if item.name == "data" and value is not None else value
                yield ("data", f"{of}: {item.name}"), value
        yield ("data", f"[counting] totals of {kind}"), study.counting.totals.get(kind)
        forms = kind in study.density_kinds
        yield ("formation", f"[density] kinds: {kind}"), forms
    for column in scored_columns(study):
        if column.kind is None or column.kind in shared:
            yield ("weights", f"[score] weights of {column.heading}"), column.weight
            lower = column.lower_is_better or None
            yield ("weights", f"[score] lower_is_better: {column.heading}"), lower
            yield ("weights", f"[[indicators]] {column.heading}"), column.told
    if "population" in looks_at:
        people = study.population
        yield ("data", "[population] raster: path"), absolute(study, people)
        yield ("data", "[population] unit"), people.unit
        yield ("data", "[population] band"), None if people.raster is None else band_of(people)
    sections = list(SECTIONS)
    if looks_at & OUTLINED:
        sections.append(("formation", "footprint", ()))
    if looks_at - OUTLINED:
        sections.append(("formation", "names", ()))
    for factor, name, apart in sections:
        section = getattr(study, name)
        for item in fields(section):
            if item.name not in apart:
                yield (factor, f"[{name}] {item.name}"), getattr(section, item.name)
    yield ("data", "[counting] unlocated"), study.counting.unlocated
