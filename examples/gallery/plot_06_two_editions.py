"""
Compare two editions
====================

Clusters of two runs are matched by place, and each change of rank is divided among its causes.
Here the second edition has half as many patents again round three of the towns.
"""

import matplotlib.pyplot as plt
from towns import TOWNS, listings

import gclust

growing = {"Heidelberg", "Basel", "Freiburg"}
later = {
    name: (lat, lon, records * 3 // 2 if name in growing else records)
    for name, (lat, lon, records) in TOWNS.items()
}
runs = [
    gclust.run(
        gclust.Study(
            study={"name": name},
            sources=[gclust.Source(kind="patent", data=table)],
            clusters={"eps_km": 8, "min_samples": 300},
        )
    )
    for name, table in (("2024", listings()), ("2025", listings(seed=2, towns=later)))
]
comparison = gclust.compare(*runs)
columns = ["name_b", "rank_a", "rank_b", "rank_change", "rank_data"]
print(comparison.table[columns].to_string(index=False))

# %%
# The bump chart follows each cluster from one edition to the other.
figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
gclust.plot.bump(comparison, ax)
