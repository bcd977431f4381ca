"""A map of a ranking that can be moved, by geopandas and folium."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gclust.report.symbols import OTHER, rank_classes

SHOWN = ("rank", "name", "economies", "score")
INSTALL = (
    "explore() needs folium and mapclassify, which geopandas draws with: pip install folium"
    " mapclassify; gclust.plot.map needs nothing more"
)


def explore(clusters: gpd.GeoDataFrame, **options: Any) -> Any:
    """Return a folium map of the footprints, coloured by classes of ranks.

    ``options`` are those of `geopandas.GeoDataFrame.explore`. Raises ImportError without folium
    or mapclassify.
    """
    try:
        import folium  # noqa: F401
        import mapclassify  # noqa: F401
    except ImportError as error:
        raise ImportError(INSTALL) from error
    columns = [name for name in SHOWN if name in clusters.columns]
    shown = clusters[[*columns, "geometry"]].copy()
    rank = pd.to_numeric(shown["rank"]).astype("Float64").to_numpy(float, na_value=np.inf)
    shown["rank"] = ["" if np.isinf(each) else f"{each:g}" for each in rank]
    shown["score"] = pd.to_numeric(shown["score"]).round(2)
    classes = rank_classes(int(rank[np.isfinite(rank)].max(initial=0)))
    colours = [next((c.colour for c in classes if r <= c.last), OTHER) for r in rank]
    own: dict[str, Any] = {"color": colours, "tooltip": columns, "tiles": "CartoDB positron"}
    return shown.explore(**own | options)
