"""Columns from which a study's score is computed, with their weights, directions and kinds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gclust.experiments.grid import Pair
from gclust.indicators.protocol import OF_CLUSTERS
from gclust.indicators.registry import registry
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.ranking.columns import column_weights, kind_columns, scored
from gclust.study.indicators import IndicatorEntry
from gclust.study.schema import Study


@dataclass(frozen=True)
class ScoredColumn:
    """Column of a ranking from which the score is computed.

    Attributes
    ----------
    heading : str
    kind : str or None
        The kind that it counts; None for a column of all kinds together.
    kinds : tuple of str
        The kinds that it is computed from.
    weight : float
    lower_is_better : bool
    entry : IndicatorEntry, optional
        The indicator, if the column is one.
    """

    heading: str
    kind: str | None
    kinds: tuple[str, ...]
    weight: float
    lower_is_better: bool
    entry: IndicatorEntry | None

    @property
    def looks_at(self) -> tuple[str, ...]:
        """Attributes of clusters that the column depends on, in addition to counts and shares.

        All attributes for an indicator whose plug-in is no longer installed, so that runs with
        its column can still be compared.
        """
        if self.entry is None:
            return ("population",) if self.heading.endswith("_per_million") else ()
        known = registry().get(self.entry.name)
        return OF_CLUSTERS if known is None else known.about.looks_at

    @property
    def description(self) -> str | None:
        """The indicator with its options as text, ``name(key = value, ...)``, or None."""
        if self.entry is None:
            return None
        options = {"kind": self.entry.kind, **self.entry.options}
        given = ", ".join(f"{key} = {value}" for key, value in options.items() if value is not None)
        return f"{self.entry.name}({given})"


def scored_columns(study: Study) -> list[ScoredColumn]:
    """Return the columns of a study's score, in the study's order."""
    entries = {entry.heading: entry for entry in study.indicators}
    columns = scored(study.kinds, study.score.of)
    weights = column_weights(columns, study.score.weights, study.kinds)
    kind_of: dict[str, str | None] = dict(kind_columns(study.kinds))
    found = []
    for heading in columns:
        entry = entries.get(heading)
        kind = kind_of.get(heading) if entry is None else entry.kind
        several = () if entry is None else tuple(entry.options.get("kinds", ()))
        found.append(
            ScoredColumn(
                heading=heading,
                kind=kind,
                kinds=several if kind is None else (kind, *several),
                weight=weights[heading],
                lower_is_better=heading in study.score.lower_is_better,
                entry=entry,
            )
        )
    return found


def columns_of_pairs(study: Study, pairs: Iterable[Pair]) -> dict[Pair, ScoreColumns]:
    """Return the score's columns for each pair of eps_km and min_samples.

    Footprints depend on eps_km, unless the study sets their radius.

    Raises
    ------
    StudyError
        If the score needs a raster that is missing.
    """
    own = ScoreColumns(study)
    own.check()
    if not own.looks_at & OUTLINED:
        return dict.fromkeys(pairs, own)
    found = {}
    for eps_km, min_samples in pairs:
        options = replace(study.dbscan, eps_km=eps_km, min_samples=min_samples)
        found[eps_km, min_samples] = ScoreColumns(replace(study, clusters=options))
    return found
