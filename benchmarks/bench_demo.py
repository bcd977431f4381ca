"""asv: the demonstration, from simulated listings to a ranking, stage by stage."""

from __future__ import annotations

SCALE = 0.01
STAGES = [
    "read listings",
    "fold listings",
    "cluster locations",
    "label listings",
    "merge clusters",
    "count records",
    "outline clusters",
    "name clusters",
    "count inhabitants",
]


class Demo:
    """The simulated world of the GII 2025, run as a whole."""

    timeout = 600

    def setup_cache(self):
        from gclust.datasets import simulate

        return str(simulate("world", scale=SCALE).study)

    def setup(self, study):
        import gclust

        gclust.run(study)  # compiles, or loads the kernels

    def time_run(self, study):
        import gclust

        gclust.run(study)

    def peakmem_run(self, study):
        import gclust

        gclust.run(study)


class Stages:
    """Seconds of each stage of one run, the second of its process."""

    params = STAGES
    param_names = ("stage",)
    timeout = 600
    unit = "s"

    def setup_cache(self):
        import gclust
        from gclust.datasets import simulate

        study = simulate("world", scale=SCALE).study
        gclust.run(study)
        return gclust.run(study).info["execution"]["seconds"]

    def track_seconds(self, seconds, stage):
        return seconds[stage]
