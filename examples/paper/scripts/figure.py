"""Draw a figure for columns of a journal: 183 mm, or 89 mm for one of two."""

import sys

from matplotlib.figure import Figure

import gclust

MM = 1 / 25.4
WHOLE, COLUMN = 183, 89
REGION = (-125, 24.5, -66, 49.5)


def page(width: float, height: float, *, left: float = 0, below: float = 0, above: float = 0):
    """Return axes on a page of this size in mm, with space at sides where texts are."""
    figure = Figure(figsize=(width * MM, height * MM))
    inner = (width - left) / width, (height - below - above) / height
    return figure.add_axes((left / width, below / height, *inner))


def fitted(width: float, height: float):
    """Return axes on a page of this size in mm that make room for their texts themselves."""
    return Figure(figsize=(width * MM, height * MM), layout="constrained").subplots()


def draw(name: str, folder: str, rows: int):
    """Draw a figure of the result in a folder; return its axes."""
    plot = gclust.plot
    if name == "map":
        axes, options = page(WHOLE, 125, below=18), {"region": REGION, "legend": True}
        return plot.map(gclust.read_run(folder), axes, labels=rows, **options)
    if name == "rank_sets":
        axes = page(68, 98, left=40, below=9, above=6)
        return plot.rank_sets(gclust.read_uncertainty(folder), axes, top=rows, legend=False)
    if name == "bump":
        axes = page(112, 98, below=9, above=6)
        return plot.bump(gclust.read_comparison(folder), axes, top=rows)
    quantity = {"clusters": "n_clusters", "agreement": "ari"}[name]
    return plot.heat_map(gclust.read_sweep(folder), quantity, fitted(COLUMN, 80))


if __name__ == "__main__":
    name, folder, rows, out = sys.argv[1:]
    gclust.plot.save(draw(name, folder, int(rows)), out)
