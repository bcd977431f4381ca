"""Studies whose listings are read with further columns than the study itself needs."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gclust.study.schema import Need, Study


@dataclass(frozen=True, kw_only=True)
class StudyWithColumns(Study):
    """A study whose listings are read with the columns in ``further``, where they have them."""

    further: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[Need, ...]:
        """Columns of listings that are read besides coordinates, record and weight."""
        return (*super().needs, *(Need("", name, optional=True) for name in self.further))


def with_columns(study: Study, *further: str) -> StudyWithColumns:
    """Return a study that reads further columns of its listings, where they have them."""
    own = {item.name: getattr(study, item.name) for item in fields(Study)}
    return StudyWithColumns(**own, further=further)
