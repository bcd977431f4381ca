"""
The k-distance
==============

The distance within which a listing finds ``min_samples`` others, for every listing in order.
Where the curve bends, listings of clusters end and noise begins: an ``eps_km`` near the bend
takes the first and leaves the second.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

study = gclust.Study(
    sources=[gclust.Source(kind="patent", data=listings())],
    clusters={"eps_km": 8, "min_samples": 300},
)
sweep = gclust.sweep(study, eps_km=[6, 8, 10], min_samples=[150, 300, 600])
figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
gclust.plot.k_distance(sweep, ax)
