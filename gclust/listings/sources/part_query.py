"""SQL that reads the rows of a part of a source, in the columns that every engine yields."""

from __future__ import annotations

from gclust.listings.sources.source_part import PartRead

TYPES = {"year": "integer", "citations": "double"}
"""Types of optional columns that hold no text."""


def part_columns(read: PartRead) -> list[str]:
    """Return SQL, in the dialect of a part, for its columns.

    They are those of `gclust.listings.engines.protocol.Engine.rows`.
    """
    part, cast = read.part, read.part.sql.cast
    weight = part.value("weight") if "weight" in part.columns else "1.0"
    further = (
        f"{cast(part.value(name), TYPES.get(name, 'text'))} AS {name}"
        for name in part.source.further
    )
    columns = [
        f"{cast(str(read.source), 'short')} AS source",
        f"{cast(str(read.kind), 'short')} AS kind",
        f"{cast(part.value('record'), 'whole' if read.whole_ids else 'text')} AS record",
        *part.validated,
        f"{cast(weight, 'double')} AS weight",
        *further,
    ]
    if part.source.numbered:
        columns.append(f"{cast(position(read), 'whole')} AS position")
    return columns


def position(read: PartRead) -> str:
    """Return SQL for the number of a row among those of all sources, null without an order."""
    return f"{read.first} + {read.part.row_number}" if read.part.has_order else "NULL"


def part_query(read: PartRead) -> str:
    """Return SQL for the rows of a part of a source."""
    return f"SELECT {', '.join(part_columns(read))} FROM {read.part.table(read.part.files)}"
