"""Every output file of small studies is what it was: values, in nine digits, by fixed digests."""

from __future__ import annotations

import json

from tests.digests import FIXED, digests, of_values, small


def test_outputs_of_small_studies_are_what_they_were(tmp_path):
    small(tmp_path)
    expected = json.loads(FIXED.read_text(encoding="utf-8"))
    found = digests(tmp_path, of_values)
    assert found.keys() == expected.keys()
    changed = [name for name in found if found[name] != expected[name]]
    assert not changed, "results changed: where on purpose, python -m tests.digests --write"


def test_a_changed_value_is_seen(tmp_path):
    for digit in ("1", "2"):
        path = tmp_path / digit / "table.csv"
        path.parent.mkdir()
        path.write_text(f"name,value\na,0.12345678{digit}\n", encoding="utf-8")
    one, two = (digests(tmp_path / digit, of_values) for digit in ("1", "2"))
    assert one.keys() == two.keys()
    assert one != two
