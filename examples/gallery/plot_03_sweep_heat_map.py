"""
A sweep as a heat map
=====================

A result that holds for one pair of ``eps_km`` and ``min_samples`` alone is a result of that pair.
The sweep runs the study for many; the heat map shows where the number of clusters hardly changes.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

study = gclust.Study(
    sources=[gclust.Source(kind="patent", data=listings())],
    clusters={"eps_km": 8, "min_samples": 300},
)
sweep = gclust.sweep(
    study, eps_km=[4, 5, 6.5, 8, 10, 13], min_samples=[100, 150, 200, 300, 450, 700]
)
for suggestion in sweep.suggestions:
    print(suggestion)

# %%
figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
gclust.plot.heat_map(sweep, "n_clusters", ax)

# %%
# The adjusted Rand index says how much of the clusters stays the same as in the study's own pair.
figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
gclust.plot.heat_map(sweep, "ari", ax)
