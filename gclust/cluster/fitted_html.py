"""What a fitted estimator found, in notebooks: below scikit-learn's own box of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.html import block, points_map
from gclust.plurals import counted

MappedPoints = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


class FittedHTML:
    """Mixin of estimators of clusters: numbers and a small map in HTML, once it is fitted.

    A subclass has ``_mapped_points``, which returns latitude and longitude in degrees and the
    label of points to draw.
    """

    labels_: NDArray[np.int64]

    def _mapped_points(self) -> MappedPoints:
        raise NotImplementedError

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._fitted_html()  # type: ignore[misc]

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle

    def _fitted_html(self) -> str:
        if not hasattr(self, "labels_"):
            return ""
        labels = self.labels_
        found, noise = int(labels.max(initial=-1)) + 1, int((labels < 0).sum())
        note = (
            f"{counted(found, 'cluster')} of {counted(len(labels), 'row')}, {noise:,} of them noise"
        )
        return block("Fitted", [note], points_map(*self._mapped_points()))
