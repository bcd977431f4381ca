"""
Merge clusters that work together
=================================

Mannheim and Heidelberg are two clusters for DBSCAN with a small radius. They lie near each other,
and share more records with each other than with a third: the rule of ``[merge]`` makes one
cluster of them, if the gap that it allows is wide enough.
"""

import matplotlib.pyplot as plt
from towns import TOWNS, listings

import gclust

sizes = {"Mannheim": 900, "Heidelberg": 400, "Karlsruhe": 400}
table = listings(towns={name: (*TOWNS[name][:2], size) for name, size in sizes.items()})
runs = {
    gap: gclust.run(
        gclust.Study(
            sources=[gclust.Source(kind="patent", data=table)],
            clusters={"eps_km": 2.5, "min_samples": 100},
            merge={"max_gap_km": gap, "noise_partner": False},
        )
    )
    for gap in (0, 10)
}
print(runs[10].merges[["name_a", "name_b", "gap_km", "ties"]].to_string(index=False))

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), sharey=True, layout="constrained")
for ax, (gap, run) in zip(axes, runs.items(), strict=True):
    run.clusters.plot(ax=ax, column="cluster_id", cmap="tab20", edgecolor="0.3")
    for name, point in zip(run.clusters["name"], run.clusters.representative_point(), strict=True):
        ax.annotate(name, (point.x, point.y), (8, 4), textcoords="offset points", fontsize=8)
    ax.set(title=f"max_gap_km = {gap}", xlabel="longitude", ylabel="")
    ax.set(xlim=(8.1, 9.3), ylim=(48.85, 49.7))
axes[0].set_ylabel("latitude")
