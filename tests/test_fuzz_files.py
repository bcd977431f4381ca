"""A short run of the fuzzer of files, and that it finds what is wrong."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gclust.listings.engines.duckdb
from tests import fuzz_files, fuzz_files_compare
from tests.fuzz_files_cases import make_case
from tests.fuzz_files_truth import number_of, record_of, text_of, year_of

SEED, CASES = 20261, 160
FEW = 24  # of the cases that a fault concerns are enough to find it


@pytest.fixture(scope="module")
def outcomes():
    numbers = [list(range(i, i + fuzz_files.BATCH)) for i in range(0, CASES, fuzz_files.BATCH)]
    return {each.case.number: each for some in numbers for each in fuzz_files.check(SEED, some)}


def test_a_short_run_finds_nothing(outcomes):
    message = [
        f"case {number}: {each.message}"
        for number, each in outcomes.items()
        if each.end == "failed"
    ]
    assert message == []


def test_cases_are_of_all_kinds_and_most_are_read(outcomes):
    kinds = {each.case.way[0] for each in outcomes.values()}
    assert {"sheet", "parquet", "parquet parts", "geoparquet", "several sheets", "hive"} <= kinds
    verdicts = [each.case.verdict for each in outcomes.values()]
    assert min(verdicts.count(verdict) for verdict in ("read", "either", "refused")) >= CASES // 10
    assert sum(each.end == "read" for each in outcomes.values()) >= 0.4 * CASES


# Faults that are planted: in what the engine stores, or in the files as reading sees them.


def lose_a_row(monkeypatch):
    """One row of each table that reading stores is lost."""
    after_storing(
        monkeypatch,
        "DELETE FROM listings WHERE rowid IN"
        " (SELECT max(rowid) FROM listings WHERE reason IS NULL GROUP BY kind)",
    )
    return lambda case: case.verdict == "read", "refused, but must be read"


def read_ids_as_floats(monkeypatch):
    """Ids go through floats, as with pandas where one of them is missing."""
    after_storing(
        monkeypatch,
        "UPDATE listings SET record = CAST(CAST(CAST(record AS DOUBLE) AS HUGEINT) AS VARCHAR)"
        " WHERE regexp_full_match(CAST(record AS VARCHAR), '[0-9]{16,18}')",
    )
    return lambda case: "ids large" in case.way, "rows differ in record"


def after_storing(monkeypatch, query):
    append = gclust.listings.engines.duckdb.DuckDBEngine.append

    def faulty(self, frame, name, stage="", _constants=None):
        append(self, frame, name, stage)  # all columns, in a table
        if name == "listings":
            self.connection.execute(query)

    monkeypatch.setattr(gclust.listings.engines.duckdb.DuckDBEngine, "append", faulty)


def columns_by_position(monkeypatch):
    """The columns of all parts have the order of the first part's."""

    def alter(files):
        tables = {path: pq.read_table(pa.BufferReader(data)) for path, data in files.items()}
        names = next((table.column_names for table in tables.values()), [])
        altered = {}
        for path, table in tables.items():
            own = table.column_names
            sink = pa.BufferOutputStream()
            same = len(own) == len(names)
            pq.write_table(table.rename_columns(names) if same else table, sink)
            altered[path] = sink.getvalue().to_pybytes()
        return altered

    before_opening(monkeypatch, "part-*.parquet", alter)
    return lambda case: case.way[:2] == ["parquet parts", "unlike"], "rows"


def numbers_of_all_sorts(monkeypatch):
    """Texts are taken for numbers that are none, as Python, C or a spreadsheet may do."""
    pairs = {"1_0": "10", "48,1": "48.1", "48.1f": "48.1", "0x1F": "31", "1d": "1", "1/2": "0.5"}

    def alter(files):
        for bad, good in pairs.items():
            files = {p: data.replace(bad.encode(), good.encode()) for p, data in files.items()}
        return files

    before_opening(monkeypatch, "rows.csv", alter)
    return lambda case: case.path == "rows.csv" and "bad numbers" in case.way, "rows"


def before_opening(monkeypatch, pattern, alter):
    open_source = fuzz_files_compare.open_source

    def faulty(engine, source):
        folder = next(parent for parent in Path(source.path).parents if parent.is_dir())
        files = {path: path.read_bytes() for path in sorted(folder.rglob(pattern))}
        for path, data in alter(files).items():
            path.write_bytes(data)
        return open_source(engine, source)

    monkeypatch.setattr(fuzz_files_compare, "open_source", faulty)


def lines_from_zero(monkeypatch):
    """Rejects name the line before theirs."""
    stage_listings = fuzz_files_compare.stage_listings

    def faulty(*args, **options):
        staged = stage_listings(*args, **options)
        return replace(staged, rejects=staged.rejects.assign(line=staged.rejects["line"] - 1))

    monkeypatch.setattr(fuzz_files_compare, "stage_listings", faulty)
    return lambda case: "bad numbers" in case.way and case.verdict == "read", "reject"


FAULTS = (
    lose_a_row,
    read_ids_as_floats,
    columns_by_position,
    numbers_of_all_sorts,
    lines_from_zero,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(outcomes, monkeypatch, capsys, fault):
    concerns, message = fault(monkeypatch)
    sound = [n for n, each in outcomes.items() if each.end != "failed" and concerns(each.case)]
    found = fuzz_files.check(SEED, sound[:FEW])
    wrong = [each for each in found if each.end == "failed"]
    assert wrong, sound
    assert any(each.message.startswith(message) for each in wrong), wrong[0].message
    alone = ["--seed", str(SEED), "--case", str(wrong[0].case.number)]
    assert fuzz_files.main(alone) == 1
    monkeypatch.undo()
    assert fuzz_files.main(alone) == 0
    assert "read:" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs signals")
def test_a_hang_ends(monkeypatch):
    monkeypatch.setattr(fuzz_files_compare, "open_source", lambda *_: time.sleep(20))
    monkeypatch.setattr(fuzz_files, "SECONDS", 0.3)
    begin = time.monotonic()
    found = fuzz_files.check(SEED, [0, 1])
    assert [each.end for each in found] == ["failed"] * 2
    assert "0.3 s are over" in found[0].message
    assert time.monotonic() - begin < 10


def test_a_number_is_one_case(tmp_path):
    for number in range(40):
        written = []
        for folder in (tmp_path / f"{number}a", tmp_path / f"{number}b"):
            folder.mkdir()
            case = make_case(SEED, number, folder)
            files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".gpkg")
            written.append((case, [(p.relative_to(folder), p.read_bytes()) for p in files]))
        assert written[0] == written[1]


def test_a_run_tells_counts_and_how_to_repeat_what_fails(monkeypatch, capsys):
    lose_a_row(monkeypatch)
    assert fuzz_files.main(["--seed", "5", "--cases", "20"]) == 1
    message = capsys.readouterr().out
    assert "alone: python -m tests.fuzz_files --seed 5 --case " in message
    assert "refusals by reason" in message
    assert "20 cases, " in message


def test_the_rules():
    assert [number_of(text) for text in ("1e1", "+5", "5.", " .5 ", "1E+2")] == [10, 5, 5, 0.5, 100]
    bad = ("", ".", "1_0", "inf", "nan", "48,1", "48.1f", "0x1F", "４８", "1e", "1 0")
    assert [number_of(text) for text in bad] == [None] * len(bad)
    ids = ("007", " 7 ", "7.0", "1e5", "NA", "a b", 7.0, 2**60 + 1, float("nan"))
    assert [record_of(each) for each in ids] == [
        "007", "7", "7", "1e5", None, "a b", "7", str(2**60 + 1), None,
    ]  # fmt: skip
    assert text_of("7.0") == "7.0"
    years = ("2012", "2012.0", "2012-03-01", "2012-03-01T10:00:00Z", "2014.7", "soon", 2012.0)
    assert [year_of(each) for each in years] == [2012, 2012, 2012, 2012, None, None, 2012]
