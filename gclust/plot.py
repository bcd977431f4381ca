"""Figures of results on matplotlib axes: maps, ranks, uncertainty, sweeps.

Every function takes a result and, as ``ax``, the axes to draw on, and returns the axes. Without
``ax`` it makes a page with a heading and a legend, as wide as columns in print
(``width``: ``"single"``, 89 mm; ``"middle"``, 120 mm; ``"double"``, 183 mm; or a number of
millimetres), which a notebook shows. `save` writes it with embedded fonts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gclust.report.projection import Region

__all__ = [
    "bump",
    "heat_map",
    "intensity",
    "k_density",
    "k_distance",
    "map",
    "rank_sets",
    "save",
    "score_intervals",
]

ENDINGS = (".pdf", ".png", ".svg")


def map(
    run: Any,
    ax: Axes | None = None,
    *,
    region: Region | None = None,
    labels: int = 25,
    inset: Region | None = "europe",
    legend: bool | None = None,
    width: str | float = "double",
) -> Axes:
    """Draw the map of a run: footprints, scores and names of clusters, and noise.

    Parameters
    ----------
    run : Run
    ax : Axes, optional
        Axes to draw on, at their final size: names are placed for it.
    region : (west, south, east, north) or str, optional
        In degrees, or ``"world"``, ``"europe"``, ``"north america"`` or ``"east asia"``; by
        default the region of the clusters, or the world.
    labels : int
        Number of first clusters, of those in the region, that are named.
    inset : (west, south, east, north) or str, optional
        Region of the inset of a world map, None for no inset.
    legend : bool, optional
        Whether a legend is drawn below ``ax``; a page always has one.
    width : str or float
        Width of the page, without ``ax``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> axes = gclust.plot.map(run, region=(3, 44, 8, 48), width="single")
    >>> gclust.plot.save(axes, "map.pdf")
    """
    from gclust.report.map import draw_on, draw_page
    from gclust.report.style import inches

    options = run.map_options(names=labels, region=region, inset=inset, width_in=inches(width))
    drawn_from = (run.clusters, run.locations.rename(columns={"cluster_id": "label"}), options)
    return _drawn(
        ax,
        lambda figure: draw_page(figure, *drawn_from).axes,
        lambda axes: draw_on(axes, *drawn_from, legend=bool(legend)),
    )


def intensity(
    run: Any,
    ax: Axes | None = None,
    *,
    top: int = 30,
    legend: bool = True,
    width: str | float = "double",
) -> Axes:
    """Plot the ranks of clusters by intensity under each footprint and raster of a run.

    Parameters
    ----------
    run : Run
        Of a study with a section ``[intensity]``.
    ax, legend, width : optional
        As in `map`.
    top : int
        Number of first clusters that are drawn.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the run has no intensity under several footprints or rasters.

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> run = gclust.run(replace(study, intensity={"usual": True}))
    >>> axes = gclust.plot.intensity(run)
    """
    from gclust.report.intensity import intensity_on, intensity_page
    from gclust.report.style import inches

    if run.intensity is None:
        raise ValueError(
            "the run has no intensity to plot; add a section [intensity] to its study"
            " (see gclust.intensity_spread) and run it again"
        )
    detail, title = run.intensity.detail, run.study.heading
    wide = inches(width)
    return _drawn(
        ax,
        lambda figure: intensity_page(figure, detail, title=title, top=top, width_in=wide),
        lambda axes: intensity_on(axes, detail, top=top, legend=legend),
    )


def bump(
    comparison: Any,
    ax: Axes | None = None,
    *,
    top: int = 30,
    legend: bool = True,
    width: str | float | None = None,
) -> Axes:
    """Draw the ranks of the first clusters in the two runs of a comparison.

    Parameters
    ----------
    comparison : Comparison
    ax, legend : optional
        As in `map`.
    top : int
        Clusters among so many first ones in either run are drawn.
    width : str or float, optional
        Width of the page; by default the least one that the names need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import gclust
    >>> earlier = gclust.datasets.example_study(years=(2015, 2019))
    >>> later = gclust.datasets.example_study()
    >>> axes = gclust.plot.bump(gclust.compare(earlier, later, decompose=False))
    """
    from gclust.report.bump import bump_on, bump_page
    from gclust.report.style import inches

    drawn_from = (comparison.table, comparison.lineage, comparison.labels)
    wide = None if width is None else inches(width)
    return _drawn(
        ax,
        lambda figure: bump_page(figure, *drawn_from, top=top, width_in=wide),
        lambda axes: bump_on(axes, *drawn_from, top=top, legend=legend),
    )


def rank_sets(
    uncertainty: Any,
    ax: Axes | None = None,
    *,
    top: int = 40,
    legend: bool = True,
    width: str | float = "double",
) -> Axes:
    """Draw the rank sets of clusters; a page has their scores' intervals in addition.

    Parameters
    ----------
    uncertainty : Uncertainty
    ax, legend, width : optional
        As in `map`.
    top : int
        Number of first clusters that are drawn.

    Returns
    -------
    Axes
        Those of the rank sets.

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> found = gclust.uncertainty(replace(study, uncertainty={"draws": 99}))
    >>> axes = gclust.plot.rank_sets(found)
    """
    from gclust.report.rank_uncertainty import rank_sets_on, rank_sets_page
    from gclust.report.style import inches

    table, study = uncertainty.table.head(top), uncertainty.study
    level, wide = study.uncertainty.level, inches(width)
    texts = {"title": study.heading, "note": uncertainty.note}
    return _drawn(
        ax,
        lambda figure: rank_sets_page(figure, table, level, **texts, width_in=wide),
        lambda axes: rank_sets_on(axes, table, level, legend=legend),
    )


def score_intervals(uncertainty: Any, ax: Axes | None = None, *, top: int = 40) -> Axes:
    """Draw the scores of clusters with their intervals.

    Parameters
    ----------
    uncertainty : Uncertainty
    ax : Axes, optional
        By default those of a new figure of one column's width.
    top : int
        Number of first clusters that are drawn.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> found = gclust.uncertainty(replace(study, uncertainty={"draws": 99}))
    >>> axes = gclust.plot.score_intervals(found)
    """
    from gclust.report.rank_uncertainty import score_intervals_on, score_intervals_page

    table, title = uncertainty.table.head(top), uncertainty.study.heading
    level = uncertainty.study.uncertainty.level
    return _drawn(
        ax,
        lambda figure: score_intervals_page(figure, table, level, title=title),
        lambda axes: score_intervals_on(axes, table),
    )


def heat_map(
    sweep: Any,
    quantity: str = "n_clusters",
    ax: Axes | None = None,
    *,
    legend: bool = True,
    width: str | float = "middle",
) -> Axes:
    """Draw a quantity of a sweep at every pair of ``eps_km`` and ``min_samples``.

    Parameters
    ----------
    sweep : Sweep
    quantity : str
        ``n_clusters``, ``clustered_share``, ``largest_share``, ``ari``, ``ami``, ``jaccard`` or
        ``tau_b``; see `gclust.Sweep`.
    ax, legend, width : optional
        As in `map`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> sweep = gclust.sweep(study, eps_km=[4, 5], min_samples=[100, 120])
    >>> axes = gclust.plot.heat_map(sweep, "clustered_share")
    """
    from gclust.report.style import inches
    from gclust.report.sweep_heatmaps import Surfaces, quantity_of, surface_on, surface_page

    shown = quantity_of(quantity)
    pairs = [(each.eps_km, each.min_samples) for each in sweep.suggestions]
    target = sweep.study.sweep.target_clusters
    surfaces = Surfaces(sweep.table_drawn, sweep.baseline, pairs, target)
    title, wide = sweep.study.heading, inches(width)
    return _drawn(
        ax,
        lambda figure: surface_page(figure, surfaces, shown, title=title, width_in=wide),
        lambda axes: surface_on(axes, surfaces, shown, legend=legend, heading=True),
    )


def k_distance(sweep: Any, ax: Axes | None = None, *, width: str | float = "middle") -> Axes:
    """Draw the distances within which ``min_samples`` listings lie, over all listings.

    Parameters
    ----------
    sweep : Sweep
    ax, width : optional
        As in `map`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> axes = gclust.plot.k_distance(gclust.sweep(study, eps_km=[4, 5], min_samples=[100]))
    """
    from gclust.report.k_distance import k_distance_on, k_distance_page
    from gclust.report.style import inches

    drawn_from = (sweep.k_distance, sweep.baseline)
    title, wide = sweep.study.heading, inches(width)
    return _drawn(
        ax,
        lambda figure: k_distance_page(figure, *drawn_from, title=title, width_in=wide),
        lambda axes: k_distance_on(axes, *drawn_from),
    )


def k_density(
    found: Any,
    of: str | None = None,
    ax: Axes | None = None,
    *,
    legend: bool = True,
    width: str | float = "single",
) -> Axes:
    """Draw the K-density of a kind or field, with the bands of random sites.

    Parameters
    ----------
    found : KDensity or Localisation
    of : str, optional
        The kind or field; the most localised by default.
    ax, legend, width : optional
        As in `map`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the kind or field has no K-density.

    Examples
    --------
    >>> import numpy as np, pandas as pd, gclust
    >>> rng = np.random.default_rng(1)
    >>> sites = pd.DataFrame({"lat": rng.uniform(45, 49, 90), "lon": rng.uniform(5, 9, 90)})
    >>> sites["field"] = ["optics"] * 30 + ["others"] * 60
    >>> axes = gclust.plot.k_density(gclust.k_density(sites, draws=19), "optics")
    """
    from gclust.report.k_density import k_density_on, k_density_page, order_of
    from gclust.report.style import inches

    density = getattr(found, "k_density", found)
    names = order_of(density)
    name, wide = names[0] if of is None else of, inches(width)
    if name not in names:
        raise ValueError(f"{density.by} {name!r} has no K-density; known: {', '.join(names)}")
    return _drawn(
        ax,
        lambda figure: k_density_page(figure, density, name, width_in=wide),
        lambda axes: k_density_on(axes, density, name, legend=legend),
    )


def save(figure: Axes | Figure, path: str | Path, *, title: str = "") -> None:
    """Write a figure as PDF, PNG (300 dpi) or SVG; equal figures have equal bytes.

    Fonts of a PDF are embedded as TrueType, which journals ask for; texts of an SVG are outlines.

    Parameters
    ----------
    figure : Axes or Figure
    path : path-like
        It ends in ``.pdf``, ``.png`` or ``.svg``; its folder is made if it is missing.
    title : str
        Written into the file's metadata.

    Raises
    ------
    ValueError
        For another ending.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> gclust.plot.save(gclust.plot.map(run), "map.svg", title="Three towns")
    """
    from matplotlib.axes import Axes

    from gclust.report import style

    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise ValueError(f"{target} must end in one of {', '.join(ENDINGS)}")
    whole: Any = figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    with style.styled():
        style.save(whole, target, title)


def _drawn(ax: Axes | None, page: Callable[[Figure], Axes], on: Callable[[Axes], object]) -> Axes:
    """Draw a page on a new figure, or on the axes that are given; return the axes."""
    from gclust.report.style import shown_figure, styled

    if ax is None:
        with shown_figure() as figure:
            return page(figure)
    with styled():
        on(ax)
    return ax
