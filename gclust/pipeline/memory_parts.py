"""Division of a run's memory between the database of the listings and the locations."""

from __future__ import annotations

from typing import NamedTuple

from gclust.memory import LEAST_MEMORY, PROCESS_BYTES, machine_memory, parse_amount
from gclust.study.schema import Study

PART_OF_MACHINE = 0.7
"""Part of the machine's memory that a run takes if ``[engine] memory`` is not given."""

PART_OF_DATABASE = 0.25
"""Part of a run's memory, less that of the process, that the database may take."""


class MemoryParts(NamedTuple):
    """Parts of a run's memory in bytes."""

    whole: int
    database: int
    locations: int


def memory_parts(study: Study) -> MemoryParts | None:
    """Return the parts of a run's memory; None if neither study nor system say how much it is."""
    given = study.engine.memory
    if given is not None:
        whole = parse_amount(given)
    elif (machine := machine_memory()) is not None:
        whole = max(int(PART_OF_MACHINE * machine), LEAST_MEMORY)
    else:
        return None
    left = whole - PROCESS_BYTES
    database = int(PART_OF_DATABASE * left)
    return MemoryParts(whole, database, left - database)


def memory_for(locations: int) -> int:
    """Return the memory in bytes of a run that has ``locations`` bytes for its locations."""
    return PROCESS_BYTES + int(locations / (1.0 - PART_OF_DATABASE)) + 1
