"""The indicator by itself: a table is enough."""

from __future__ import annotations

import pandas as pd
from gclust_team_size import team_size

from gclust.indicators import LabelledListings


def test_team_size():
    """Records count once in each cluster, with all their listings."""
    table = pd.DataFrame(
        {
            "kind": "patent",
            "record": [1, 1, 1, 2, 3, 3],
            "cluster": [0, 0, 1, 0, -1, -1],
        }
    )
    listings = LabelledListings.from_native(table)
    clusters = pd.DataFrame(index=pd.RangeIndex(3, name="cluster_id"))
    found = team_size(clusters, listings, kind="patent")
    assert found.fillna(0).tolist() == [2.0, 3.0, 0.0]
    assert found.isna().tolist() == [False, False, True]
    assert team_size(clusters, listings, at_least=2)[0] == 3.0
