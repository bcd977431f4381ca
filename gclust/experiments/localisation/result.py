"""Result of localisation: K-densities by kind or field, and the index over given areas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gclust.escapes import visible
from gclust.experiments.localisation.k_density import KDensity
from gclust.study.schema import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = 8


@dataclass(frozen=True, repr=False)
class Localisation:
    """Localisation of a study's kinds or fields.

    Attributes
    ----------
    study : Study
    k_density : KDensity
    ellison_glaeser : DataFrame, optional
        Of `gclust.ellison_glaeser`: ``ellison_glaeser.csv`` of ``gclust localise``; None without
        ``[places] given``.
    units : str
        What has a site: organisations or locations.
    warnings : tuple of str
    path : Path, optional
        The result folder, if it was written.

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> options = {"by": "kind", "units": "locations", "draws": 19}
    >>> found = gclust.localisation(replace(study, localisation=options))
    >>> found.k_density.table["sites"].tolist()
    [897, 1321]
    """

    study: Study
    k_density: KDensity
    ellison_glaeser: pd.DataFrame | None = None
    units: str = ""
    warnings: tuple[str, ...] = ()
    path: Path | None = None

    def plot(self, of: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the K-density of one kind or field; options are those of `gclust.plot.k_density`."""
        return self.k_density.plot(of, ax, **options)

    def __repr__(self) -> str:
        lines = [f"Localisation: {visible(self.study.heading)}", *repr(self.k_density).split("\n")]
        if self.ellison_glaeser is not None:
            shown = self.ellison_glaeser[[self.k_density.by, "plants", "gamma", "p_value"]]
            text = shown.head(HEAD).round(4).to_string(index=False).split("\n")
            lines += ["Ellison and Glaeser", *(f"  {visible(line)}" for line in text)]
        lines += [] if self.path is None else [f"Folder: {self.path}"]
        return "\n  ".join(lines)
