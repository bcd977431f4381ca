"""Options of ``[uncertainty]`` that say how records and amounts vary between draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gclust.errors import StudyError
from gclust.spelling import did_you_mean
from gclust.study.parse import parse_section
from gclust.study.sections import DISPERSIONS, LARGEST_CV, RESAMPLED, Draws

COLUMN_OF_VARIATION = {
    "resample": "organisation",
    "multiplier": "organisation",
    "dispersion": "year",
}
"""Attribute of `RecordVariation` -> the column of listings that it needs."""


@dataclass(frozen=True)
class RecordVariation:
    """Kinds of records that draws vary in another way than record by record."""

    resample: tuple[str, ...] = ()
    """Kinds whose organisations are drawn with all their records."""
    multiplier: tuple[str, ...] = ()
    """Kinds whose organisations have a random volume."""
    dispersion: Mapping[str, str] = field(default_factory=dict)
    """Kind -> the periods whose differences say how much its counts vary by cluster."""

    @property
    def is_by_organisation(self) -> bool:
        """Whether the organisations of any kind of records are drawn or multiplied."""
        return bool(self.resample or self.multiplier)

    def __bool__(self) -> bool:
        return self.is_by_organisation or bool(self.dispersion)


def record_variation(draws: Draws, records: Sequence[str]) -> RecordVariation:
    """Return how kinds of records vary; ``records`` are the kinds that are no amounts."""
    named = draws.multiplier
    multiplied = () if named is None else named.kinds or tuple(records)
    given = draws.dispersion
    if not isinstance(given, Mapping):
        given = {} if given is None else dict.fromkeys(records, given)
    return RecordVariation(
        tuple(kind for kind in records if draws.resamples(kind)),
        tuple(kind for kind in records if kind in multiplied),
        {kind: given[kind] for kind in records if kind in given},
    )


def check_variation(draws: Draws, kinds: Sequence[str], amounts: Sequence[str], where: str) -> None:
    """Refuse options for kinds that they do not fit, out of bounds, or that contradict each other.

    ``amounts`` are those of the ``kinds`` that are amounts; ``where`` begins each message.
    """
    for key in ("cv", "resample", "multiplier", "dispersion"):
        if getattr(draws, key) is not None and "records" not in draws.sources:
            raise StudyError(
                f"{where} {key} applies only when records are drawn; expected 'records' in"
                f" sources = {list(draws.sources)}: add it, or remove {key}"
            )
    records = [kind for kind in kinds if kind not in amounts]
    _check_cv(draws, kinds, amounts, f"{where} cv")
    _check_units(draws.resample, RESAMPLED, kinds, f"{where} resample")
    if isinstance(draws.resample, Mapping):
        for kind in amounts:
            if draws.resample.get(kind) == "records":
                raise StudyError(
                    f"{where} resample: {kind} = 'records', but {kind!r} is a kind of amounts,"
                    " which has none; expected 'organisations', or cv in its place"
                )
    _check_units(draws.dispersion, DISPERSIONS, kinds, f"{where} dispersion")
    named = draws.dispersion if isinstance(draws.dispersion, Mapping) else {}
    _check_records(named, records, f"{where} dispersion")
    if (varied := draws.multiplier) is not None:
        at = f"{where} multiplier"
        _check_size(varied.cv, f"{at}: cv")
        parse_section(dict.fromkeys(varied.kinds or (), ""), {}, f"{at}: kinds:", known=kinds)
        _check_records(varied.kinds or (), records, at)
    both = [kind for kind in amounts if draws.cv_of(kind) is not None and draws.resamples(kind)]
    if both:
        raise StudyError(
            f"{where} cv and resample are both given for {both[0]!r}; expected one of them:"
            " cv varies its amounts, resample draws its organisations"
        )
    _check_one_question(record_variation(draws, records), where)


def _check_cv(draws: Draws, kinds: Sequence[str], amounts: Sequence[str], where: str) -> None:
    given = draws.cv
    if given is None:
        return
    named = given if isinstance(given, Mapping) else dict.fromkeys(amounts, given)
    parse_section(named, {}, f"{where}:", known=kinds)
    if not amounts or set(named) - set(amounts):
        wrong = next((repr(kind) for kind in named if kind not in amounts), "no kind")
        raise StudyError(
            f"{where} is for amounts, and {wrong} is"
            f" {'a kind of amounts' if wrong == 'no kind' else 'a kind of records'}; set"
            " measure = 'amount' in [[sources]], or remove this option (the volumes of records"
            " vary with multiplier)"
        )
    for kind, value in named.items():
        _check_size(value, f"{where}: {kind}" if isinstance(given, Mapping) else where)


def _check_size(value: float, at: str) -> None:
    if not 0 < value <= LARGEST_CV:
        raise StudyError(
            f"{at} = {value:g}; expected more than 0 and at most {LARGEST_CV:g}:"
            " 0.1 is a standard deviation of 10 per cent"
        )


def _check_units(given: Any, options: Sequence[str], kinds: Sequence[str], where: str) -> None:
    """Refuse an option, of all kinds or by kind, that is none of those there are."""
    if given is None:
        return
    by_kind = given if isinstance(given, Mapping) else {"": given}
    if isinstance(given, Mapping):
        parse_section(given, {}, f"{where}:", known=kinds)
    for kind, value in by_kind.items():
        if value not in options:
            at = f"{where}: {kind}" if kind else where
            hint = did_you_mean(value, options)
            raise StudyError(f"{at} = {value!r}; expected {' or '.join(map(repr, options))}{hint}")


def _check_records(named: Iterable[str], records: Sequence[str], where: str) -> None:
    for kind in named:
        if kind not in records:
            raise StudyError(
                f"{where} is for records, and {kind!r} is a kind of amounts; remove it, or give"
                " its amounts a cv"
            )


def _check_one_question(varies: RecordVariation, where: str) -> None:
    """Refuse two options for one kind, because each answers another question."""
    of_kinds = {
        "resample = 'organisations'": varies.resample,
        "multiplier": varies.multiplier,
        "dispersion": tuple(varies.dispersion),
    }
    given = list(of_kinds.items())
    for position, (one, kinds) in enumerate(given):
        for other, others in given[position + 1 :]:
            both = [kind for kind in kinds if kind in others]
            if both:
                raise StudyError(
                    f"{where} {one} and {other} are both given for {both[0]!r}, and each varies"
                    " the volumes of the same organisations; expected one of them, for each"
                    " answers another question: name kinds in both, or remove one"
                )
