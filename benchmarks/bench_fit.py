"""asv: fits and predictions, each with its time and its peak memory."""

from __future__ import annotations

import numpy as np

SIZES = [100_000, 1_000_000]


class _Listings:
    """The input is made once and read from a file, so that peaks are those of the call."""

    params = SIZES
    param_names = ("listings",)
    timeout = 600

    def setup_cache(self):
        from benchmarks.listings import write_listings

        for n in SIZES:
            write_listings(f"listings-{n}.npy", n)

    def setup(self, n):
        import gclust
        from benchmarks.listings import EPS_KM, min_samples

        self.points = np.load(f"listings-{n}.npy")
        self.model = gclust.DBSCAN(EPS_KM, min_samples(n))
        self.model.fit(self.points[:20_000])  # compiles, or loads the kernels


class Fit(_Listings):
    """From degrees to labels."""

    def time_fit(self, *_):
        self.model.fit(self.points)

    def peakmem_fit(self, *_):
        self.model.fit(self.points)


class FitOneThread(Fit):
    """What a second thread is held against."""

    def setup(self, n):
        super().setup(n)
        self.model.set_params(n_jobs=1)


class FitWGS84(Fit):
    """On the ellipsoid."""

    def setup(self, n):
        super().setup(n)
        self.model.set_params(metric="wgs84")
        self.model.fit(self.points[:20_000])


class FitFirst(Fit):
    """Border points as scikit-learn assigns them."""

    def setup(self, n):
        super().setup(n)
        self.model.set_params(border="first")
        self.model.fit(self.points[:20_000])


class Predict(_Listings):
    """Labels for the points that were fitted."""

    def setup(self, n):
        super().setup(n)
        self.model.fit(self.points)

    def time_predict(self, *_):
        self.model.predict(self.points)

    def peakmem_predict(self, *_):
        self.model.predict(self.points)
