"""
An indicator of your own
========================

An indicator is a function of clusters and listings. Here: which part of a cluster's records has
one inventor only. In a package, an entry point makes it one that every study can name.
"""

import matplotlib.pyplot as plt
import narwhals as nw
import pandas as pd
from towns import listings

import gclust
from gclust.indicators import LabelledListings, indicator


@indicator(name="alone", needs=("record",), looks_at=())
def alone(clusters, listings, *, kind: str = "patent"):
    """Per cent of the records that touch a cluster and have a single listing."""
    rows = listings.of(kind)
    sizes = rows.group_by("record").agg(size=nw.len())
    touched = rows.filter(nw.col("cluster") >= 0).select("record", "cluster").unique()
    # One simple sum by group: longer expressions within agg are slow in pandas, and warned of.
    joined = touched.join(sizes, on="record").with_columns(
        alone=nw.when(nw.col("size") == 1).then(100.0).otherwise(0.0)
    )
    shares = listings.collect(joined.group_by("cluster").agg(nw.col("alone").mean()))
    return shares.set_index("cluster")["alone"].reindex(clusters.index)


# %%
# It is tried on a table, without a study: listings with the clusters of :py:obj:`gclust.DBSCAN`.
table = listings().assign(kind="patent")
model = gclust.DBSCAN(eps_km=8, min_samples=300).fit(table[["lat", "lon"]])
table["cluster"] = model.labels_
clusters = pd.DataFrame(index=pd.RangeIndex(model.labels_.max() + 1, name="cluster_id"))
found = alone(clusters, LabelledListings.from_native(table))
print(found.round(1))

# %%
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh([f"cluster {number}" for number in found.index], found, color="#5b8db8")
ax.set(xlabel="records of one inventor, per cent")
