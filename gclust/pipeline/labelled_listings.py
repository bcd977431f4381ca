"""The table of listings, with their clusters and counts, that is passed to indicators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.counting import add_fractional_counts
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study

TABLE = "listings_of_clusters"


def labelled_listings(
    study: Study, engine: Engine, prepared: Prepared, clusters: NDArray[np.int64]
) -> LabelledListings:
    """Add cluster and fractional count to each listing when an indicator first reads them.

    Listings without a place are noise, where the study counts them. An engine
    holds the table of one labelling at a time; the next labelling replaces it.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings; the table exists as long as the engine.
    prepared : Prepared
    clusters : ndarray of int64, shape (n,)
        Cluster of each of ``prepared.locations``, -1 for noise.
    """

    def make() -> nw.LazyFrame[Any]:
        for table in (TABLE, f"{TABLE}_places"):
            engine.drop(table)
        at = prepared.locations[["lat", "lon"]].assign(cluster=clusters)
        places = engine.put(at, f"{TABLE}_places")
        joined = prepared.located.join(places, on=["lat", "lon"])
        if prepared.unlocated is not None:
            noise = prepared.unlocated.with_columns(cluster=nw.lit(-1, dtype=nw.Int64))
            joined = nw.concat([joined, noise.select(*joined.collect_schema().names())])
        counted = add_fractional_counts(joined, prepared.totals, study.count_method)
        named = counted.with_columns(kind=named_kinds(prepared.staged.kinds))
        stored = engine.store(named, TABLE, "count listings")
        engine.drop(f"{TABLE}_places")
        return stored

    # A comparison prepares the kinds of all its studies.
    kinds = tuple(kind for kind in prepared.staged.kinds if kind in study.kinds)
    totals = {kind: prepared.world_totals[kind] for kind in kinds}
    return LabelledListings(make, kinds, totals, engine.pandas)


def named_kinds(kinds: Sequence[str]) -> nw.Expr:
    """Replace the codes of kinds with their names."""
    name = nw.lit(None, dtype=nw.String)
    for code, kind in enumerate(kinds):
        name = nw.when(nw.col("kind") == code).then(nw.lit(kind)).otherwise(name)
    return name
