"""Draw the figures of docs/tutorial.md from what its commands have written.

    gclust demo us                                # and the other commands of the tutorial
    python docs/figures/make_tutorial.py FOLDER   # FOLDER: gclust-demo-us

Takes pictures of the page of ``gclust tune`` and of the report with Chromium.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.axes import Axes
from PIL import Image
from small_png import HERE, PIXELS, write, write_picture

import gclust

sys.path.insert(0, str(HERE.parents[1]))
from tests.chromium import Browser, find_chromium

SECONDS = 20


def main(folder: Path) -> None:
    """Draw all figures from the results in a folder."""
    run = gclust.read_run(folder / "run")
    sweep = gclust.read_sweep(folder / "sweep")
    draw("tutorial_map", lambda: gclust.plot.map(run, labels=20), pixels=1100)
    draw("tutorial_clusters", lambda: gclust.plot.heat_map(sweep, "n_clusters"))
    draw("tutorial_agreement", lambda: gclust.plot.heat_map(sweep, "ari"))
    draw("parameters_k_distance", lambda: gclust.plot.k_distance(sweep))
    compared = gclust.read_comparison(folder / "compared")
    draw("tutorial_bump", lambda: gclust.plot.bump(compared, top=20))
    uncertain = gclust.read_uncertainty(folder / "uncertain")
    draw("tutorial_ranks", lambda: gclust.plot.rank_sets(uncertain, top=32))
    pictures_of_pages(folder)


def draw(name: str, make: Callable[[], Axes], *, pixels: int = PIXELS) -> None:
    """Write a figure of gclust's under a name."""
    write(make().get_figure(root=True), name, pixels=pixels)


def pictures_of_pages(folder: Path) -> None:
    """Write pictures of the page of gclust tune and of a report."""
    study = folder / "data" / "study.toml"
    server = subprocess.Popen(
        [sys.executable, "-m", "gclust", "tune", study, "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline()
        picture_of_page(re.search(r"http\S+", line)[0], "tutorial_tune", 900)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    picture_of_page(
        (folder / "run" / "report.html").resolve().as_uri(), "tutorial_report", 840, 1100
    )


def picture_of_page(address: str, name: str, height: int, width: int = 1280) -> None:
    """Write a picture of the upper part of a page, when it has had time to draw itself."""
    with TemporaryDirectory() as own:
        browser = Browser(find_chromium(), Path(own) / "browser")
        try:
            browser.open(address, width, height)
            time.sleep(SECONDS)
            browser.picture(Path(own) / "page.png")
        finally:
            browser.close()
        picture = Image.open(Path(own) / "page.png")
        write_picture(picture.crop((0, 0, width, height)), name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
