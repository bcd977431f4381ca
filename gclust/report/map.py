"""The printed map of a ranking: footprints, scores and names of clusters, and noise locations."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gclust.report.labels import Label
from gclust.report.layers import draw_clusters, draw_land, draw_names, noise_dots
from gclust.report.legend import draw_legend
from gclust.report.projection import Frame, choose_frame, frame_of_points, world_frame
from gclust.report.style import DPI, new_figure, save
from gclust.report.symbols import NOISE, OTHER, radii_pt, rank_classes

if TYPE_CHECKING:
    import geopandas as gpd


Region = tuple[float, float, float, float] | Literal["world"]  # west, south, east, north

NOISE_WEIGHT = 5.0
"""Least weight of noise locations that are drawn: the GII's maps, where clusters weigh at least
4,500, draw those with at least five records."""

DOT_PIXELS = 2
MAP_IN = (7.2, 5.4)
"""Largest width and height of the map: two columns of a printed page, 183 mm."""

MARGIN_IN = 0.1
LEGEND_IN = 0.56
TITLE_PT = 9.0
NOTE_PT = 6.0
LEADING = 1.35


@dataclass(frozen=True)
class DrawnMap:
    """A drawn map, with the names and the number of noise dots on it."""

    figure: Figure
    frame: Frame  # projection and region
    labels: tuple[tuple[str, Label], ...]  # names and positions, in pixels at 300 dpi
    unnamed: tuple[str, ...]  # names without a free position
    n_dots: int  # noise dots after thinning


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """Options of a map: texts, numbers of clusters and names, region and land."""

    title: str  # above the map
    note: str = ""  # below it, describes the data
    top: int = 100  # clusters of a higher rank are drawn as those without one
    names: int = 25  # number of first clusters that are named
    region: Region | None = None
    """In degrees; by default the region of all clusters and the bulk of the locations: if they lie
    within 50 degrees of their middle, in Lambert's azimuthal equal-area projection about it,
    otherwise the world in Equal Earth."""
    countries: gpd.GeoDataFrame | None = None
    """Land and borders in EPSG:4326; by default the basemap of the package."""
    noise_weight: float = NOISE_WEIGHT  # noise locations below this weight are left out


def draw_map(
    clusters: gpd.GeoDataFrame,
    locations: pd.DataFrame,
    paths: Iterable[str | os.PathLike[str]],
    options: MapOptions,
) -> DrawnMap:
    """Draw clusters and noise on a world map or a map of their region.

    ``clusters`` are in EPSG:4326, with ``rank`` (empty for those not ranked), ``name``, ``score``
    and the footprint as geometry; ``locations`` have ``lat, lon`` in degrees, ``label`` (-1 for
    noise) and ``weight``. The files at ``paths`` end in ``.png`` or ``.pdf``, else ValueError is
    raised. Equal input gives equal bytes, whatever the order of the rows.
    """
    targets = [Path(path) for path in paths]
    for target in targets:
        if target.suffix.lower() not in (".png", ".pdf"):
            raise ValueError(f"{target} must end in .png or .pdf; give the file another name")
    countries = options.countries
    if countries is None:
        from gclust.places import basemap

        countries = basemap.countries()
    shown = _in_order(clusters, options.top)
    frame = _frame(shown, locations, options.region)
    least = options.noise_weight
    with new_figure() as figure:
        page = _Page(figure, frame, options.title, options.note)
        dots = noise_dots(locations, frame, DOT_PIXELS * page.metres_per_pixel, least)
        labels = page.draw(shown, dots, countries.geometry.to_numpy(), options.names, least)
        for target in targets:
            save(figure, target, options.title)
    return DrawnMap(
        figure=figure,
        frame=frame,
        labels=tuple((text, label) for text, label in labels if label),
        unnamed=tuple(text for text, label in labels if not label),
        n_dots=len(dots[0]),
    )


def _others(ranked: NDArray[np.bool_], has_rank: NDArray[np.bool_]) -> str:
    """Return the legend's text for clusters that are not among the first ``top``, "" if none."""
    beyond, without = (~ranked & has_rank).any(), (~has_rank).any()
    if beyond and without:
        return "lower rank or none"
    return "lower rank" if beyond else "not ranked" if without else ""


def _in_order(clusters: gpd.GeoDataFrame, top: int) -> pd.DataFrame:
    """Return clusters by rank, unranked ones last, independent of the order of the rows."""
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
    return table.sort_values(["rank", "name", "lat", "lon"], ignore_index=True)


def _frame(shown: pd.DataFrame, locations: pd.DataFrame, region: Region | None) -> Frame:
    if region == "world":
        return world_frame()
    if region is not None:
        west, south, east, north = (float(v) for v in region)
        east += 360.0 if east < west else 0.0
        lon, lat = np.meshgrid(np.linspace(west, east, 41), np.linspace(south, north, 41))
        return frame_of_points(lat.ravel(), lon.ravel())
    points = shapely.point_on_surface(shown["geometry"].to_numpy())
    must = shapely.get_y(points), shapely.get_x(points)
    lat, lon, weight = (locations[name].to_numpy(float) for name in ("lat", "lon", "weight"))
    return choose_frame(lat, lon, weight, must)


class _Page:
    """A page with title, map, legend and note."""

    def __init__(self, figure: Figure, frame: Frame, title: str, note: str) -> None:
        self.figure, self.frame = figure, frame
        x_min, y_min, x_max, y_max = frame.bounds
        aspect = (x_max - x_min) / (y_max - y_min)
        self.map_in = (min(MAP_IN[0], MAP_IN[1] * aspect), min(MAP_IN[1], MAP_IN[0] / aspect))
        self.metres_per_pixel = (x_max - x_min) / (self.map_in[0] * DPI)
        width = MAP_IN[0] + 2 * MARGIN_IN
        head = self._wrapped(title, size=TITLE_PT, weight="bold")
        foot = self._wrapped(f"{note} {frame.name}.", size=NOTE_PT)
        head_in = len(head) * LEADING * TITLE_PT / 72 + 0.08
        foot_in = len(foot) * LEADING * NOTE_PT / 72
        self.legend_in = (MARGIN_IN, MARGIN_IN + foot_in, MAP_IN[0], LEGEND_IN)
        bottom = MARGIN_IN + foot_in + LEGEND_IN
        top = bottom + self.map_in[1]
        self.figure.set_size_inches(width, top + head_in + MARGIN_IN)
        self.axes = self._map_axes((width - self.map_in[0]) / 2, bottom)
        self._write(head, top + head_in, size=TITLE_PT, weight="bold")
        self._write(foot, MARGIN_IN + foot_in, size=NOTE_PT)

    def _map_axes(self, left: float, bottom: float) -> Axes:
        width, height = self.figure.get_size_inches()
        axes = self.figure.add_axes(
            (left / width, bottom / height, self.map_in[0] / width, self.map_in[1] / height)
        )
        x_min, y_min, x_max, y_max = self.frame.bounds
        axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), autoscale_on=False)
        axes.set_axis_off()
        return axes

    def _wrapped(self, text: str, **style: Any) -> list[str]:
        """Break a text into lines that fit into a width when drawn."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            probe = self.figure.text(0, 0, longer, **style)
            fits = probe.get_window_extent().width <= MAP_IN[0] * DPI
            probe.remove()
            if lines and fits:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def _write(self, lines: list[str], top_in: float, *, size: float, **style: Any) -> None:
        width, height = self.figure.get_size_inches()
        for i, line in enumerate(lines):
            baseline = top_in - (i * LEADING + 1.0) * size / 72
            self.figure.text(MARGIN_IN / width, baseline / height, line, size=size, **style)

    def draw(
        self,
        shown: pd.DataFrame,
        dots: tuple[np.ndarray, np.ndarray],
        land: np.ndarray,
        names: int,
        noise_weight: float,
    ) -> list[tuple[str, Label | None]]:
        """Draw all layers and the legend; return the names and their positions."""
        draw_land(self.axes, self.frame, land, self.metres_per_pixel)
        size = 1.3 * DOT_PIXELS * 72 / DPI
        self.axes.plot(*dots, "o", ms=size, mew=0, color=NOISE, alpha=0.5, rasterized=True)
        plane = self.frame.shapes(shown["geometry"].to_numpy())
        inside = ~shapely.is_empty(plane)
        shown, plane = shown[inside], plane[inside]
        rank, score = shown["rank"].to_numpy(), shown["score"].to_numpy()
        ranked = np.isfinite(rank)
        classes = rank_classes(int(rank[ranked].max(initial=0)))
        firsts = [c.first for c in classes]
        colours = np.full(len(rank), OTHER, dtype=object)
        for i in np.flatnonzero(ranked):
            colours[i] = classes[int(np.searchsorted(firsts, rank[i], side="right")) - 1].colour
        centres = shapely.get_coordinates(shapely.centroid(plane))
        largest = float(score.max(initial=0.0))
        radii = radii_pt(score, largest)
        draw_clusters(self.axes, plane, centres, radii, colours)
        centres_px = self.axes.transData.transform(centres).reshape(-1, 2)
        radii_px = radii * DPI / 72
        n = min(names, int(ranked.sum()))
        texts = [f"{int(r)} {name}" for r, name in zip(rank[:n], shown["name"][:n], strict=True)]
        # Clusters without a rank are hidden rather than those with a name.
        matters = (np.arange(len(rank)) < n, ranked)
        cost = np.select(matters, (1.5, 1.0), 0.25)
        symbols = np.column_stack([centres_px, radii_px, cost])
        labels = draw_names(self.axes, self.frame.outline, texts, symbols)
        draw_legend(
            self.figure,
            self.legend_in,
            self.frame,
            self.map_in[0],
            [c for c in classes if c.colour in colours],
            largest_score=largest,
            others=_others(ranked, shown["has_rank"].to_numpy()),
            noise_weight=noise_weight if len(dots[0]) else None,
        )
        return list(zip(texts, labels, strict=True))
