"""Places for the names on a map: each is read as the name of its own symbol.

Three rules hold for every name that is placed. No name meets another or the frame. A
name without a leader is at least twice as near to its own symbol as to any other; every
other name has a leader, a line to the middle of its symbol, which crosses no other
leader or name and passes no other middle. And names stand in the order of their
symbols: of two above each other the upper one belongs to the upper symbol. A name that
finds no such place is left out; the first names come first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.report.boxes import (
    boxes_meet,
    boxes_to_circles,
    line_meets_boxes,
    lines_cross,
    lines_through_box,
    lines_to_points,
    out_of_order,
)

__all__ = ["Label", "place_labels"]

Floats = NDArray[np.float64]

ANGLES = np.radians(np.arange(0.0, 360.0, 15.0))
DIRECTION_COST = 1.0 - np.abs(np.cos(ANGLES)) + 0.25 * (np.cos(ANGLES) < 0) + 0.1 * (np.pi < ANGLES)
"""Beside the symbol is better than above or below it, and right better than left. In
heights of the text, as every cost: how much further away a better direction may be."""

N_DISTANCES = 28
NEAR = 0.45
"""Up to this distance from its symbol, in heights of the text, a name has no leader."""

CLEARER = 2.0
"""How many times further every other symbol must be from a name without a leader."""

STACK = 2.0
"""Names up to this far apart, in heights of the text, stand in the order of their symbols."""

LEADER_COST = 1.0
CROSSING_COST = 2.5
HIDING_COST = 4.0
ROUNDS = 1500
GROUP = 8
"""Rounds of the search, and up to how many names are placed anew in each."""


@dataclass(frozen=True)
class Label:
    """Where a name stands.

    Attributes
    ----------
    box : tuple of float
        Left, bottom, right and top of the text.
    leader : tuple of float or None
        x, y of the symbol's middle and x, y of the text's edge, where a line joins them.
    """

    box: tuple[float, float, float, float]
    leader: tuple[float, float, float, float] | None


def place_labels(
    symbols: Floats, sizes: Floats, outline: shapely.Polygon, *, gap: float
) -> list[Label | None]:
    """Find a place for each name.

    Each in turn takes its cheapest free place. Then neighbours are lifted and put down
    again in another order, `ROUNDS` times, which stays if more of the first names have a
    place, or as many of them at a lower cost (large neighbourhood search, Shaw 1998). All
    lengths are in the same unit, pixels say.

    Parameters
    ----------
    symbols : (m, 4) array
        x, y and radius of all symbols, and how much it matters that texts and leaders
        do not cover them. The first n are those to be named.
    sizes : (n, 2) array
        Width and height of each text.
    outline : shapely.Polygon
        Frame of the map, convex, which no text may cross.
    gap : float
        Least distance between texts, and between a symbol and its text.

    Returns
    -------
    list
        A `Label` for each name, or None where no place is free.
    """
    within = outline.buffer(-gap)
    places = [_places(i, size, within, symbols, gap) for i, size in enumerate(sizes)]
    search = _Search(places, symbols[: len(sizes), :2], gap)
    search.put_down(range(len(sizes)))
    search.improve()
    return [search.label(i) for i in range(len(sizes))]


@dataclass(frozen=True)
class _Places:
    """All places that one name may take, and what each costs by itself."""

    boxes: Floats
    lines: Floats
    has_leader: NDArray[np.bool_]
    cost: Floats


def _places(i: int, size: Floats, within: shapely.Geometry, symbols: Floats, gap: float) -> _Places:
    height = float(size[1])
    x, y, radius = (float(v) for v in symbols[i, :3])
    foreign = np.delete(symbols, i, axis=0)
    # Steps grow, so that the far ones still reach over a crowded coast.
    steps = gap + height * (np.arange(N_DISTANCES) / 2.0) ** 1.35
    boxes, lines = _around((x, y), radius + steps, size)
    length = np.repeat(steps - gap, ANGLES.size) / height
    has_leader = length > NEAR
    nearest = boxes_to_circles(boxes, foreign).min(axis=1, initial=np.inf)
    mine = np.maximum(boxes_to_circles(boxes, symbols[[i]])[:, 0], gap)
    plain = np.where(has_leader, _misses_middles(lines, foreign, gap), nearest >= CLEARER * mine)
    others = foreign + np.array([0.0, 0.0, 2.0 * gap, 0.0])
    cost = (
        np.tile(DIRECTION_COST, N_DISTANCES)
        + length
        + 0.05 * length**2
        + LEADER_COST * has_leader
        + CROSSING_COST * has_leader * _crossed(lines, others)
        + HIDING_COST * _hidden(boxes, others, height)
    )
    allowed = plain & _contained(boxes, within)
    return _Places(boxes[allowed], lines[allowed], has_leader[allowed], cost[allowed])


class _Search:
    """Which place each name has, -1 for none, and which places that leaves free."""

    def __init__(self, places: list[_Places], anchors: Floats, gap: float) -> None:
        counts = [len(p.cost) for p in places]
        ends = np.cumsum([0, *counts])
        self.of = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.owner = np.repeat(np.arange(len(places)), counts)
        self.boxes = np.concatenate([p.boxes for p in places] or [np.empty((0, 4))])
        self.lines = np.concatenate([p.lines for p in places] or [np.empty((0, 4))])
        self.has_leader = np.concatenate([p.has_leader for p in places] or [np.empty(0, bool)])
        self.cost = np.concatenate([p.cost for p in places] or [np.empty(0)])
        self.anchors = anchors
        self.gap = gap
        self.chosen = np.full(len(places), -1, dtype=np.int64)
        self.blocked = np.zeros(len(self.cost), dtype=np.int64)
        self._in_the_way_of: dict[int, NDArray[np.bool_]] = {}

    def improve(self) -> None:
        """Place neighbours anew, and keep what is better."""
        # The sequence of random() is the same in every version of Python.
        draw = random.Random(0).random
        n = len(self.chosen)
        apart = np.hypot(*(self.anchors[:, None] - self.anchors[None]).T)
        neighbours = np.argsort(apart, axis=1, kind="stable")
        best = self._loss()
        for turn in range(ROUNDS if n else 0):
            size = 1 + int(draw() * GROUP)
            group = sorted(neighbours[turn % n, :size].tolist(), key=lambda _: draw())
            before = self.chosen.copy()
            self.lift(group)
            self.put_down(group, draw)
            loss = self._loss()
            if loss < best:
                best = loss
            elif not np.array_equal(before, self.chosen):
                self.lift(group)
                for i in group:
                    self._put(i, int(before[i]))

    def lift(self, names: Iterable[int]) -> None:
        for i in names:
            if self.chosen[i] >= 0:
                self.blocked -= self._in_the_way(int(self.chosen[i]))
                self.chosen[i] = -1

    def put_down(self, names: Iterable[int], draw: Callable[[], float] = lambda: 1.0) -> None:
        """Give each name in turn the cheapest place that is free, or the next, or the next ..."""
        for i in names:
            free = np.flatnonzero(self.blocked[self.of[i]] == 0) + self.of[i].start
            if len(free):
                # Each is half as likely as the one before it.
                n = min(int(-np.log2(max(draw(), 1e-9))), len(free) - 1)
                self._put(i, int(free[np.argsort(self.cost[free], kind="stable")[n]]))

    def _put(self, i: int, place: int) -> None:
        self.chosen[i] = place
        if place >= 0:
            self.blocked += self._in_the_way(place)

    def _loss(self) -> tuple[list[bool], float]:
        placed = self.chosen >= 0
        return (~placed).tolist(), round(float(self.cost[self.chosen[placed]].sum()), 6)

    def _in_the_way(self, place: int) -> NDArray[np.bool_]:
        """Whether a place, leader included, is in the way of each place of all other names."""
        if place not in self._in_the_way_of:
            box, line, owner = self.boxes[place], self.lines[place], self.owner[place]
            found = boxes_meet(self.boxes, box, self.gap)
            reach, slack = STACK * (box[3] - box[1]), self.gap / 2
            anchors = self.anchors[self.owner]
            found |= out_of_order(self.boxes, anchors, box, self.anchors[owner], reach, slack)
            crossing = lines_through_box(self.lines, box, self.gap / 2)
            if self.has_leader[place]:
                found |= line_meets_boxes(line, self.boxes, self.gap / 2)
                crossing |= lines_cross(self.lines, line)
            found |= crossing & self.has_leader
            found[self.of[owner]] = False
            self._in_the_way_of[place] = found
        return self._in_the_way_of[place]

    def label(self, i: int) -> Label | None:
        k = int(self.chosen[i])
        if k < 0:
            return None
        left, bottom, right, top = (float(v) for v in self.boxes[k])
        leader = tuple(float(v) for v in self.lines[k]) if self.has_leader[k] else None
        return Label((left, bottom, right, top), leader)  # type: ignore[arg-type]


def _around(anchor: tuple[float, float], reaches: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Boxes round a symbol in all directions, and lines to them from its middle."""
    width, height = size
    angle = np.tile(ANGLES, len(reaches))
    reach = np.repeat(reaches, ANGLES.size)
    end_x, end_y = anchor[0] + reach * np.cos(angle), anchor[1] + reach * np.sin(angle)
    # The text hangs on the point where the line from the symbol meets it.
    left = end_x - width * (1.0 - np.clip(np.cos(angle) * 1.5, -1.0, 1.0)) / 2.0
    bottom = end_y - height * (1.0 - np.clip(np.sin(angle) * 1.5, -1.0, 1.0)) / 2.0
    boxes = np.column_stack([left, bottom, left + width, bottom + height])
    middle = np.broadcast_to(anchor, (len(angle), 2))
    return boxes, np.column_stack([middle, end_x, end_y])


def _contained(boxes: Floats, within: shapely.Geometry) -> NDArray[np.bool_]:
    corners = [(0, 1), (2, 1), (2, 3), (0, 3)]
    return np.logical_and.reduce(
        [shapely.contains_xy(within, boxes[:, i], boxes[:, j]) for i, j in corners]
    )


def _misses_middles(lines: Floats, symbols: Floats, gap: float) -> NDArray[np.bool_]:
    """Whether each line passes the middle of no other symbol, where its end is told from it."""
    apart = np.hypot(*(symbols[:, :2] - lines[0, :2]).T) > gap
    matters = symbols[:, 3] >= 1.0
    nearest = lines_to_points(lines, symbols[apart & matters]).min(axis=1, initial=np.inf)
    return np.greater(nearest, gap / 2)


def _crossed(lines: Floats, symbols: Floats) -> Floats:
    """How many symbols each line crosses, by how much they matter."""
    found = np.zeros(len(lines))
    for x, y, r, matter in symbols:
        square = np.array([x - r, y - r, x + r, y + r])
        found += matter * lines_through_box(lines, square, 0.0)
    return found


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
