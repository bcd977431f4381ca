"""Folding of records to counts by location, and the records with several locations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gclust.kernels import record_folding
from gclust.listings import record_arrays
from gclust.units import UNIT


def random_records(seed, n=400):
    """Rows as `fold_records` takes them: some without a record, some with odd denominators."""
    rng = np.random.default_rng(seed)
    record = np.sort(rng.integers(-1, n // 3, n))
    place = rng.integers(0, 50, n)
    keep = np.unique(np.stack((record, place)), axis=1, return_index=True)[1]
    record, place = record[keep], place[keep]
    order = np.lexsort((place, record))
    record, place = record[order], place[order]
    units = rng.integers(1, 4, len(record)) * UNIT
    kind = (record % 2).astype(np.int64)
    total = np.zeros(len(record), dtype=np.int64)
    for each in np.unique(record):
        here = record == each
        total[here] = units[here].sum() + UNIT * int(rng.integers(0, 30))
    return record, kind, place, units, total


def expected_fixed(rows, n, *, whole):
    """Slow twin: what each location adds, and the records that are open."""
    fixed, opened, several = np.zeros((2, n), dtype=np.int64), [], []
    record, kind, place, units, total = (each.tolist() for each in rows)
    for each in dict.fromkeys(record):
        here = [i for i, number in enumerate(record) if number == each]
        if each < 0:
            for i in here:
                fixed[kind[i], place[i]] += units[i]
            continue
        shares = [Fraction(units[i] * UNIT, total[i]) for i in here]
        is_open = len(here) > 1 and (whole or any(share.denominator > 1 for share in shares))
        if len(here) > 1:
            several.append(each)
            opened += [is_open]
        if not is_open:
            for i, share in zip(here, shares, strict=True):
                fixed[kind[i], place[i]] += UNIT if whole else int(share + Fraction(1, 2))
    return fixed, opened, several


@pytest.mark.parametrize("method", ["fractional", "whole"])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_records_are_those_of_a_slow_twin(monkeypatch, method, dtype):
    monkeypatch.setattr(record_folding, "CHUNK", 7)
    rows = random_records(1)
    fixed, opened, several = expected_fixed(rows, 50, whole=method == "whole")
    narrow = [each.astype(dtype) for each in rows[:3]]
    found = record_arrays.fold_records([*narrow, *rows[3:]], 50, n_kinds=2, method=method)
    assert (found.fixed == fixed).all()
    assert found.opened.tolist() == np.flatnonzero(opened).tolist()
    record, kind, place, units, total = rows
    for number, each in enumerate(several):
        here = record == each
        begin, end = found.rows.starts[number : number + 2]
        assert found.rows.place[begin:end].tolist() == place[here].tolist()
        assert found.rows.units[begin:end].tolist() == units[here].tolist()
        assert found.located_units[number] == units[here].sum()
        assert found.record_units[number] == total[here][0]
        assert found.kind[number] == kind[here][0]
    assert len(found.rows.starts) == len(several) + 1
    of_open = np.isin(record, np.array(several)[np.array(opened)])
    assert found.open_rows.place.tolist() == place[of_open].tolist()
    assert found.open_rows.units.tolist() == units[of_open].tolist()


def test_nothing_is_folded():
    none = np.zeros(0, dtype=np.int64)
    found = record_arrays.fold_records([none] * 5, 3, n_kinds=1, method="whole")
    assert found.fixed.tolist() == [[0, 0, 0]]
    assert len(found.kind) == 0


def test_records_sorted_by_place_are_the_same_records():
    rows = random_records(2)
    found = record_arrays.fold_records(rows, 50, n_kinds=2, method="fractional")
    in_order = record_arrays.sort_by_place(found)
    first = in_order.rows.place[in_order.rows.starts[:-1]]
    assert (np.diff(first) >= 0).all()
    assert listed(in_order) == listed(found)
    assert sorted(open_ones(in_order)) == sorted(open_ones(found))
    for number, record in enumerate(in_order.opened):  # the open rows are in their order
        begin, end = in_order.open_rows.starts[number : number + 2]
        own = slice(*in_order.rows.starts[record : record + 2])
        assert in_order.open_rows.place[begin:end].tolist() == in_order.rows.place[own].tolist()


def listed(records):
    """Every record with several locations as a tuple, sorted."""
    opened = np.zeros(len(records.kind), dtype=bool)
    opened[records.opened] = True
    return sorted(
        (
            tuple(records.rows.place[begin:end].tolist()),
            tuple(records.rows.units[begin:end].tolist()),
            *(int(records.located_units[r]), int(records.record_units[r])),
            *(int(records.kind[r]), bool(opened[r])),
        )
        for r, (begin, end) in enumerate(
            zip(records.rows.starts[:-1], records.rows.starts[1:], strict=True)
        )
    )


def open_ones(records):
    """Places and weights of every open record."""
    rows = records.open_rows
    return [
        (tuple(rows.place[begin:end].tolist()), tuple(rows.units[begin:end].tolist()))
        for begin, end in zip(rows.starts[:-1], rows.starts[1:], strict=True)
    ]
