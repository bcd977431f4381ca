"""Draw the figure of docs/guides/methods.md: three clustering methods on the same patents.

    python docs/figures/make_methods.py

Needs the data of ``gclust demo us`` (see ``gclust fetch``).
"""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
from make_parameters import CORRIDOR, count, draw_labels, draw_land, us_patents
from matplotlib.pyplot import subplots
from small_png import write

import gclust
from gclust.ranking.agreement import adjusted_rand_index
from gclust.ranking.matching import overlap

MODELS = {
    "DBSCAN\neps 13 km, min_samples 1,500": gclust.DBSCAN(eps_km=13, min_samples=1500),
    "HDBSCAN\nmin_cluster_size 1,500, joined within 13 km": gclust.HDBSCAN(
        min_cluster_size=1500, cluster_selection_epsilon_km=13
    ),
    "Contours\nbandwidth 6.5 km, threshold 1,500": gclust.DensityContour(
        bandwidth_km=6.5, threshold=1500
    ),
}


def main() -> None:
    """Draw the figure, and print how well the methods agree."""
    mpl.rcParams.update({"font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left"})
    points = us_patents()
    figure, axes = subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
    labels = {}
    for ax, (title, model) in zip(axes, MODELS.items(), strict=True):
        found = model.fit_predict(points.degrees, sample_weight=points.weight)
        labels[title.split("\n")[0]] = found
        draw_land(ax, CORRIDOR)
        draw_labels(ax, points, found)
        inside = points.weight[found >= 0].sum() / points.weight.sum()
        ax.set_title(f"{title}\n{count(found, ' in the US')}, {inside:.0%} of patents")
    for a, b in combinations(labels, 2):
        shared = overlap(labels[a], labels[b], points.weight.round().astype("int64"))
        agreement = adjusted_rand_index(shared)
        print(f"{a}, {b}: adjusted Rand index {agreement:.3f}")
    write(figure, "methods")


if __name__ == "__main__":
    main()
