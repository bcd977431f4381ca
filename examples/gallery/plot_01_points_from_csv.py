"""
Cluster points from a CSV file
==============================

:py:obj:`gclust.DBSCAN` takes latitude and longitude in degrees, and a radius in kilometres. A row
may stand for several points: it counts by its weight.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from towns import listings

import gclust

path = Path(tempfile.mkdtemp(), "listings.csv")
listings().to_csv(path, index=False)

# %%
# Read the file, and sum the listings at each location, as a run of gclust does.
table = pd.read_csv(path).round({"lat": 2, "lon": 2})
places = table.groupby(["lat", "lon"], as_index=False).agg(weight=("record", "size"))
model = gclust.DBSCAN(eps_km=8, min_samples=300).fit(
    places[["lat", "lon"]], sample_weight=places["weight"]
)
places["cluster"] = model.labels_
print(places[places["cluster"] >= 0].groupby("cluster")["weight"].sum().sort_values())

# %%
# Points of no cluster have the label -1.
noise = places["cluster"] < 0
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.scatter(*places.loc[noise, ["lon", "lat"]].to_numpy().T, s=3, c="0.7", label="noise")
ax.scatter(
    *places.loc[~noise, ["lon", "lat"]].to_numpy().T,
    s=4 * places.loc[~noise, "weight"],
    c=places.loc[~noise, "cluster"],
    cmap="tab20",
)
ax.set(xlabel="longitude", ylabel="latitude", aspect=1 / 0.66)
ax.legend()
