"""Draw the figures at the widths of a journal's columns: 183 mm, and 89 mm for one of two."""

import sys
from pathlib import Path

from matplotlib.figure import Figure

import gclust

MM = 1 / 25.4
WHOLE, COLUMN = 183, 89


def page(width: float, height: float, *, left: float = 0, below: float = 0, above: float = 0):
    """Return axes on a page of this size in mm, with space at sides where texts are."""
    figure = Figure(figsize=(width * MM, height * MM))
    inner = (width - left) / width, (height - below - above) / height
    return figure.add_axes((left / width, below / height, *inner))


def fitted(width: float, height: float):
    """Return axes on a page of this size in mm that make room for their texts themselves."""
    return Figure(figsize=(width * MM, height * MM), layout="constrained").subplots()


def draw(results: Path, rows: dict[str, int]) -> dict[str, object]:
    """Return the axes of each figure by its name."""
    run = gclust.read_run(results / "later")
    uncertainty = gclust.read_uncertainty(results / "uncertainty")
    sweep = gclust.read_sweep(results / "sweep")
    comparison = gclust.read_comparison(results / "comparison")
    plot = gclust.plot
    on_map = {"region": (-125, 24.5, -66, 49.5), "labels": rows["map"], "legend": True}
    sets, bump = page(68, 98, left=40, below=9, above=6), page(112, 98, below=9, above=6)
    return {
        "map": plot.map(run, page(WHOLE, 125, below=18), **on_map),
        "rank_sets": plot.rank_sets(uncertainty, sets, top=rows["rank_sets"], legend=False),
        "clusters": plot.heat_map(sweep, "n_clusters", fitted(COLUMN, 80)),
        "agreement": plot.heat_map(sweep, "ari", fitted(COLUMN, 80)),
        "bump": plot.bump(comparison, bump, top=rows["bump"]),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    wanted = {name: int(rows) for name, rows in (each.split("=") for each in sys.argv[2:])}
    for name, axes in draw(folder, wanted).items():
        gclust.plot.save(axes, folder / "figures" / f"{name}.pdf")
