"""
Records per inhabitant
======================

A ranking by intensity depends on footprint and raster. The section ``[intensity]`` of a study
ranks the clusters under each. Here all agree on the order, and still the number of one town
differs by a tenth and more. :py:obj:`gclust.plot.intensity` draws the ranks of many clusters.
"""

from dataclasses import replace

import matplotlib.pyplot as plt

import gclust

study = gclust.read_study(gclust.datasets.example_study())
run = gclust.run(replace(study, intensity={"usual": True}))
columns = ["name", "score", "population", "intensity", "intensity_rank"]
print(run.ranking[columns].to_string(index=False))

# %%
# The study's own footprints are the first; the others are the usual ones.
detail = run.intensity.detail.pivot(index="combination", columns="name", values="intensity")
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
detail.plot.barh(ax=ax)
ax.set(xlabel="score per million inhabitants", ylabel="")
