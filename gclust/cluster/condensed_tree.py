"""The condensed tree of HDBSCAN as an object that draws the plots of the ``hdbscan`` library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hdbscan.plots
import numpy as np
from numpy.typing import NDArray

from gclust.kernels.hdbscan.condensed_tree import Condensed

_ROW = np.dtype(
    [("parent", np.intp), ("child", np.intp), ("lambda_val", float), ("child_size", float)]
)


class CondensedTree(hdbscan.plots.CondensedTree):
    """Condensed tree of HDBSCAN: the lambda at which each cluster and point leaves its parent.

    Plots and ``to_numpy``, ``to_pandas`` and ``to_networkx`` are those of the ``hdbscan``
    library, with columns ``parent``, ``child``, ``lambda_val`` (1 / km) and
    ``child_size``. Sizes are weights, so a point may have any size, and a cluster may be
    split into more than two: clusters are the children from ``n_rows`` on.

    Parameters
    ----------
    rows : ndarray of records
        The tree, its clusters numbered from ``n_rows`` on, first their rows.
    n_rows : int
        Number of points; also the root's number.
    selected : list of int
        Number of the cluster with each label.
    """

    def __init__(self, rows: NDArray[Any], n_rows: int, selected: list[int]) -> None:
        super().__init__(rows, None)
        self.n_rows = n_rows
        self._selected = selected

    def plot(
        self,
        leaf_separation: float = 1,
        cmap: str = "viridis",
        select_clusters: bool = False,
        label_clusters: bool = False,
        selection_palette: Sequence[Any] | None = None,
        axis: Any = None,
        colorbar: bool = True,
        log_size: bool = False,
        max_rectangles_per_icicle: int = 20,
    ) -> Any:
        """Draw the icicle plot of the ``hdbscan`` library, optionally with ovals around clusters.

        Parameters
        ----------
        leaf_separation, cmap, axis, colorbar, log_size, max_rectangles_per_icicle
            As in the ``hdbscan`` library.
        select_clusters : bool, default False
            Whether to draw an oval round each selected cluster.
        label_clusters : bool, default False
            Whether to write the label next to each selected cluster.
        selection_palette : sequence of colours, optional
            Colours of the ovals, by label; red by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        axis = super().plot(
            leaf_separation=leaf_separation,
            cmap=cmap,
            axis=axis,
            colorbar=colorbar,
            log_size=log_size,
            max_rectangles_per_icicle=max_rectangles_per_icicle,
        )
        if select_clusters:
            data = self.get_plot_data(leaf_separation, log_size, max_rectangles_per_icicle)
            bounds = [data["cluster_bounds"][cluster] for cluster in self._selected]
            few = selection_palette is None or len(selection_palette) < len(bounds)
            _ring(axis, bounds, ["r"] * len(bounds) if few else selection_palette, label_clusters)
        return axis

    def get_plot_data(
        self, leaf_separation: float = 1, log_size: bool = False, max_rectangle_per_icicle: int = 20
    ) -> dict[str, Any]:
        """Return the positions of the bars and lines of the icicle plot.

        Parameters
        ----------
        leaf_separation : float, default 1
            Distance of leaves, in widths of the root.
        log_size : bool, default False
            Whether widths are logarithms of weights.
        max_rectangle_per_icicle : int, default 20
            About how many bars a cluster is drawn with at most.

        Returns
        -------
        dict
            ``bar_centers``, ``bar_tops`` (heights), ``bar_bottoms``, ``bar_widths``,
            ``line_xs``, ``line_ys``, and ``cluster_bounds``: left, right, bottom and top
            by cluster.
        """
        tree, n = self._raw_tree, self.n_rows
        clusters = tree[tree["child"] >= n]
        many = len(clusters) + 1
        parent, birth = np.full(many, -1), np.zeros(many)
        parent[clusters["child"] - n] = clusters["parent"] - n
        birth[clusters["child"] - n] = clusters["lambda_val"]
        centre = _centres(parent) * leaf_separation

        order = np.lexsort((tree["lambda_val"], tree["parent"]))
        ends = np.searchsorted(tree["parent"][order], n + np.arange(many + 1))
        size = _width(np.add.reduceat(tree["child_size"][order], ends[:-1]), log_size)
        centre *= size[0]
        plot: dict[str, Any] = {
            name: [] for name in ("bar_centers", "bar_tops", "bar_bottoms", "bar_widths")
        }
        bounds = {}
        for k in range(many - 1, -1, -1):
            rows = tree[order[ends[k] : ends[k + 1]]]
            bottom, top, width = _bars(rows, birth[k], log_size, max_rectangle_per_icicle)
            plot["bar_centers"] += [centre[k]] * len(width)
            plot["bar_bottoms"] += bottom.tolist()
            plot["bar_tops"] += (top - bottom).tolist()
            plot["bar_widths"] += width.tolist()
            half = 0.5 * size[k]
            bounds[n + k] = [centre[k] - half, centre[k] + half, birth[k], top[-1]]
        edge = centre + 0.5 * size * np.sign(centre - centre[parent])
        plot["line_xs"] = [[centre[parent[k]], edge[k]] for k in range(1, many)]
        plot["line_ys"] = [[birth[k], birth[k]] for k in range(1, many)]
        plot["cluster_bounds"] = bounds
        return plot


def _ring(axis: Any, bounds: list[list[float]], colours: Any, label: bool) -> None:
    """Draw an oval round the bounds of each selected cluster.

    The library itself passes Matplotlib an array as the height of some ovals, those of
    clusters low in the plot, and Matplotlib refuses to draw them.
    """
    from matplotlib.patches import Ellipse

    low, high = axis.get_ylim()
    for number, ((left, right, bottom, top), colour) in enumerate(
        zip(bounds, colours, strict=False)
    ):
        size = 2.0 * (right - left), max(1.2 * (top - bottom), 0.05 * abs(high - low))
        centre = 0.5 * (left + right), 0.5 * (bottom + top)
        axis.add_artist(Ellipse(centre, *size, facecolor="none", edgecolor=colour, linewidth=2))
        if label:
            axis.text(centre[0], centre[1] + 0.5 * size[1], str(number), ha="center", va="top")


def _width(weight: NDArray[np.float64], log_size: bool) -> NDArray[np.float64]:
    return np.log(np.maximum(weight, 1.0)) if log_size else weight


def _centres(parent: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the position of each cluster: leaves in a row, others in the middle of their parts."""
    many = len(parent)
    below: list[list[int]] = [[] for _ in range(many)]
    for k in range(1, many):
        below[parent[k]].append(k)
    centre = np.zeros(many)
    stack, leaves = [0], 0
    while stack:
        k = stack.pop()
        stack += reversed(below[k])
        if not below[k]:
            centre[k] = leaves
            leaves += 1
    for k in range(many - 1, -1, -1):  # parents come before children
        if below[k]:
            centre[k] = centre[below[k]].mean()
    return centre


def _bars(
    rows: NDArray[Any], birth: float, log_size: bool, most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the bottoms, tops and widths of the bars of a cluster from its sorted rows."""
    until, starts = np.unique(rows["lambda_val"], return_index=True)
    lost = np.add.reduceat(rows["child_size"], starts)
    weight = lost[::-1].cumsum()[::-1]  # up to each of these lambdas
    width = _width(weight, log_size)
    step = np.floor((width[0] - width) * (most / max(width[0] - width[-1], 1e-300)))
    first = np.concatenate([[True], step[1:] != step[:-1]])
    bottom = np.concatenate([[birth], until[:-1]])[first]
    return bottom, np.append(bottom[1:], until[-1]), width[first]


def condensed_tree(
    tree: Condensed,
    row_of: NDArray[np.int32],
    size: NDArray[np.float64] | None,
    unit: int,
    selected: NDArray[np.int64],
) -> CondensedTree:
    """Return the condensed tree of the rows of X, made from the tree of their locations.

    ``row_of`` (n_rows,) is the location of each row and ``size`` (n_rows,) its weight, 1 by
    default; ``unit`` is the weight in the tree that counts as 1, ``selected`` the cluster with each
    label.
    """
    n, many = len(row_of), len(tree.parent) - 1
    rows = np.empty(many + n, dtype=_ROW)
    rows["parent"][:many] = tree.parent[1:] + n
    rows["child"][:many] = np.arange(n + 1, n + 1 + many)
    rows["lambda_val"][:many] = 1.0 / tree.birth[1:]
    rows["child_size"][:many] = tree.weight[1:] / unit
    rows["parent"][many:] = tree.cluster[row_of] + n
    rows["child"][many:] = np.arange(n)
    rows["lambda_val"][many:] = (1.0 / tree.leaves)[row_of]
    rows["child_size"][many:] = 1.0 if size is None else size
    return CondensedTree(rows, n, (selected + n).tolist())
