"""The largest organisation of each cluster, by whose presence draws by organisation vary most."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty.fixed_clusters import group_records
from gclust.experiments.uncertainty.organisations import kinds_by_organisation
from gclust.experiments.uncertainty.variation import Variation
from gclust.experiments.uncertainty.varied_groups import shares_of_largest
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.prepare import Prepared
from gclust.plurals import counted
from gclust.study.schema import Study

LARGE_SHARE = 20.0
"""Per cent of a cluster above which one organisation gets a warning."""
MOST_NAMED = 3
"""Largest number of organisations that a warning names."""

NAME, SHARE = "{}_largest_organisation", "{}_largest_organisation_share"
"""Columns of the name, and of its part of the records of a kind in the cluster in per cent."""


def largest_organisations(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    clusters: NDArray[np.int64],
    variation: Variation,
) -> pd.DataFrame:
    """Return the largest organisation of each cluster for each kind that varies by organisation.

    A row per cluster, with the columns `NAME` and `SHARE`; no columns without such kinds.
    """
    codes = kinds_by_organisation(study, prepared)
    n_clusters, names = int(clusters.max(initial=-1)) + 1, variation.organisations.names
    table = pd.DataFrame(index=pd.RangeIndex(n_clusters))
    if names is None:
        return table
    groups = group_records(study, engine, prepared, clusters, variation)
    assert groups.varied is not None
    shares, items = shares_of_largest(groups.varied, n_clusters, groups.n_kinds)
    wanted = np.unique(items[:, codes]).tolist()
    known = engine.pandas(names.filter(nw.col("item").is_in(wanted)))
    name_of = dict(zip(known["item"].tolist(), known["organisation"].tolist(), strict=True))
    for code in codes:
        kind = prepared.staged.kinds[code]
        table[NAME.format(kind)] = [name_of.get(item, "") for item in items[:, code].tolist()]
        table[SHARE.format(kind)] = 100 * shares[:, code]
    return table


def warnings_of_largest(study: Study, named: pd.DataFrame, largest: pd.DataFrame) -> list[str]:
    """Return warnings about clusters of kinds that are drawn by organisation, and have a large one.

    ``named`` has the ``name`` of each cluster.
    """
    found = []
    for kind in study.variation.resample:
        name, share = largest[NAME.format(kind)], largest[SHARE.format(kind)]
        large = share[share > LARGE_SHARE].sort_values(ascending=False, kind="stable")
        if large.empty:
            continue
        listed = ", ".join(
            f"{name[at]} {share[at]:.0f} % of {named['name'].iloc[at]}"
            for at in large.index[:MOST_NAMED]
        )
        more = f" and {len(large) - MOST_NAMED:,} more" if len(large) > MOST_NAMED else ""
        found.append(
            f"kind {kind!r}: one organisation has over {LARGE_SHARE:g} % of {len(large):,} of"
            f" {counted(len(share), 'cluster')} ({listed}{more}); a draw has it or not, so that"
            " intervals"
            " of these clusters may be 3 to 11 times too wide for how much its volume varies:"
            " multiplier = { cv = 0.3 } asks that"
        )
    return found
