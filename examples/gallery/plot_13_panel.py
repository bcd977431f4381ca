"""
A panel on fixed boundaries
===========================

The clusters of all years together are counted year by year: their boundaries stay, so that a
curve shows growth and never a boundary that moved.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

run = gclust.run(
    gclust.Study(
        sources=[gclust.Source(kind="patent", data=listings())],
        clusters={"eps_km": 8, "min_samples": 300},
        outputs={"panel": True},
    )
)
panel = run.panel()
print(panel.head(3)[["name", "year", "count", "share", "rank"]].to_string(index=False))

# %%
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name in run.ranking["name"].head(5):
    own = panel[panel["name"] == name].sort_values("year")
    ax.plot(own["year"], own["count"], marker="o", label=name)
ax.set(xlabel="year", ylabel="patents")
ax.legend()
