"""Hybrid studies, which take some factors from one study and the other factors from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from gclust.experiments.score_columns import ScoredColumn, scored_columns
from gclust.pipeline.rasters import absolute, band_of
from gclust.pipeline.score_columns import OUTLINED
from gclust.ranking.shapley import Coalition
from gclust.study.schema import Study
from gclust.study.sections import CentroidGeocodes, Draws, Intensity, Population, Source
from gclust.study.write_toml import absolute_path

FACTORS = ("data", "formation", "kinds", "weights")
"""The factors that changes are decomposed into.

``data``
    Of the kinds that both studies have: the files, their columns and years, the world totals,
    and whether unlocated listings count; the population raster, if scores depend on inhabitants.
``formation``
    ``[density]`` (of the kinds that both have), ``[clusters]`` and ``[merge]``; ``[footprint]``
    and ``[names]``, if scores depend on areas, inhabitants or names.
``kinds``
    Which kinds there are. A kind that only one study has comes with its own listings, total,
    columns of the score, weights and role in the density, so that no coalition lacks its data.
``weights``
    ``[score]`` (columns, directions and weights of the kinds that both have, and of no kind),
    its indicators, and how records are counted.
"""


SECTIONS = (
    ("formation", "density", ("kinds",)),
    ("formation", "clusters", ()),
    ("formation", "merge", ()),
    ("weights", "score", ("weights", "of", "lower_is_better")),
    ("weights", "counting", ("totals", "unlocated", "normalise", "weight")),
)
"""Factor of each section, and the section's keys that belong to other factors."""


@dataclass(frozen=True)
class Difference:
    """Setting that differs between two studies, with both values.

    Attributes
    ----------
    factor : str
        See `FACTORS`.
    setting : str
        Section and key of the choice, such as ``[clusters] eps_km``.
    a, b : object
        The value in either study; None where it has none.
    """

    factor: str
    setting: str
    a: Any
    b: Any


@dataclass(frozen=True)
class HybridStudies:
    """Two studies, and the hybrid studies that take each factor from one of them.

    Attributes
    ----------
    a, b : Study
    listed : (mapping or None, mapping or None)
        Kind -> source in the folder of the run of either study, in place of the study's sources
        when listings are read; see `gclust.experiments.compare.listed_sources`.
    """

    a: Study
    b: Study
    listed: tuple[Mapping[str, Source] | None, Mapping[str, Source] | None] = (None, None)

    @cached_property
    def looks_at(self) -> frozenset[str]:
        """Attributes of clusters on which the scores of either study depend."""
        columns = scored_columns(self.a) + scored_columns(self.b)
        return frozenset(name for column in columns for name in column.looks_at)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """Kinds of records that both studies have."""
        return tuple(kind for kind in self.a.kinds if kind in self.b.kinds)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """All settings that differ between the studies and affect scores, ordered by factor."""
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
        """Factors in which the two studies have different settings."""
        there = {each.factor for each in self.differences}
        return tuple(factor for factor in FACTORS if factor in there)

    def study(self, coalition: Coalition) -> Study | None:
        """Return the hybrid study with the coalition's factors from b, all other factors from a.

        Returns
        -------
        Study or None
            None if none of its kinds forms clusters, if no column has a weight, or if one is
            computed from a kind that the study lacks.
        """
        data, formation, kinds, weights = (
            self.b if factor in coalition else self.a for factor in FACTORS
        )
        of_data, of_formation, of_weights = (
            {kind: study if kind in self.shared else kinds for kind in kinds.kinds}
            for study in (data, formation, weights)
        )
        density_kinds = tuple(k for k, s in of_formation.items() if k in s.density_kinds)
        columns = [
            column
            for kind, study in [*of_weights.items(), (None, weights)]
            for column in scored_columns(study)
            if column.kind == kind
        ]
        needed = {kind for column in columns for kind in column.kinds}
        weighted = any(column.weight for column in columns)
        if not density_kinds or not weighted or needed - set(of_data):
            return None
        return self._hybrid((data, formation, weights), of_data, density_kinds, columns)

    def reading(self, coalition: Coalition) -> Study:
        """Return a study that reads a coalition's data, with all kinds of records of both studies.

        It is the same for coalitions that differ only in kinds or weights.
        """
        data, formation, *_ = (self.b if factor in coalition else self.a for factor in FACTORS)
        kinds = dict.fromkeys((*self.a.kinds, *self.b.kinds))
        of_data = {
            kind: data if kind in self.shared else self.a if kind in self.a.kinds else self.b
            for kind in kinds
        }
        hybrid = self._hybrid((data, formation, self.a), of_data, tuple(kinds), [])
        entries = [c.entry for study in (self.a, self.b) for c in scored_columns(study) if c.entry]
        # Headings must differ, and both studies may use the same one.
        numbered = tuple(replace(entry, column=f"column {i}") for i, entry in enumerate(entries))
        return replace(hybrid, indicators=numbered)

    def _hybrid(
        self,
        chosen: tuple[Study, Study, Study],
        of_data: dict[str, Study],
        density_kinds: tuple[str, ...],
        columns: list[ScoredColumn],
    ) -> Study:
        data, formation, weights = chosen
        totals = {
            kind: study.counting.totals[kind]
            for kind, study in of_data.items()
            if kind in study.counting.totals
        }
        normalise = {
            kind: "field-year" for kind, study in of_data.items() if kind in study.normalised_kinds
        }
        return replace(
            self.a,
            sources=tuple(s for kind, study in of_data.items() for s in self._read(study, kind)),
            # Each study has been checked in its own run.
            study=replace(self.a.study, strict=False, max_rejects=1.0),
            density=replace(formation.density, kinds=density_kinds),
            clusters=formation.clusters,
            merge=formation.merge,
            footprint=formation.footprint,
            names=formation.names,
            counting=replace(
                weights.counting,
                method="fractional" if normalise else weights.counting.method,
                totals=totals,
                unlocated=data.counting.unlocated,
                normalise=normalise or None,
                weight=data.counting.weight if normalise else "records",
            ),
            score=replace(
                weights.score,
                of=tuple(column.heading for column in columns) or None,
                weights={column.heading: column.weight for column in columns},
                lower_is_better=tuple(c.heading for c in columns if c.lower_is_better),
            ),
            population=self._population(data),
            indicators=tuple(column.entry for column in columns if column.entry is not None),
            # Scores do not depend on them.
            centroid_geocodes=CentroidGeocodes(),
            intensity=Intensity(),
            uncertainty=Draws(),
        )

    def _read(self, study: Study, kind: str) -> list[Source]:
        """Return the sources from which the listings of a kind of a study are read."""
        listed = self.listed[0 if study is self.a else 1]
        return _sources(study, kind) if listed is None else [listed[kind]]

    def _population(self, data: Study) -> Population:
        """Return the population raster of a study, or the other study's if it has none."""
        for study in (data, self.a, self.b):
            if study.population.raster is not None:
                return replace(study.population, raster=absolute(study, study.population))
        return Population()


def _sources(study: Study, kind: str) -> list[Source]:
    """Return the sources of a kind, with absolute paths."""
    return [_absolute(source, study) for source in study.sources if source.kind == kind]


def _absolute(source: Source, study: Study) -> Source:
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
    """Yield the factor, setting and value of each choice of a study."""
    for kind in shared:
        for number, source in enumerate(_sources(study, kind), start=1):
            of = f"sources of {kind}" + (f" ({number})" if number > 1 else "")
            for item in fields(source):
                if item.name == "measure":  # scores do not depend on it
                    continue
                value = getattr(source, item.name)
                # Tables define no equality: equal tables are the same object.
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
            yield ("weights", f"[[indicators]] {column.heading}"), column.description
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
    for kind in shared:
        normalised = kind in study.normalised_kinds
        value = "field-year" if normalised else None
        yield ("data", f"[counting] normalise: {kind}"), value
    weight = study.counting.weight
    yield ("data", "[counting] weight"), None if weight == "records" else weight
