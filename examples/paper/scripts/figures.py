"""Draw the figures at the widths of a journal's columns: 183 mm, and 89 mm for one of two."""

import ast
import sys
from pathlib import Path

from matplotlib.figure import Figure

import gclust

MM = 1 / 25.4
WHOLE, COLUMN = 183 * MM, 89 * MM


def page(width: float, height: float):
    """Return axes that fill a page of this size in inches."""
    return Figure(figsize=(width, height), layout="constrained").subplots()


def draw(results: Path, rows: dict[str, int]) -> dict[str, object]:
    """Return the axes of each figure by its name."""
    run = gclust.read_run(results / "later")
    uncertainty = gclust.read_uncertainty(results / "uncertainty")
    sweep = gclust.read_sweep(results / "sweep")
    comparison = gclust.read_comparison(results / "comparison")
    plot = gclust.plot
    return {
        "map": plot.map(run, page(WHOLE, 105 * MM), labels=rows["map"], legend=True),
        "rank_sets": plot.rank_sets(uncertainty, page(COLUMN, 95 * MM), top=rows["rank_sets"]),
        "heat_map": plot.heat_map(sweep, "n_clusters", page(COLUMN, 70 * MM)),
        "bump": plot.bump(comparison, page(COLUMN, 100 * MM), top=rows["bump"]),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, axes in draw(folder, ast.literal_eval(sys.argv[2])).items():
        gclust.plot.save(axes, folder / "figures" / f"{name}.pdf")
