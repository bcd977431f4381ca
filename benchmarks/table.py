"""The table of times in docs/how_it_works/performance.md, and its place between two markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import Measured

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how_it_works" / "performance.md"
"""The page with all tables of times."""
NAME = "benchmarks"
"""Name of the table of `benchmarks/peers.py`."""


def markers(name: str = NAME) -> tuple[str, str]:
    """Return the marks of the beginning and the end of a table."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


BEGIN, END = markers()


def find_markers(page: Path, name: str = NAME) -> tuple[str, str]:
    """Return what stands before and after the two markers of a table in a file.

    Raises
    ------
    ValueError
        Unless the file has each marker once, in order.
    """
    begin, end = markers(name)
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if text.count(begin) != 1 or text.count(end) != 1 or end not in rest:
        raise ValueError(f"{page.name} must have {begin} and then {end}, each once")
    return before, after


def put_between_markers(page: Path, text: str, name: str = NAME) -> None:
    """Replace what stands between the markers of a table; see `find_markers`."""
    begin, end = markers(name)
    before, after = find_markers(page, name)
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def middle(rounds: Sequence[Measured]) -> Measured:
    """Return the medians of several rounds, or the first fault among them."""
    for one in rounds:
        if one.fault:
            return one
    peaks = [one.peak_bytes for one in rounds if one.peak_bytes is not None]
    seconds = median([one.seconds for one in rounds if one.seconds is not None])
    return Measured(seconds, int(median(peaks)) if peaks else None)


def render(
    titles: Mapping[str, str],
    sizes: Sequence[int],
    results: Mapping[tuple[str, int], Measured],
    first: str,
) -> str:
    """Return a Markdown table: a row for each title, a column for each size.

    A cell has the time, how many times that of ``first`` it is, and the peak memory in
    bytes a listing.
    """
    head = ["listings", *(f"{size:,}" for size in sizes)]
    lines = [head, ["---"] + ["---:"] * len(sizes)]
    for name, title in titles.items():
        cells = [_cell(results[name, n], results[first, n], n, name == first) for n in sizes]
        lines.append([title, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(one: Measured, base: Measured, n: int, is_base: bool) -> str:
    if one.seconds is None:
        return one.fault
    cell = f"{significant(one.seconds)} s"
    if base.seconds is not None and not is_base:
        cell += f" ({significant(one.seconds / base.seconds, 2)}×)"
    if one.peak_bytes is not None:
        cell += f", {one.peak_bytes / n:.0f} B"
    return cell


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, never in powers of ten."""
    if value == 0:
        return "0"
    text = f"{float(f'{value:.{digits}g}'):.12f}".rstrip("0").rstrip(".")
    return text
