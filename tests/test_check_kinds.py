"""Amounts that form clusters together with records are warned of, unless the study says so."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import GclustWarning, StudyError


def sources(measure=None, weight=50_000.0):
    """One town of patents, and a university with much money far from it."""
    rng = np.random.default_rng(1)
    place = {"lat": 48.1 + rng.normal(0, 0.02, 200), "lon": 11.6 + rng.normal(0, 0.02, 200)}
    patents = pd.DataFrame({**place, "record": np.arange(200)})
    money = pd.DataFrame({"lat": [51.5], "lon": [-0.1], "weight": [weight]})
    given = {} if measure is None else {"measure": measure}
    return [{"kind": "patent", "data": patents}, {"kind": "money", "data": money, **given}]


def warned(found, **sections):
    """Run a study, and return its number of clusters and its warnings of amounts."""
    sections = {"clusters": {"eps_km": 10, "min_samples": 100}, **sections}
    study = gclust.Study(sources=found, **sections)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", GclustWarning)
        run = gclust.run(study)
    texts = [str(each.message) for each in given if "form clusters together" in str(each.message)]
    assert texts == [text for text in run.info["warnings"] if "form clusters together" in text]
    return len(run.ranking), texts


def test_amounts_that_form_clusters_with_records_are_warned_of():
    clusters, (text,) = warned(sources("amount"))
    assert clusters == 2
    assert text.startswith("amounts of money form clusters together with the records of patent: ")
    assert "99.6 % of the weight" in text
    assert '[density] kinds = ["patent"]' in text
    assert "measure" not in text


def test_named_kinds_and_equal_totals_are_no_reason_to_warn():
    for density, clusters in (
        ({"kinds": ["patent"]}, 1),
        ({"kinds": ["patent", "money"]}, 2),
        ({"weight": "equal"}, 2),
    ):
        assert warned(sources("amount"), density=density) == (clusters, [])


def test_amounts_alone_are_no_reason_to_warn():
    money = sources("amount")[1]
    assert warned([money]) == (1, [])
    assert warned([money, {**money, "kind": "hours"}]) == (1, [])


def test_unstated_weights_that_dwarf_the_records_are_warned_of():
    _, (text,) = warned(sources())
    assert text.startswith("weights without records of money form clusters together with")
    assert 'if these are amounts, say measure = "amount"; [density] kinds = ["patent"]' in text
    assert warned(sources("records"))[1] == []
    assert warned(sources(weight=15_000.0))[1] == []


def test_strict_studies_with_amounts_among_records_are_refused():
    with pytest.raises(StudyError, match="strict = true refuses: amounts of money form clusters"):
        warned(sources("amount"), study={"strict": True})


def test_sweeps_warn_of_amounts_too():
    clusters = {"eps_km": 10, "min_samples": 100}
    study = gclust.Study(sources=sources("amount"), clusters=clusters)
    with pytest.warns(GclustWarning, match="amounts of money form clusters together"):
        gclust.sweep(study, eps_km=[5, 10], min_samples=[50, 100])
