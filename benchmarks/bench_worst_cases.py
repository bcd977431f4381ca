"""asv: inputs that are hard for a density kernel."""

from __future__ import annotations

import numpy as np

from benchmarks.worst_cases import CASES

POINTS = 300_000


class WorstCases:
    """Each of ``benchmarks.worst_cases``, the reference among them."""

    params = tuple(CASES)
    param_names = ("case",)
    timeout = 600

    def setup_cache(self):
        parameters = {}
        for number, (name, make) in enumerate(CASES.items()):
            case = make(POINTS)
            np.save(f"case-{number}.npy", case.points)
            parameters[name] = (number, case.eps_km, case.min_samples)
        return parameters

    def setup(self, parameters, case):
        import gclust

        number, eps_km, min_samples = parameters[case]
        self.points = np.load(f"case-{number}.npy")
        self.model = gclust.DBSCAN(eps_km, min_samples)
        self.model.fit(self.points[:20_000])  # compiles, or loads the kernels

    def time_fit(self, *_):
        self.model.fit(self.points)

    def peakmem_fit(self, *_):
        self.model.fit(self.points)
