"""How records vary between draws, and what intervals rest on, in words."""

from __future__ import annotations

from collections.abc import Sequence

from gclust.study.schema import Study

RECORDS = (
    "The records{of_kinds} are treated as a sample: each stands for the records that the same"
    " places could have produced instead, independently of the others, a Poisson number of them in"
    " each draw."
)
TOTALS = (
    " The number of records is drawn with them, and so are the world totals, noise included; a"
    " listing without a record counts as its weight in records, and a total given in [counting]"
    " beyond the sources as that many records outside all clusters."
)
ORGANISATIONS = (
    " The organisations of {} are treated as a sample: each stands for others like it, a Poisson"
    " number of mean one in each draw, with all its records; a record of several organisations"
    " belongs to the one with its largest part, and a record without any is drawn by itself: this"
    " asks what if other organisations had been there."
)
VOLUMES = (
    " The number of records that each organisation has of {kinds} is multiplied by a gamma number"
    " of mean one and coefficient of variation {cv:g} in each draw, the same for all its records,"
    " and those without an organisation each by its own: this asks what if each organisation had"
    " been more or less productive, and the cv is a choice."
)
CLUSTERS = (
    " The number of records that each cluster has of {kinds} is multiplied by a gamma number of"
    " mean one in each draw, whose variance is that of {what} beyond records at random: {limits}."
    " Records outside clusters vary one by one."
)
PERIODS = {
    "years": (
        "differences between years",
        "year-to-year noise only; blind to anything that lasts longer than a year",
    ),
    "windows": (
        "second differences between three windows of years",
        "noise between windows only; blind to linear growth over them",
    ),
}
"""Periods of ``[uncertainty] dispersion`` -> what is compared, and the limits of it."""


def records_in_words(study: Study) -> str:
    """Describe in sentences how the kinds of records vary between draws; "" without records."""
    records = [kind for kind in study.kinds if kind not in study.amounts]
    if not records:
        return ""
    varies, text = study.variation, ""
    sampled = [kind for kind in records if kind not in varies.resample]
    if sampled:
        some = bool(study.amounts or varies.resample)
        text += RECORDS.format(of_kinds=f" of {_listed(sampled)}" if some else "")
    if varies.resample:
        text += ORGANISATIONS.format(_listed(varies.resample))
    if study.uncertainty.multiplier is not None:
        cv = study.uncertainty.multiplier.cv
        text += VOLUMES.format(kinds=_listed(varies.multiplier), cv=cv)
    for periods, (what, limits) in PERIODS.items():
        kinds = [kind for kind, each in varies.dispersion.items() if each == periods]
        if kinds:
            text += CLUSTERS.format(kinds=_listed(kinds), what=what, limits=limits)
    return (text + TOTALS).strip()


def record_draws(study: Study) -> str:
    """Describe the draws of records in a few words, for one line."""
    varies, parts = study.variation, []
    if varies.resample:
        parts.append(f"by organisation for {_listed(varies.resample)}")
    if study.uncertainty.multiplier is not None:
        cv = study.uncertainty.multiplier.cv
        parts.append(f"volumes of organisations of cv {cv:g} for {_listed(varies.multiplier)}")
    for periods in PERIODS:
        kinds = [kind for kind, each in varies.dispersion.items() if each == periods]
        if kinds:
            parts.append(f"volumes of clusters by {periods} for {_listed(kinds)}")
    return f"records (Poisson bootstrap{''.join(f'; {part}' for part in parts)})"


def assumption(study: Study) -> str:
    """Return on what independence the sets and intervals rest, as "if ..."; "" if on none."""
    records = [kind for kind in study.kinds if kind not in study.amounts]
    if "records" not in study.uncertainty.sources or not records:
        return ""
    varies = study.variation
    plain = set(records) - {*varies.resample, *varies.multiplier, *varies.dispersion}
    conditions = {
        "records are independent": bool(plain),
        "organisations are independent": bool(varies.resample),
        "organisations vary independently by the given cv": bool(varies.multiplier),
        "clusters vary independently from year to year, and no longer": "years"
        in varies.dispersion.values(),
        "clusters vary independently from window to window": "windows"
        in varies.dispersion.values(),
    }
    return f"if {' and '.join(text for text, holds in conditions.items() if holds)}"


def _listed(kinds: Sequence[str]) -> str:
    return " and ".join(kinds)
