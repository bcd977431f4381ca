"""Draw the figures of docs/guides/parameters.md.

    python docs/figures/make_parameters.py

The maps of the United States need the data of ``gclust demo us`` (see ``gclust fetch``); the
others are simulated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.pyplot import subplots
from numpy.typing import NDArray
from small_png import write

import gclust
from gclust.places.basemap import countries

NOISE, LAND, SEA, EDGE = "#9aa5ad", "#ecebe6", "#f4f8fb", "#b9b6ab"
COLOURS = [mpl.colors.to_hex(colour) for colour in mpl.colormaps["tab20"].colors[::2]]
CORRIDOR = (-77.9, -70.4, 38.6, 42.9)
"""Washington to Boston: west, east, south, north."""

KM_PER_DEGREE = 111.195


class Points(NamedTuple):
    """Weighted points in degrees."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def degrees(self) -> NDArray[np.float64]:
        """Latitude and longitude, shape (n, 2)."""
        return np.column_stack((self.lat, self.lon))


def main() -> None:
    """Draw all figures."""
    mpl.rcParams.update({"font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left"})
    us = us_patents()
    compare_on_map(us, [(4, 1500), (13, 1500), (30, 1500)], "parameters_eps")
    compare_on_map(us, [(13, 150), (13, 1500), (13, 15000)], "parameters_min_samples")
    two_scales()
    capital()


def us_patents() -> Points:
    """Patents of the United States, 2011 to 2015, at ZIP codes."""
    with TemporaryDirectory() as folder:
        table = pd.read_parquet(gclust.datasets.prepare_us(folder).folder / "patent.parquet")
    table = table[table["year"].between(2011, 2015)].dropna(subset=["lat", "lon"])
    places = table.groupby(["lat", "lon"])["weight"].sum().reset_index()
    return Points(*(places[name].to_numpy(float) for name in ("lat", "lon", "weight")))


def compare_on_map(points: Points, pairs: Sequence[tuple[float, float]], name: str) -> None:
    """Draw the clusters between Washington and Boston for pairs of eps_km and min_samples."""
    figure, axes = subplots(1, len(pairs), figsize=(9.6, 3.1), layout="constrained")
    for ax, (eps_km, min_samples) in zip(axes, pairs, strict=True):
        draw_land(ax, CORRIDOR)
        model = gclust.DBSCAN(eps_km=eps_km, min_samples=min_samples, n_jobs=1)
        labels = model.fit_predict(points.degrees, sample_weight=points.weight)
        draw_labels(ax, points, labels)
        inside = points.weight[labels >= 0].sum() / points.weight.sum()
        ax.set_title(
            f"eps {eps_km:g} km, min_samples {min_samples:,.0f}\n"
            f"{count(labels, ' in the US')}, {inside:.0%} of patents"
        )
    write(figure, name)


def count(labels: NDArray[np.int64], where: str) -> str:
    """Say how many clusters there are."""
    number = labels.max() + 1
    return f"{number} cluster{'' if number == 1 else 's'}{where}"


def draw_land(ax: Axes, bounds: tuple[float, float, float, float]) -> None:
    """Draw land and the frame of a map."""
    west, east, south, north = bounds
    land = countries().cx[west:east, south:north]
    land.plot(ax=ax, color=LAND, edgecolor=EDGE, linewidth=0.5, aspect=None)
    ax.set_facecolor(SEA)
    ax.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], xlabel="", ylabel="")
    ax.set_aspect(1 / np.cos(np.radians((south + north) / 2)))


def draw_labels(ax: Axes, points: Points, labels: NDArray[np.int64]) -> None:
    """Draw noise in grey and each cluster in a colour; neighbours differ in most cases."""
    noise = labels < 0
    ax.scatter(points.lon[noise], points.lat[noise], s=1.2, c=NOISE, linewidths=0)
    west, east = ax.get_xlim()
    south, north = ax.get_ylim()
    seen = (points.lon > west) & (points.lon < east) & (points.lat > south) & (points.lat < north)
    for number, label in enumerate(np.unique(labels[~noise & seen])):
        at = labels == label
        colour = COLOURS[number % len(COLOURS)]
        ax.scatter(points.lon[at], points.lat[at], s=4, c=colour, linewidths=0)


def at_km(east: NDArray[np.float64], north: NDArray[np.float64]) -> Points:
    """Points at kilometres east and north of 48° N, 8° E."""
    lat = 48.0 + north / KM_PER_DEGREE
    lon = 8.0 + east / (KM_PER_DEGREE * np.cos(np.radians(48.0)))
    return Points(lat, lon, np.ones(len(lat)))


def town(rng: np.random.Generator, x: float, y: float, n: int, scale: float) -> NDArray[np.float64]:
    """Listings of a town that thin out exponentially from its centre, in km, shape (n, 2)."""
    radius, angle = rng.gamma(2.0, scale, n), rng.uniform(0, 2 * np.pi, n)
    return np.column_stack((x + radius * np.cos(angle), y + radius * np.sin(angle)))


def two_scales() -> None:
    """Draw a dense district of three towns and a wide valley, which have no scale in common."""
    rng = np.random.default_rng(5)
    near = [town(rng, x, y, 900, 0.9) for x, y in ((-40, 8), (-27, 8), (-33, -6))]
    far = [rng.normal((x, y), (9, 5), (250, 2)) for x, y in ((18, 4), (34, -2), (50, 5))]
    space = rng.uniform((-62, -32), (72, 32), (250, 2))
    east, north = np.concatenate((*near, *far, space)).T
    points = at_km(east, north)
    models = {
        "DBSCAN, eps 3 km, min_samples 60": gclust.DBSCAN(eps_km=3, min_samples=60),
        "DBSCAN, eps 9 km, min_samples 60": gclust.DBSCAN(eps_km=9, min_samples=60),
        "HDBSCAN, min_cluster_size 150": gclust.HDBSCAN(min_cluster_size=150, min_samples=60),
    }
    draw_models(points, models, (-62, 72, -32, 32), "parameters_two_scales")


def capital() -> None:
    """Draw a capital whose suburbs are denser than the country's other towns."""
    rng = np.random.default_rng(2)
    places = [town(rng, 0, 0, 20_000, 9.0), town(rng, 38, 12, 700, 2.0)]
    places += [town(rng, x, y, 700, 2.0) for x, y in ((85, -28), (78, 32), (-55, 38))]
    east, north = np.concatenate((*places, rng.uniform((-80, -60), (110, 60), (600, 2)))).T
    points = at_km(east, north)
    models = {
        "eps 10 km, min_samples 2,000": gclust.DBSCAN(eps_km=10, min_samples=2000),
        "eps 10 km, min_samples 300": gclust.DBSCAN(eps_km=10, min_samples=300),
        "eps 4 km, min_samples 300": gclust.DBSCAN(eps_km=4, min_samples=300),
    }
    draw_models(points, models, (-80, 110, -60, 60), "parameters_capital")


def draw_models(
    points: Points, models: dict[str, object], bounds: tuple[int, int, int, int], name: str
) -> None:
    """Draw the clusters that each model finds, on axes in km."""
    figure, axes = subplots(1, len(models), figsize=(9.6, 2.7), layout="constrained")
    west, east, south, north = bounds
    corner = at_km(np.array([west, east], float), np.array([south, north], float))
    for ax, (title, model) in zip(axes, models.items(), strict=True):
        labels = model.fit_predict(points.degrees)
        ax.set(xlim=corner.lon, ylim=corner.lat, xticks=[], yticks=[])
        ax.set_aspect(1 / np.cos(np.radians(48.0)))
        draw_labels(ax, points, labels)
        inside = (labels >= 0).mean()
        ax.set_title(f"{title}\n{labels.max() + 1} clusters, {inside:.0%} of listings")
        start, height = corner.lon[0] + 0.05, corner.lat[0] + 0.04
        ax.plot([start, start + 20 / (KM_PER_DEGREE * np.cos(np.radians(48.0)))], [height] * 2, "k")
        ax.text(start, height + 0.02, "20 km", fontsize=7)
    write(figure, name)


if __name__ == "__main__":
    main()
