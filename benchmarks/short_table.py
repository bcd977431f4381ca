"""The short table of times in the README: some rows of that of `benchmarks/peers.py`.

    python -m benchmarks.short_table --write

A test demands that it is what docs/how_it_works/performance.md says.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from benchmarks.table import BEGIN, END, PAGE, put_between_markers

README = Path(__file__).resolve().parents[1] / "README.md"
NAME = "times"
"""Name of its markers."""
ROWS = {
    "`gclust.DBSCAN.fit`, degrees to labels": "`gclust.DBSCAN`",
    "`dbscan` (C++), unit vectors prepared": "`dbscan` (C++)",
    "`sklearn.cluster.DBSCAN`, folded weights prepared": "`sklearn.cluster.DBSCAN`",
    "`gclust.HDBSCAN.fit`, degrees to labels (†)": "`gclust.HDBSCAN`",
    "`hdbscan.HDBSCAN`, radians prepared (†)": "`hdbscan.HDBSCAN`",
    "`fast_hdbscan.HDBSCAN`, unit vectors prepared (†)": "`fast_hdbscan.HDBSCAN`",
}
"""Row of the page -> its name in the README."""


def short_table(page: Path = PAGE) -> str:
    """Return the times of some rows of the page's table, without memory and multiples."""
    text = page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _lines(text)]
    times = {title: [re.split(r" \(|,", cell)[0] for cell in cells] for title, *cells in rows[2:]}
    head = [rows[0], rows[1]]
    lines = [*head, *([ROWS[title], *times[title]] for title in ROWS)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def main() -> None:
    """Print the table, and with ``--write`` put it into the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    arguments = parser.parse_args()
    print(short_table())
    if arguments.write:
        put_between_markers(README, short_table(), NAME)


if __name__ == "__main__":
    main()
