"""asv: a minute's worth of each, which CI runs on a commit and on the one before it."""

from __future__ import annotations


class _Few:
    """Few and short samples, in two rounds, between which the commits take turns."""

    rounds = 2
    repeat = (3, 10, 1.0)
    number = 1
    warmup_time = 0.0
    min_run_count = 3
    timeout = 120


class Fit(_Few):
    """From degrees to labels: of the world, and of one city, where most counts are close."""

    params = ("world", "city")
    param_names = ("points",)

    def setup(self, points):
        import gclust
        from benchmarks import listings, worst_cases

        if points == "world":
            n = 200_000
            self.points = listings.listings(n)
            self.model = gclust.DBSCAN(listings.EPS_KM, listings.min_samples(n))
        else:
            case = worst_cases.CASES["city, min_samples the median count"](200_000)
            self.points = case.points
            self.model = gclust.DBSCAN(case.eps_km, case.min_samples)
        self.model.fit(self.points[:20_000])  # compiles, or loads the kernels

    def time_fit(self, *_):
        self.model.fit(self.points)


class Example(_Few):
    """The example study: every stage of a run, on few listings."""

    def setup(self):
        import gclust

        self.study = gclust.datasets.example_study()
        gclust.run(self.study)

    def time_run(self):
        import gclust

        gclust.run(self.study)


class Import(_Few):
    """What a process pays before its first result."""

    def timeraw_import(self):
        return "import gclust"
