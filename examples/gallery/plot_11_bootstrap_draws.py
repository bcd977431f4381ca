"""
What the draws look like
========================

Each draw of the bootstrap gives every cluster a score. Where the clouds of two clusters overlap,
their order is by chance in part of the draws.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

study = gclust.Study(
    sources=[gclust.Source(kind="patent", data=listings())],
    clusters={"eps_km": 8, "min_samples": 300},
    uncertainty={"draws": 500, "seed": 7},
)
found = gclust.uncertainty(study)

# %%
# ``scores`` has a row for each draw, a column for each cluster.
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.violinplot(found.scores[:, ::-1], orientation="horizontal", showmedians=True)
ax.set_yticks(range(1, len(found.table) + 1), found.table["name"][::-1])
ax.set(xlabel="score: per cent of all patents")

# %%
# How often is the one ahead of the other?
pairs = found.pairs[["name_a", "name_b", "a_above_b"]]
print(pairs.head().to_string(index=False))
