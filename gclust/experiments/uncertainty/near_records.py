"""Records at places of clusters that may merge, which are found once for all replicates."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.cooccurrence import RecordRows
from gclust.kernels.resampling.poisson import LocationRows
from gclust.listings.record_arrays import Records, rows_in_order

Ints = NDArray[np.int64]


class _Near(NamedTuple):
    """The records with several places that were found near so far."""

    known: NDArray[np.bool_]  # (n,) places whose records are found
    is_new: NDArray[np.bool_]  # (r,) records with several places that are not
    numbers: Ints  # of the found records
    records: Records  # the found records


class NearRecords:
    """Cache of the records at places of clusters that may merge.

    Most of these records are the same in all replicates. A record at no such place adds no ties.
    """

    def __init__(
        self, listed: LocationRows, several: Ints, records: Records, n_records: int
    ) -> None:
        self._listed, self._several, self._all = listed, several, records
        is_new = np.zeros(n_records, dtype=bool)
        is_new[several] = True
        known = np.zeros(len(listed.starts) - 1, dtype=bool)
        self._found = _Near(known, is_new, several[:0], _records_in_order(records, several[:0]))

    def records(self, wanted: NDArray[np.bool_]) -> tuple[Records, Ints]:
        """Return the records with several places that were ever at wanted places, to count ties.

        Returns their numbers too. They come in the order of places, so that the labels that are
        looked up for them lie near each other.
        """
        found = self._found  # replaced as a whole, because replicates are counted side by side
        new = np.flatnonzero(wanted & ~found.known)
        begin = self._listed.starts[new]
        length = self._listed.starts[new + 1] - begin
        rows = np.repeat(begin - np.cumsum(length) + length, length) + np.arange(length.sum())
        number = self._listed.record[rows]
        number = number[found.is_new[number]]
        if not len(number):
            return found.records, found.numbers
        known, is_new = found.known.copy(), found.is_new.copy()
        known[new], is_new[number] = True, False
        _, first = np.unique(number, return_index=True)
        number = number[np.sort(first)]
        more = _records_in_order(self._all, np.searchsorted(self._several, number))
        numbers = np.append(found.numbers, number)
        self._found = found = _Near(known, is_new, numbers, _appended(found.records, more))
        return found.records, found.numbers


def _records_in_order(records: Records, order: Ints) -> Records:
    """Return what counting ties needs of some records with several places: rows and weights."""
    rows = rows_in_order(records.rows, order)
    return replace(records, rows=rows, located_units=records.located_units[order])


def _appended(records: Records, more: Records) -> Records:
    """Return the records of `_records_in_order` with more of them at the end."""
    starts = np.append(records.rows.starts, more.rows.starts[1:] + records.rows.starts[-1])
    place = np.append(records.rows.place, more.rows.place)
    rows = RecordRows(starts, place, np.append(records.rows.units, more.rows.units))
    located_units = np.append(records.located_units, more.located_units)
    return replace(records, rows=rows, located_units=located_units)
