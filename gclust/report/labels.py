"""Places for the names on a map: none over another, none cut off by the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Label", "place_labels"]

Floats = NDArray[np.float64]

ANGLES = np.radians(np.arange(0.0, 360.0, 15.0))
DIRECTION_COST = 1.0 - np.abs(np.cos(ANGLES)) + 0.25 * (np.cos(ANGLES) < 0) + 0.1 * (np.pi < ANGLES)
"""Beside the symbol is better than above or below it, and right better than left. In
heights of the text, as every cost: how much further away a better direction may be."""

N_DISTANCES = 28
LEADER_COST = 1.0
CROSSING_COST = 1.5
HIDING_COST = 4.0
RESTARTS = 12
SWEEPS = 4


@dataclass(frozen=True)
class Label:
    """Where a name stands.

    Attributes
    ----------
    box : tuple of float
        Left, bottom, right and top of the text.
    leader : tuple of float or None
        x, y of the symbol's edge and x, y of the text's edge, where a line joins them.
    """

    box: tuple[float, float, float, float]
    leader: tuple[float, float, float, float] | None


def place_labels(
    anchors: Floats,
    radii: Floats,
    sizes: Floats,
    outline: shapely.Polygon,
    *,
    symbols: Floats,
    gap: float,
) -> list[Label | None]:
    """Find a place for each name; the first ones choose first.

    Greedy choice of the cheapest free place, then `SWEEPS` rounds in which each name in
    turn may move to a cheaper one. Names that find no place choose before all others in a
    new start, up to `RESTARTS` times. All lengths are in the same unit, pixels say.

    Parameters
    ----------
    anchors : (n, 2) array
        Middle of each symbol to be named.
    radii : (n,) array
        Its radius.
    sizes : (n, 2) array
        Width and height of the text.
    outline : shapely.Polygon
        Frame of the map, convex, which no text may cross.
    symbols : (m, 3) array
        x, y and radius of all symbols, which texts had better not cover.
    gap : float
        Least distance between texts, and between a symbol and its text.

    Returns
    -------
    list
        A `Label` for each name, or None where no place is free.
    """
    within = outline.buffer(-gap)
    options = [
        _Options(anchors[i], radii[i], sizes[i], within, symbols, gap) for i in range(len(anchors))
    ]
    order = list(range(len(options)))
    best = _settle(options, order, gap)
    for _ in range(RESTARTS):
        homeless = [i for i in order if best[i] < 0]
        if not homeless:
            break
        order = homeless + [i for i in order if i not in homeless]
        found = _settle(options, order, gap)
        if (found < 0).sum() < (best < 0).sum():
            best = found
    return [o.label(k) if k >= 0 else None for o, k in zip(options, best, strict=True)]


def _settle(options: list[_Options], order: list[int], gap: float) -> NDArray[np.int64]:
    """Choose for each name in turn, then let each move while any gains by it."""
    chosen = np.full(len(options), -1, dtype=np.int64)
    for _ in range(1 + SWEEPS):
        before = chosen.copy()
        for i in order:
            taken = [(options[j], int(k)) for j, k in enumerate(chosen) if k >= 0 and j != i]
            chosen[i] = options[i].best(taken, gap)
        if np.array_equal(before, chosen):
            break
    return chosen


class _Options:
    """All places that one name may take, and what each costs by itself."""

    def __init__(
        self,
        anchor: Floats,
        radius: float,
        size: Floats,
        within: shapely.Geometry,
        symbols: Floats,
        gap: float,
    ) -> None:
        width, height = size
        # Steps grow, so that the far ones still reach over a crowded coast.
        steps = gap + height * (np.arange(N_DISTANCES) / 2.0) ** 1.35
        angle = np.tile(ANGLES, N_DISTANCES)
        reach = radius + np.repeat(steps, ANGLES.size)
        edge_x = anchor[0] + reach * np.cos(angle)
        edge_y = anchor[1] + reach * np.sin(angle)
        # The text hangs on the point where the line from the symbol meets it.
        left = edge_x - width * (1.0 - np.clip(np.cos(angle) * 1.5, -1.0, 1.0)) / 2.0
        bottom = edge_y - height * (1.0 - np.clip(np.sin(angle) * 1.5, -1.0, 1.0)) / 2.0
        boxes = np.column_stack([left, bottom, left + width, bottom + height])
        corners = [(0, 1), (2, 1), (2, 3), (0, 3)]
        inside = np.logical_and.reduce(
            [shapely.contains_xy(within, boxes[:, i], boxes[:, j]) for i, j in corners]
        )
        self.boxes = boxes[inside]
        start = np.column_stack(
            [anchor[0] + radius * np.cos(angle), anchor[1] + radius * np.sin(angle)]
        )
        self.lines = np.column_stack([start, edge_x, edge_y])[inside]
        distance = np.repeat(steps - gap, ANGLES.size)[inside]
        self.has_leader = distance > 0.45 * height
        directions = np.tile(DIRECTION_COST, N_DISTANCES)[inside]
        # A name that touches another's symbol would be read as that one's name.
        own = (symbols == (*anchor, radius)).all(axis=1)
        others = symbols[~own] + np.array([0.0, 0.0, 2.0 * gap])
        lines = distance / height
        self.cost = (
            directions
            + lines
            + 0.05 * lines**2
            + LEADER_COST * self.has_leader
            + CROSSING_COST * self.has_leader * _n_crossed(self.lines, others)
            + HIDING_COST * _hidden(self.boxes, others, height)
        )

    def best(self, taken: list[tuple[_Options, int]], gap: float) -> int:
        """Cheapest place that is free of `taken`, -1 if there is none."""
        free = np.ones(len(self.boxes), dtype=bool)
        for other, k in taken:
            free &= ~_boxes_meet(self.boxes, other.boxes[k], gap)
            if other.has_leader[k]:
                free &= ~_line_meets_boxes(other.lines[k], self.boxes, gap / 2)
            crossing = _line_through_box(self.lines, other.boxes[k], gap / 2)
            if other.has_leader[k]:
                crossing |= _lines_cross(self.lines, other.lines[k])
            free &= ~(crossing & self.has_leader)
        if not free.any():
            return -1
        return int(np.argmin(np.where(free, self.cost, np.inf)))

    def label(self, k: int) -> Label:
        left, bottom, right, top = (float(v) for v in self.boxes[k])
        leader = tuple(float(v) for v in self.lines[k]) if self.has_leader[k] else None
        return Label((left, bottom, right, top), leader)  # type: ignore[arg-type]


def _hidden(boxes: Floats, symbols: Floats, height: float) -> Floats:
    """How much of the symbols each box hides.

    A small symbol counts by its hidden share, a large one also by the hidden area, in
    squares of the text's height.
    """
    if not len(symbols):
        return np.zeros(len(boxes))
    x, y, r = (symbols[:, i][None, :] for i in range(3))
    wide = np.minimum(boxes[:, [2]], x + r) - np.maximum(boxes[:, [0]], x - r)
    high = np.minimum(boxes[:, [3]], y + r) - np.maximum(boxes[:, [1]], y - r)
    area = np.clip(wide, 0.0, None) * np.clip(high, 0.0, None)
    return (area / (2.0 * r) ** 2 + 0.5 * area / height**2).sum(axis=1)


def _n_crossed(lines: Floats, symbols: Floats) -> Floats:
    """How many symbols each line crosses."""
    found = np.zeros(len(lines))
    for x, y, r in symbols:
        square = np.array([x - r, y - r, x + r, y + r])
        found += _line_through_box(lines, square, 0.0)
    return found


def _boxes_meet(boxes: Floats, box: Floats, gap: float) -> NDArray[np.bool_]:
    return (
        (boxes[:, 0] < box[2] + gap)
        & (boxes[:, 2] > box[0] - gap)
        & (boxes[:, 1] < box[3] + gap)
        & (boxes[:, 3] > box[1] - gap)
    )


def _line_meets_boxes(line: Floats, boxes: Floats, gap: float) -> NDArray[np.bool_]:
    """Whether one line crosses each of many boxes (Liang and Barsky 1984)."""
    return _clip(np.broadcast_to(line, (len(boxes), 4)), boxes, gap)


def _line_through_box(lines: Floats, box: Floats, gap: float) -> NDArray[np.bool_]:
    return _clip(lines, np.broadcast_to(box, (len(lines), 4)), gap)


def _clip(lines: Floats, boxes: Floats, gap: float) -> NDArray[np.bool_]:
    enter, leave = np.zeros(len(lines)), np.ones(len(lines))
    meets = np.ones(len(lines), dtype=bool)
    for axis in (0, 1):
        start = lines[:, axis]
        step = lines[:, axis + 2] - start
        low, high = boxes[:, axis] - gap - start, boxes[:, axis + 2] + gap - start
        still = step == 0.0
        safe = np.where(still, 1.0, step)
        first, last = np.minimum(low / safe, high / safe), np.maximum(low / safe, high / safe)
        meets &= ~still | ((low < 0) & (high > 0))
        enter = np.where(still, enter, np.maximum(enter, first))
        leave = np.where(still, leave, np.minimum(leave, last))
    return meets & (enter < leave)


def _lines_cross(lines: Floats, line: Floats) -> NDArray[np.bool_]:
    def side(ax: Floats, ay: Floats, bx: Floats, by: Floats, cx: Floats, cy: Floats) -> Floats:
        return np.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))

    x0, y0, x1, y1 = (lines[:, i] for i in range(4))
    u0, v0, u1, v1 = (np.full(len(lines), line[i]) for i in range(4))
    one = side(x0, y0, x1, y1, u0, v0) != side(x0, y0, x1, y1, u1, v1)
    two = side(u0, v0, u1, v1, x0, y0) != side(u0, v0, u1, v1, x1, y1)
    return one & two
