"""The years of the listings that form the clusters of a study, as text."""

from __future__ import annotations

from gclust.study.schema import Study


def boundary_years(study: Study) -> str:
    """Return the years of the sources that form the clusters: of each kind, if they differ."""
    windows: dict[str, list[str]] = {}
    for source in study.sources:
        if source.kind in study.density_kinds:
            years = "all years" if source.years is None else "{}-{}".format(*source.years)
            windows.setdefault(source.kind, []).append(years)
    texts = {kind: " and ".join(dict.fromkeys(years)) for kind, years in windows.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{kind} {years}" for kind, years in texts.items())
