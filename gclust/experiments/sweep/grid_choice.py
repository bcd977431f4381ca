"""Choice of a sweep's pairs of parameters: given values, and values that the data suggest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from gclust.experiments.grid import Pair, Pairs, choose_pairs
from gclust.experiments.sweep.automatic_grid import automatic_grid
from gclust.experiments.sweep.plateaus import named
from gclust.pipeline.form import check_found, label_locations
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent, stage
from gclust.study.schema import Study

AUTO = "auto"


def _given(values: Iterable[float] | str | None) -> Any:
    """Return values that are given, None for those that the data shall say."""
    return None if isinstance(values, str) and values == AUTO else values


@dataclass(frozen=True)
class GridChoice:
    """What a user has said of the grid; None for what the data shall say.

    Attributes
    ----------
    study : Study
    eps_km, min_samples : tuple of float, optional
    baseline : (eps_km, min_samples), optional
    """

    study: Study
    eps_km: tuple[float, ...] | None
    min_samples: tuple[float, ...] | None
    baseline: Pair | None

    @classmethod
    def of(
        cls,
        study: Study,
        eps_km: Iterable[float] | str | None,
        min_samples: Iterable[float] | str | None,
        baseline: Sequence[float] | None,
    ) -> GridChoice:
        """Check what is given, before listings are read; StudyError as `choose_pairs` raises it.

        Values that are `AUTO` come from the data, whatever the section ``[sweep]`` says.
        """
        radii = _given(study.sweep.eps_km if eps_km is None else eps_km)
        least = _given(study.sweep.min_samples if min_samples is None else min_samples)
        own: Any = study.dbscan.eps_km, study.dbscan.min_samples
        if isinstance(baseline, Sequence) and len(baseline) == 2:
            own = tuple(baseline)
        checked = choose_pairs(
            study,
            own[:1] if radii is None else radii,
            own[1:] if least is None else least,
            baseline,
        )
        return cls(
            study,
            None if radii is None else checked.eps_km,
            None if least is None else checked.min_samples,
            None if baseline is None else checked.baseline,
        )

    def pairs(self, locations: pd.DataFrame, run_log: RunLog) -> Pairs:
        """Return the pairs; missing values are chosen for the locations of `Prepared`."""
        options = self.study.dbscan
        own = options.eps_km, options.min_samples
        if self.eps_km is not None and self.min_samples is not None:
            return choose_pairs(self.study, self.eps_km, self.min_samples, self.baseline)
        with stage(run_log.report, "choose parameters"):
            weighing = locations[locations["density"] > 0]
            lat, lon, units = (weighing[name].to_numpy() for name in ("lat", "lon", "density"))
            grid = automatic_grid(lat, lon, units, metric=options.metric, eps_km=self.eps_km)
            wanted = own if self.baseline is None else self.baseline
            eps = {*grid.eps_km, wanted[0]} if self.eps_km is None else self.eps_km
            least = {*grid.min_samples, wanted[1]} if self.min_samples is None else self.min_samples
            pairs = choose_pairs(self.study, eps, least, wanted)
            if self.baseline is None and not self._finds(own, locations):
                pairs = replace(pairs, baseline=self._found(pairs, locations))
                run_log.warn(
                    f"the study's own parameters, {named(*own)}, find no cluster; all pairs are"
                    f" compared with {named(*pairs.baseline)}"
                )
        return pairs

    def _finds(self, pair: Pair, locations: pd.DataFrame) -> bool:
        options = replace(self.study.dbscan, eps_km=pair[0], min_samples=pair[1])
        labels, _ = label_locations(options, locations, n_jobs=None, report=silent)
        return bool(labels.max(initial=-1) >= 0)

    def _found(self, pairs: Pairs, locations: pd.DataFrame) -> Pair:
        """Return the pair nearest to the middle of the grid that finds a cluster."""
        axes = [np.log(values) for values in (pairs.eps_km, pairs.min_samples)]
        middle = [(values[0] + values[-1]) / 2 for values in axes]
        off = [
            (values - half) ** 2 / max(values[-1] - values[0], 1e-9) ** 2
            for values, half in zip(axes, middle, strict=True)
        ]
        every = sorted(
            product(range(len(off[0])), range(len(off[1]))),
            key=lambda at: (round(float(off[0][at[0]] + off[1][at[1]]), 9), at),
        )
        for row, column in every:
            pair = pairs.eps_km[row], pairs.min_samples[column]
            if self._finds(pair, locations):
                return pair
        # If any pair does, it is this one: the least threshold with the largest radius.
        last = pairs.eps_km[-1], pairs.min_samples[0]
        options = replace(self.study.dbscan, eps_km=last[0], min_samples=last[1])
        labels, _ = label_locations(options, locations, n_jobs=None, report=silent)
        check_found(options, locations, labels)
        return last
