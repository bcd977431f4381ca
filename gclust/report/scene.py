"""What a map of a ranking shows, drawn on any axes: land, noise, clusters and their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gclust.parallel import end_if_left
from gclust.report.labels import NOTHING, Label
from gclust.report.layers import (
    FOOTPRINT_PIXELS,
    coarser,
    draw_clusters,
    draw_land,
    draw_names,
    noise_dots,
)
from gclust.report.projection import Frame
from gclust.report.style import DPI
from gclust.report.symbols import NOISE, OTHER, RankClass, radii_pt, rank_classes
from gclust.report.territories import CELL_PX, Territories

if TYPE_CHECKING:
    import geopandas as gpd

Floats = NDArray[np.float64]
DOT_PIXELS = 2
"""Side of a cell of the map, in pixels at 300 dpi, in which at most one noise dot is drawn."""


@dataclass(frozen=True)
class Scene:
    """Clusters by rank, locations, land and lakes, with what depends on all clusters together."""

    shown: pd.DataFrame  # rank (inf beyond the first), has_rank, name, score, lat, lon, geometry
    locations: pd.DataFrame  # lat, lon, label, weight
    land: NDArray[np.object_]
    lakes: NDArray[np.object_]
    noise_weight: float  # noise locations below this weight are left out

    @cached_property
    def ranked(self) -> NDArray[np.bool_]:
        """Whether each cluster is among the first."""
        return np.isfinite(self.shown["rank"].to_numpy())

    @cached_property
    def classes(self) -> list[RankClass]:
        """The classes of ranks."""
        rank = self.shown["rank"].to_numpy()
        return rank_classes(int(rank[self.ranked].max(initial=0)))

    @cached_property
    def colours(self) -> NDArray[np.object_]:
        """The colour of each cluster."""
        rank, firsts = self.shown["rank"].to_numpy(), [c.first for c in self.classes]
        colours = np.full(len(rank), OTHER, dtype=object)
        for i in np.flatnonzero(self.ranked):
            colours[i] = self.classes[
                int(np.searchsorted(firsts, rank[i], side="right")) - 1
            ].colour
        return colours

    @property
    def largest_score(self) -> float:
        """The largest score, whose circle is the largest."""
        return float(self.shown["score"].to_numpy().max(initial=0.0))

    @cached_property
    def radii_pt(self) -> Floats:
        """The radius of each circle in points."""
        return radii_pt(self.shown["score"].to_numpy(), self.largest_score)

    def text(self, row: int) -> str:
        """Return rank and name of a cluster."""
        return f"{int(self.shown['rank'].iloc[row])} {self.shown['name'].iloc[row]}"

    @property
    def others(self) -> str:
        """The legend's text for clusters that are not among the first, "" if there are none."""
        has_rank = self.shown["has_rank"].to_numpy(bool)
        beyond, without = (~self.ranked & has_rank).any(), (~has_rank).any()
        if beyond and without:
            return "lower rank or none"
        return "lower rank" if beyond else "not ranked" if without else ""


def scene_of(clusters: gpd.GeoDataFrame, top: int, **parts: Any) -> Scene:
    """Return the scene of clusters in any order, unranked ones last; see `Scene` for the parts."""
    geometry = clusters.geometry.to_numpy()
    centre = shapely.centroid(geometry)
    rank = pd.to_numeric(clusters["rank"]).astype("Float64").to_numpy(float, na_value=np.inf)
    table = pd.DataFrame(
        {
            "rank": np.where(rank <= top, rank, np.inf),
            "has_rank": np.isfinite(rank),
            # Line breaks in a name would break the layout.
            "name": [" ".join(str(name).split()) for name in clusters["name"]],
            "score": pd.to_numeric(clusters["score"]).to_numpy(float, na_value=0.0),
            "lat": shapely.get_y(centre),
            "lon": shapely.get_x(centre),
            "geometry": np.array(geometry, dtype=object),
        }
    )
    table = table[~shapely.is_empty(table["geometry"].to_numpy())]
    return Scene(table.sort_values(["rank", "name", "lat", "lon"], ignore_index=True), **parts)


class SceneOnAxes:
    """A scene drawn on axes whose position is final: lengths in points and pixels hold for it.

    ``rows`` are the clusters of the scene within the frame, ``centres`` theirs in metres of the
    plane; ``dots`` are x and y of the noise dots. ``fine`` are the footprints in degrees, without
    details that are too small to be seen, in the scale of the map for its inset too.
    """

    def __init__(
        self,
        axes: Axes,
        frame: Frame,
        scene: Scene,
        fine: NDArray[np.object_] | None = None,
    ) -> None:
        self.axes, self.frame, self.scene = axes, frame, scene
        x_min, y_min, x_max, y_max = frame.bounds
        axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), autoscale_on=False)
        axes.set_axis_off()
        self.width_in = axes.get_window_extent().width / axes.figure.dpi
        metres = (x_max - x_min) / (self.width_in * DPI)  # of a pixel
        end_if_left()
        plane = draw_land(axes, frame, scene.land, scene.lakes, metres)
        self.territories = Territories(plane, frame.bounds, CELL_PX * metres)
        end_if_left()
        self.dots = noise_dots(scene.locations, frame, DOT_PIXELS * metres, scene.noise_weight)
        size = 1.3 * DOT_PIXELS * 72 / DPI
        axes.plot(*self.dots, "o", ms=size, mew=0, color=NOISE, alpha=0.5, rasterized=True)
        end_if_left()
        if fine is None:
            fine = coarser(scene.shown["geometry"].to_numpy(), FOOTPRINT_PIXELS * metres)
        self.fine = fine
        footprints = frame.shapes(fine)
        self.rows = np.flatnonzero(~shapely.is_empty(footprints))
        footprints = footprints[self.rows]
        self.centres = shapely.get_coordinates(shapely.centroid(footprints))
        # A name stands clear of a footprint that is larger than its circle.
        self.reach_in = np.sqrt(shapely.area(footprints) / np.pi) / metres / DPI
        radii, colours = scene.radii_pt[self.rows], scene.colours[self.rows]
        draw_clusters(axes, footprints, self.centres, radii, colours)

    def named_rows(self, names: int) -> list[int]:
        """Return the first ``names`` clusters with a rank within the frame."""
        ranked = self.rows[self.scene.ranked[self.rows]]
        return [int(row) for row in ranked[:names]]

    def draw_names(
        self, named: Sequence[int], taken_px: Floats = NOTHING
    ) -> list[tuple[str, Label | None]]:
        """Write the names of some clusters, the first ones first; return their positions."""
        end_if_left()
        first = np.isin(self.rows, np.array(named, dtype=np.int64))
        order = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)])
        rows = self.rows[order]
        centres_px = self.axes.transData.transform(self.centres[order]).reshape(-1, 2)
        # Clusters without a rank are hidden rather than those with a name.
        cost = np.select((first[order], self.scene.ranked[rows]), (1.5, 1.0), 0.25)
        reach_in = np.maximum(self.scene.radii_pt[rows] / 72, self.reach_in[order])
        radii_px = reach_in * self.axes.figure.dpi
        texts = [self.scene.text(row) for row in rows[: int(first.sum())].tolist()]
        labels = draw_names(
            self.axes,
            self.frame.outline,
            texts,
            np.column_stack([centres_px, radii_px, cost]),
            taken_px=taken_px,
            territories=self.territories,
        )
        return list(zip(texts, labels, strict=True))
