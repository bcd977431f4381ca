"""Start-up, the map and the first compilation: what a run takes beside its computations.

``python -m benchmarks.start_up TREE ...`` measures each source tree (by default this one) in new
processes, in turn, and prints the medians; in brackets those of processor time, which says more
where the machine is busy. ``--compile`` also runs the example study
with an empty cache of kernels, which takes a minute, and counts what is compiled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TIMED = """
import time
start, used = time.perf_counter(), time.process_time()
{code}
print(time.perf_counter() - start, time.process_time() - used)
"""

DRAW = """
import tempfile, time
from pathlib import Path
import geopandas as gpd, numpy as np, pandas as pd, shapely
from gclust.places.cities.gazetteer import gazetteer
from gclust.report.map import MapOptions, draw_map
rng = np.random.default_rng(1)
cities = gazetteer()
cities = cities[~cities["section"]].nlargest(20_000, "population", keep="all")
largest = cities.head(300)
discs = [shapely.Point(lon, lat).buffer(0.3) for lat, lon in largest[["lat", "lon"]].to_numpy()]
shapes = [disc.union(shapely.affinity.translate(disc, 0.2, 0.1)) for disc in discs]
clusters = gpd.GeoDataFrame(
    {"rank": range(1, 301), "name": largest["name"], "score": 100 / np.arange(1, 301) ** 0.8},
    geometry=shapes, crs=4326,
)
at = cities[["lat", "lon"]].to_numpy()[rng.integers(0, len(cities), 100_000)]
lat, lon = (at + rng.normal(0, 0.7, at.shape)).T
lat, lon = np.clip(lat, -89, 89), np.clip(lon, -179.9, 179.9)
noise = pd.DataFrame({"lat": lat, "lon": lon, "label": -1, "weight": 9.0})
folder = Path(tempfile.mkdtemp())
for _ in range(2):  # the first imports parts of matplotlib
    start, used = time.perf_counter(), time.process_time()
    draw_map(clusters, noise, [folder / "map.png", folder / "map.pdf"], MapOptions(title="Map"))
    seconds = time.perf_counter() - start, time.process_time() - used
print(*seconds)
"""

FIRST_RUN = """
import time
from numba.core import event
class Compiled(event.Listener):
    depth = kernels = functions = 0
    seconds = 0.0
    def on_start(self, _):
        self.start = self.start if self.depth else time.thread_time()
        self.depth += 1
    def on_end(self, _):
        self.depth -= 1
        self.functions += 1
        if not self.depth:
            self.kernels += 1
            self.seconds += time.thread_time() - self.start
found = Compiled()
event.register("numba:compile", found)
import gclust
gclust.run(gclust.datasets.example_study())
print(f"{found.kernels} kernels, {found.functions} functions in all", file=sys.stderr)
print(found.seconds, found.seconds)
"""

MEASURED = {
    "gclust --help": "from gclust.cli import main\nmain(['--help'], standalone_mode=False)",
    "import gclust": "import gclust",
    "import gclust; gclust.DBSCAN": "import gclust\ngclust.DBSCAN",
    "import sklearn.cluster": "import sklearn.cluster",
    "the modules of gclust run": "import gclust.pipeline.run",
}
"""What is measured -> its code. Processes are new; the files that they read are in memory."""


def seconds(code: str, tree: Path, **environment: str) -> tuple[float, float]:
    """Return the seconds, and those of processors, that code prints last in a new process."""
    variables = os.environ | {"PYTHONPATH": str(tree)} | environment
    command = [sys.executable, "-c", "import sys\n" + code]
    done = subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, text=True, check=True, cwd=tree
    )
    elapsed, used = done.stdout.split()[-2:]
    return float(elapsed), float(used)


def shown(times: list[tuple[float, float]]) -> str:
    """Return the medians of seconds, and in brackets of seconds of processors."""
    elapsed, used = map(statistics.median, zip(*times, strict=True))
    return f"{elapsed:8.2f} s ({used:.2f} s)"


def main() -> None:
    """Measure the trees in turn, and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument("--compile", action="store_true", help="compile all kernels once")
    options = parser.parse_args()
    trees = [tree.resolve() for tree in options.trees]
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    codes = {name: TIMED.format(code=code) for name, code in MEASURED.items()}
    for name, code in {**codes, "the map, 300 clusters, 100,000 noise points": DRAW}.items():
        found: list[list[tuple[float, float]]] = [[] for _ in trees]
        for _ in range(options.runs):
            for times, tree in zip(found, trees, strict=True):
                times.append(seconds(code, tree))
        print(f"{name:<45}", *map(shown, found), flush=True)
    if options.compile:
        for tree in trees:
            with tempfile.TemporaryDirectory() as folder:
                took = seconds(FIRST_RUN, tree, NUMBA_CACHE_DIR=folder)
            print(f"{'compilation of a first run':<45} {shown([took])}", flush=True)


if __name__ == "__main__":
    main()
