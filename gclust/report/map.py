"""The printed map of a ranking: footprints, scores and names of clusters, and noise locations."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gclust.parallel import end_if_left
from gclust.report.inset import InsetOnMap, draw_inset, inset_frame
from gclust.report.labels import NOTHING, Label
from gclust.report.legend import LegendContent, draw_legend
from gclust.report.map_inputs import NOISE_WEIGHT
from gclust.report.projection import Frame, Region, choose_frame, region_frame
from gclust.report.scene import Scene, SceneOnAxes, scene_of
from gclust.report.style import DOUBLE, image, new_figure, save

if TYPE_CHECKING:
    import geopandas as gpd

TALLEST_IN = 5.4
TALLEST = 1.1
"""Largest height of the map in inches, and as a share of its width."""

MARGIN_IN = 0.1
TITLE_PT = 9.0
NOTE_PT = 6.0
LEADING = 1.35


@dataclass(frozen=True)
class DrawnMap:
    """A drawn map, with the names and the number of noise dots on it."""

    figure: Figure
    axes: Axes
    frame: Frame  # projection and region
    labels: tuple[tuple[str, Label], ...]  # names and positions, in pixels, not those of the inset
    unnamed: tuple[str, ...]  # names without a free position
    n_dots: int  # noise dots after thinning
    inset: InsetOnMap | None


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """Options of a map: texts, numbers of clusters and names, region and land."""

    title: str  # above the map
    note: str = ""  # below it, describes the data
    top: int = 100  # clusters of a higher rank are drawn as those without one
    names: int = 25  # number of first clusters that are named
    region: Region | None = None
    """In degrees, or a name; by default the region of all clusters and the bulk of the locations:
    if they lie within 50 degrees of their middle, in Lambert's azimuthal equal-area projection
    about it, otherwise the world in Equal Earth."""
    inset: Region | None = "europe"
    """Region of an inset of a world map, drawn if enough clusters with a rank lie in it."""
    countries: gpd.GeoDataFrame | None = None
    """Land and borders in EPSG:4326; by default the basemap of the package, with lakes."""
    noise_weight: float = NOISE_WEIGHT  # noise locations below this weight are left out
    width_in: float = DOUBLE  # of the page


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
    with new_figure() as figure:
        drawn = draw_page(figure, clusters, locations, options)
        for target in targets:
            save(figure, target, options.title)
    return drawn


def map_images(
    clusters: gpd.GeoDataFrame, locations: pd.DataFrame, options: MapOptions
) -> dict[str, bytes]:
    """Return the bytes of the files that `draw_map` writes, by their endings."""
    with new_figure() as figure:
        draw_page(figure, clusters, locations, options)
        return {ending: image(figure, f".{ending}", options.title) for ending in ("png", "pdf")}


def draw_page(
    figure: Figure, clusters: gpd.GeoDataFrame, locations: pd.DataFrame, options: MapOptions
) -> DrawnMap:
    """Draw a map with title, legend and note on an empty figure, which gets the map's size."""
    end_if_left()
    scene = _scene(clusters, locations, options)
    frame = _frame(scene, options.region)
    end_if_left()
    page = _Page(figure, frame, scene, options)
    return _draw(page.axes, frame, scene, options, page.draw_legend)


def draw_on(
    axes: Axes,
    clusters: gpd.GeoDataFrame,
    locations: pd.DataFrame,
    options: MapOptions,
    *,
    legend: bool = False,
) -> DrawnMap:
    """Draw a map on axes of the user's figure, with a legend below them or without.

    The axes must have their final size: names are placed for it.
    """
    scene = _scene(clusters, locations, options)
    frame = _frame(scene, options.region)
    figure: Any = axes.figure
    x_min, y_min, x_max, y_max = frame.bounds
    axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal")
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    axes.apply_aspect()

    def legend_below(drawn: SceneOnAxes) -> None:
        if legend:
            _legend_below(axes, drawn)

    return _draw(axes, frame, scene, options, legend_below)


def _scene(clusters: gpd.GeoDataFrame, locations: pd.DataFrame, options: MapOptions) -> Scene:
    lakes = np.empty(0, dtype=object)
    countries = options.countries
    if countries is None:
        from gclust.places import basemap

        countries, lakes = basemap.countries(), basemap.lakes().to_numpy()
    return scene_of(
        clusters,
        options.top,
        locations=locations,
        land=countries.geometry.to_numpy(),
        lakes=lakes,
        noise_weight=options.noise_weight,
    )


def _draw(axes: Axes, frame: Frame, scene: Scene, options: MapOptions, legend: Any) -> DrawnMap:
    """Draw all layers, the inset, names, and the legend."""
    drawn = SceneOnAxes(axes, frame, scene)
    named = drawn.named_rows(options.names)
    inset, taken = None, NOTHING
    if frame.is_world and options.inset is not None:
        region = inset_frame(scene, options.inset)
        if region is not None:
            inset = draw_inset(drawn, region, options.names)
            taken = inset.box_px
            named = [row for row in named if not inset.holds[row]]
    labels = drawn.draw_names(named, taken)
    legend(drawn)
    return DrawnMap(
        figure=axes.figure,  # type: ignore[arg-type]
        axes=axes,
        frame=frame,
        labels=tuple((text, label) for text, label in labels if label),
        unnamed=tuple(text for text, label in labels if not label),
        n_dots=len(drawn.dots[0]),
        inset=inset,
    )


def _frame(scene: Scene, region: Region | None) -> Frame:
    if region is not None:
        return region_frame(region)
    points = shapely.point_on_surface(scene.shown["geometry"].to_numpy())
    must = shapely.get_y(points), shapely.get_x(points)
    lat, lon, weight = (scene.locations[name].to_numpy(float) for name in ("lat", "lon", "weight"))
    return choose_frame(lat, lon, weight, must)


def _legend_content(scene: Scene, frame: Frame, width_in: float, dots: bool) -> LegendContent:
    return LegendContent(
        frame=frame,
        classes=[c for c in scene.classes if c.colour in scene.colours],
        largest_score=scene.largest_score,
        others=scene.others,
        noise_weight=scene.noise_weight if dots else None,
        points_per_metre=72 * width_in / (frame.bounds[2] - frame.bounds[0]),
    )


def _legend_below(axes: Axes, drawn: SceneOnAxes) -> None:
    """Draw the legend below axes, as wide as they are."""
    box = axes.get_window_extent()
    content = _legend_content(drawn.scene, drawn.frame, drawn.width_in, len(drawn.dots[0]) > 0)
    strip = axes.inset_axes((0.0, -1.0, 1.0, 1.0))
    height = draw_legend(strip, content, 72 * drawn.width_in) / 72 * axes.figure.dpi / box.height
    strip.set_axes_locator(_Below(axes, height))  # type: ignore[arg-type]


class _Below:
    """Locator of axes that lie below others."""

    def __init__(self, axes: Axes, height: float) -> None:
        self.axes, self.height = axes, height

    def __call__(self, axes: Axes, renderer: Any) -> Any:  # noqa: ARG002
        from matplotlib.transforms import Bbox, TransformedBbox

        below = Bbox.from_bounds(0.0, -self.height, 1.0, self.height)
        to_figure = self.axes.transAxes + self.axes.figure.transSubfigure.inverted()
        return TransformedBbox(below, to_figure)


class _Page:
    """A page with title, map, legend and note."""

    def __init__(self, figure: Figure, frame: Frame, scene: Scene, options: MapOptions) -> None:
        self.figure, self.width = figure, options.width_in
        x_min, y_min, x_max, y_max = frame.bounds
        aspect = (x_max - x_min) / (y_max - y_min)
        self.text_in = self.width - 2 * MARGIN_IN
        tallest = min(TALLEST * self.text_in, TALLEST_IN)
        self.map_in = (min(self.text_in, tallest * aspect), min(tallest, self.text_in / aspect))
        # Lengths of texts do not depend on the size of the figure, which comes last.
        head = self._wrapped(options.title, size=TITLE_PT, weight="bold")
        foot = self._wrapped(f"{options.note} {frame.name}.", size=NOTE_PT)
        self.legend = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        # Whether there is any noise is known when it is drawn; its text takes a place anyway.
        content = _legend_content(scene, frame, self.map_in[0], _has_noise(scene))
        legend_in = draw_legend(self.legend, content, 72 * self.text_in) / 72
        head_in = len(head) * LEADING * TITLE_PT / 72 + 0.08 if head else 0.0
        foot_in = len(foot) * LEADING * NOTE_PT / 72
        bottom = MARGIN_IN + foot_in + legend_in
        top = bottom + self.map_in[1]
        figure.set_size_inches(self.width, top + head_in + MARGIN_IN)
        self._place(self.legend, (MARGIN_IN, MARGIN_IN + foot_in, self.text_in, legend_in))
        self.axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), label="map")
        self._place(self.axes, ((self.width - self.map_in[0]) / 2, bottom, *self.map_in))
        self._write(head, top + head_in, size=TITLE_PT, weight="bold")
        self._write(foot, MARGIN_IN + foot_in, size=NOTE_PT)

    def draw_legend(self, drawn: SceneOnAxes) -> None:
        """Do nothing: the legend was drawn first, for its height."""

    def _place(self, axes: Axes, box_in: tuple[float, float, float, float]) -> None:
        width, height = self.figure.get_size_inches()
        left, bottom, across, up = box_in
        axes.set_position((left / width, bottom / height, across / width, up / height))

    def _wrapped(self, text: str, **style: Any) -> list[str]:
        """Break a text into lines that fit into the page when drawn."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            probe = self.figure.text(0, 0, longer, **style)
            fits = probe.get_window_extent().width <= self.text_in * self.figure.dpi
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


def _has_noise(scene: Scene) -> bool:
    label, weight = scene.locations["label"].to_numpy(), scene.locations["weight"].to_numpy()
    return bool(((label < 0) & (weight >= scene.noise_weight)).any())
