"""Division of a run's memory between the database of the listings and the locations."""

from __future__ import annotations

from typing import NamedTuple

from gclust.listings.engines.duckdb import BYTES_OF_A_THREAD
from gclust.memory import LEAST_MEMORY, PROCESS_BYTES, machine_memory, parse_amount
from gclust.study.schema import Study

PART_OF_MACHINE = 0.7
"""Part of the machine's memory that a run takes if ``[engine] memory`` is not given."""

PART_OF_DATABASE = 0.25
"""Part of a run's memory, less that of the process, that the database may take."""


MOST_FOR_ARRAYS = 1_500_000_000
"""Most memory in bytes of the database of a sweep or of the tuner: listings go through it once and
are then held in arrays, so that more memory wins little time."""


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


def database_for_arrays(study: Study, threads: int) -> int | None:
    """Return the memory in bytes of a database that passes its listings on to arrays.

    It is the part of `memory_parts`, but no more than ``MOST_FOR_ARRAYS`` if the study leaves the
    memory to gclust and that is enough for the threads.
    """
    parts = memory_parts(study)
    if parts is None or study.engine.memory is not None:
        return None if parts is None else parts.database
    return min(parts.database, max(MOST_FOR_ARRAYS, threads * BYTES_OF_A_THREAD))


def memory_for(locations: int) -> int:
    """Return the memory in bytes of a run that has ``locations`` bytes for its locations."""
    return PROCESS_BYTES + int(locations / (1.0 - PART_OF_DATABASE)) + 1
