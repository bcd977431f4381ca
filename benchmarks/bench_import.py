"""asv: what a process pays before its first result."""

from __future__ import annotations


class Import:
    """In a new interpreter each; kernels come from Numba's cache."""

    timeout = 120

    def timeraw_import_gclust(self):
        return "import gclust"

    def timeraw_first_fit(self):
        return """
        import gclust
        gclust.DBSCAN(eps_km=5, min_samples=2).fit([[46.20, 6.14], [46.21, 6.15]])
        """

    def peakmem_import_gclust(self):
        import gclust  # noqa: F401

    def peakmem_first_fit(self):
        import gclust

        gclust.DBSCAN(eps_km=5, min_samples=2).fit([[46.20, 6.14], [46.21, 6.15]])
