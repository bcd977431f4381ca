"""
How sure is a rank?
===================

Records are resampled a thousand times. The rank sets hold the true ranks of all clusters at once
with a probability of 90 per cent: where two sets overlap, do not say that one cluster is ahead.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

study = gclust.Study(
    sources=[gclust.Source(kind="patent", data=listings())],
    clusters={"eps_km": 8, "min_samples": 300},
)
found = gclust.uncertainty(study)
print(found.table[["name", "rank", "rank_set_low", "rank_set_high"]].to_string(index=False))

# %%
figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
gclust.plot.rank_sets(found, ax)
