"""
From tried parameters to a study
================================

``gclust tune`` does this with sliders. :py:obj:`gclust.parameter_surface` has the clusters of
every pair of parameters at once; what was chosen becomes a study, which a run writes out with
every default.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from towns import listings

import gclust

table = listings()
surface = gclust.parameter_surface(
    table[["lat", "lon"]], eps_km=[3, 4, 5, 6, 8, 10, 12], min_samples=[100, 200, 300, 500]
)
counts = surface.table.pivot(index="min_samples", columns="eps_km", values="n_clusters")

# %%
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for least, row in counts.iterrows():
    ax.plot(row.index, row, marker="o", label=f"min_samples = {least:g}")
ax.set(xlabel="eps_km", ylabel="clusters")
ax.legend()

# %%
# Between 6 and 8 km the number of clusters hardly changes with 300: the study takes that pair.
folder = Path(tempfile.mkdtemp())
table.to_csv(folder / "listings.csv", index=False)
study = gclust.Study(
    study={"name": "twelve-towns"},
    sources=[gclust.Source(kind="patent", path="listings.csv")],
    clusters={"eps_km": 8, "min_samples": 300},
    folder=folder,
)
run = gclust.run(study, folder / "run")
print("\n".join((folder / "run" / "study.toml").read_text("utf-8").splitlines()[:40]))
