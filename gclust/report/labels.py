"""Places for the names on a map: none over another, none cut off by the frame."""

from __future__ import annotations

from collections.abc import Iterable
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
AMBIGUITY_COST = 4.0
EVICTION_COST = 20.0
TURNS = 8
"""How often each name may choose, on average, before those without a place go without."""
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

    Each takes its cheapest place. One that is taken may be taken over at a cost that
    rises with every time that its holder has lost one, and the holder chooses again.
    Then follow `SWEEPS` rounds in which each name in turn may move to a cheaper free
    place. All lengths are in the same unit, pixels say.

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
    symbols : (m, 4) array
        x, y and radius of all symbols, which texts had better not cover, and how much
        each of them matters.
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
    chosen = _settle(options, gap)
    for _ in range(SWEEPS):
        before = chosen.copy()
        for i, option in enumerate(options):
            holders = [j for j, k in enumerate(chosen) if k >= 0 and j != i]
            free = ~_conflicts(option, options, holders, chosen, gap).any(axis=0)
            price = np.where(free, option.cost, np.inf)
            chosen[i] = int(np.argmin(price)) if free.any() else -1
        if np.array_equal(before, chosen):
            break
    return [o.label(k) if k >= 0 else None for o, k in zip(options, chosen, strict=True)]


def _settle(options: list[_Options], gap: float) -> NDArray[np.int64]:
    """Let names choose, and choose again where they are driven out."""
    chosen = np.full(len(options), -1, dtype=np.int64)
    lost = np.zeros(len(options))
    queue = [i for i, option in enumerate(options) if len(option.cost)]
    for _ in range(TURNS * len(options)):
        if not queue:
            break
        i = queue.pop(0)
        holders = np.flatnonzero(chosen >= 0)
        conflicts = _conflicts(options[i], options, holders, chosen, gap)
        price = options[i].cost + EVICTION_COST * (1.0 + lost[holders]) @ conflicts
        chosen[i] = int(np.argmin(price))
        driven_out = holders[conflicts[:, chosen[i]]]
        chosen[driven_out] = -1
        lost[driven_out] += 1.0
        queue.extend(driven_out.tolist())
    return chosen


def _conflicts(
    option: _Options,
    options: list[_Options],
    holders: Iterable[int],
    chosen: NDArray[np.int64],
    gap: float,
) -> NDArray[np.bool_]:
    """Whether each holder's place (rows) is in the way of each place of `option`."""
    rows = [option.meets(options[j], int(chosen[j]), gap) for j in holders]
    return np.array(rows, dtype=bool).reshape(len(rows), len(option.cost))


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
        own = (symbols[:, :3] == (*anchor, radius)).all(axis=1)
        foreign = symbols[~own]
        # Without a leader a name is read as that of the nearest symbol.
        nearest = _distance(self.boxes, foreign[foreign[:, 3] >= 1.0]).min(axis=1, initial=np.inf)
        mine = _distance(self.boxes, np.array([[*anchor, radius]]))[:, 0]
        others = foreign + np.array([0.0, 0.0, 2.0 * gap, 0.0])
        lines = distance / height
        self.cost = (
            directions
            + lines
            + 0.05 * lines**2
            + LEADER_COST * self.has_leader
            + AMBIGUITY_COST * (~self.has_leader & (nearest < mine + gap))
            + CROSSING_COST * self.has_leader * _n_crossed(self.lines, others)
            + HIDING_COST * _hidden(self.boxes, others, height)
        )

    def meets(self, other: _Options, k: int, gap: float) -> NDArray[np.bool_]:
        """Whether each place meets place `k` of another name, leaders included."""
        found = _boxes_meet(self.boxes, other.boxes[k], gap)
        crossing = _line_through_box(self.lines, other.boxes[k], gap / 2)
        if other.has_leader[k]:
            found |= _line_meets_boxes(other.lines[k], self.boxes, gap / 2)
            crossing |= _lines_cross(self.lines, other.lines[k])
        return found | (crossing & self.has_leader)

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
    x, y, r, matter = (symbols[:, i][None, :] for i in range(4))
    wide = np.minimum(boxes[:, [2]], x + r) - np.maximum(boxes[:, [0]], x - r)
    high = np.minimum(boxes[:, [3]], y + r) - np.maximum(boxes[:, [1]], y - r)
    area = np.clip(wide, 0.0, None) * np.clip(high, 0.0, None)
    return (matter * (area / (2.0 * r) ** 2 + 0.5 * area / height**2)).sum(axis=1)


def _distance(boxes: Floats, symbols: Floats) -> Floats:
    """Distance of each box (rows) from the edge of each symbol."""
    x, y, r = (symbols[:, i][None, :] for i in range(3))
    aside = np.maximum(np.maximum(boxes[:, [0]] - x, x - boxes[:, [2]]), 0.0)
    above = np.maximum(np.maximum(boxes[:, [1]] - y, y - boxes[:, [3]]), 0.0)
    return np.hypot(aside, above) - r


def _n_crossed(lines: Floats, symbols: Floats) -> Floats:
    """How many symbols each line crosses, by how much they matter."""
    found = np.zeros(len(lines))
    for x, y, r, matter in symbols:
        square = np.array([x - r, y - r, x + r, y + r])
        found += matter * _line_through_box(lines, square, 0.0)
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
