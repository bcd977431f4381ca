"""Label placement: positions of names on a map, each clearly next to its own symbol.

Three rules hold for every name that is placed:

- It does not overlap another name or the frame.
- It is at least twice as near to its own symbol as to any other, or a line (its leader) joins
  it to the middle of its symbol and crosses no other leader, name or middle of a symbol.
- Names have the order of their symbols: of two names in a column, the upper one belongs to the
  upper symbol.

A name without such a position is left out; the first names have priority.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.parallel import end_if_left
from gclust.report.boxes import (
    Rows,
    boxes_meet,
    boxes_to_circles,
    enclosing,
    line_meets_boxes,
    lines_cross,
    lines_meet_boxes,
    lines_through_box,
    lines_to_points,
    meeting_pairs,
    out_of_order,
)

Floats = NDArray[np.float64]
NOTHING: Floats = np.empty((0, 4))

ANGLES = np.radians(np.arange(0.0, 360.0, 15.0))
DIRECTION_COST = 1.0 - np.abs(np.cos(ANGLES)) + 0.25 * (np.cos(ANGLES) < 0) + 0.1 * (np.pi < ANGLES)
"""Left or right of the symbol is better than above or below it, and right better than left.
Costs are in heights of the text: how much further away a better direction may be."""

N_DISTANCES = 28
NEAR = 0.45
"""Largest distance of a name without a leader from its symbol, in heights of the text."""

CLEARER = 2.0
"""Factor by which every other symbol must be farther from a name without a leader."""

STACK = 2.0
"""Largest distance, in heights of the text, at which names must be in the order of symbols."""

LEADER_COST = 1.0
CROSSING_COST = 2.5
HIDING_COST = 4.0
FOREIGN_COST = 8.0
"""Cost of a name that lies over a foreign country altogether: next to it, it would seem to be
one of that country's."""
ROUNDS, PATIENCE = 60, 10
"""Most rounds of the search a name, and rounds a name without an improvement that end it."""
GROUP = 8
"""Most names that are placed again in a round."""
MOST_POSITIONS = 360
"""Cheapest positions of a name that are tried, of up to 672."""


@dataclass(frozen=True)
class Label:
    """Position of a name on the map."""

    box: tuple[float, float, float, float]  # left, bottom, right and top of the text
    leader: tuple[float, float, float, float] | None
    """x, y of the symbol's middle and x, y of the text's edge, if a line joins them."""


def nowhere_foreign(i: int, boxes: Floats) -> Floats:  # noqa: ARG001
    """Return 0 for each position of a name: the default ``foreign`` of `place_labels`."""
    return np.zeros(len(boxes))


def place_labels(
    symbols: Floats,
    sizes: Floats,
    outline: shapely.Polygon,
    *,
    gap: float,
    taken: Floats = NOTHING,
    foreign: Callable[[int, Floats], Floats] = nowhere_foreign,
) -> list[Label | None]:
    """Return a position for each name, or None where none is free.

    Each name in turn takes its cheapest free position. Then neighbours are removed and placed
    again in another order, many times; a round is kept if more of the first names have a
    position, or as many at a lower cost (large neighbourhood search, Shaw 1998). All lengths
    are in the same unit, such as pixels.

    ``symbols`` (m, 4) has x, y and radius of all symbols, and the cost of covering them by texts
    and leaders; the first n are those to be named. ``sizes`` (n, 2) has width and height of each
    text. ``outline`` is the frame of the map, convex; no text may cross it. ``gap`` is the least
    distance between texts, and between a symbol and its text. ``taken`` (k, 4) are boxes that no
    text and no leader may meet, such as an inset. ``foreign`` returns the share of each of some
    boxes of name i that lies over a foreign country.
    """
    page = _Surroundings(outline.buffer(-gap), taken, foreign)
    candidates = [_candidates(i, size, page, symbols, gap) for i, size in enumerate(sizes)]
    search = _Search(candidates, symbols[: len(sizes), :2], gap)
    search.place(range(len(sizes)))
    search.improve()
    return [search.label(i) for i in range(len(sizes))]


@dataclass(frozen=True)
class _Surroundings:
    """What bounds all names: frame, boxes that are taken, and foreign countries."""

    within: shapely.Geometry
    taken: Floats
    foreign: Callable[[int, Floats], Floats]

    def free(self, boxes: Floats, lines: Floats, gap: float) -> NDArray[np.bool_]:
        """Return whether each text with its leader lies within the frame and meets no taken box."""
        free = _contained(boxes, self.within)
        for box in self.taken:
            free &= ~boxes_meet(boxes, box, gap) & ~lines_through_box(lines, box, gap)
        return free


@dataclass(frozen=True)
class _Candidates:
    """The positions that one name may take, the cheapest first, and the cost of each."""

    boxes: Floats
    lines: Floats
    has_leader: NDArray[np.bool_]
    cost: Floats


def _candidates(
    i: int, size: Floats, page: _Surroundings, symbols: Floats, gap: float
) -> _Candidates:
    """Return the allowed positions of a name, the cheapest first."""
    height = float(size[1])
    x, y, radius = (float(v) for v in symbols[i, :3])
    foreign = np.delete(symbols, i, axis=0)
    # Steps grow, so that the far ones reach beyond a densely covered coast.
    steps = gap + height * (np.arange(N_DISTANCES) / 2.0) ** 1.35
    boxes, lines = _around((x, y), radius + steps, size)
    length = np.repeat(steps - gap, ANGLES.size) / height
    base = np.tile(DIRECTION_COST, N_DISTANCES) + length + 0.05 * length**2
    has_leader = length > NEAR
    inside = np.flatnonzero(page.free(boxes, lines, gap))
    far = has_leader[inside]
    # What is cheap to find excludes positions from what is not.
    near = inside[~far]
    nearest = boxes_to_circles(boxes[near], foreign).min(axis=1, initial=np.inf)
    mine = np.maximum(boxes_to_circles(boxes[near], symbols[[i]])[:, 0], gap)
    led = inside[far]
    led = led[_misses_middles(lines[led], foreign, gap)]
    allowed = np.sort(np.concatenate([near[nearest >= CLEARER * mine], led]))
    boxes, lines, has_leader = boxes[allowed], lines[allowed], has_leader[allowed]
    others = foreign + np.array([0.0, 0.0, 2.0 * gap, 0.0])
    cost = (
        base[allowed]
        + LEADER_COST * has_leader
        + CROSSING_COST * has_leader * _crossed(lines, others)
        + HIDING_COST * _hidden(boxes, others, height)
        + FOREIGN_COST * page.foreign(i, boxes)
    )
    order = np.argsort(cost, kind="stable")[:MOST_POSITIONS]
    return _Candidates(boxes[order], lines[order], has_leader[order], cost[order])


class _Search:
    """State of the search: the position chosen for each name (-1 for none), and free positions."""

    def __init__(self, candidates: list[_Candidates], anchors: Floats, gap: float) -> None:
        counts = [len(c.cost) for c in candidates]
        ends = np.cumsum([0, *counts])
        self.of = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.owner = np.repeat(np.arange(len(candidates)), counts)
        self.boxes = np.concatenate([c.boxes for c in candidates] or [np.empty((0, 4))])
        self.lines = np.concatenate([c.lines for c in candidates] or [np.empty((0, 4))])
        self.has_leader = np.concatenate([c.has_leader for c in candidates] or [np.empty(0, bool)])
        self.cost = np.concatenate([c.cost for c in candidates] or [np.empty(0)])
        self.anchors = anchors
        self.gap = gap
        boxes, lines = self.boxes, enclosing(self.lines)
        self.extents = np.hstack(
            [np.minimum(boxes[:, :2], lines[:, :2]), np.maximum(boxes[:, 2:], lines[:, 2:])]
        )
        self.chosen = np.full(len(candidates), -1, dtype=np.int64)
        self.blocked = np.zeros(len(self.cost), dtype=np.min_scalar_type(len(candidates)))
        self._conflicts_of: dict[int, NDArray[Any]] = {}

    def improve(self) -> None:
        """Remove groups of neighbouring names and place them again; keep improvements."""
        # The sequence of random() is the same in every version of Python.
        draw = random.Random(0).random
        n = len(self.chosen)
        apart = np.hypot(*(self.anchors[:, None] - self.anchors[None]).T)
        neighbours = np.argsort(apart, axis=1, kind="stable")
        best, improved = self._loss(), 0
        for turn in range(ROUNDS * n):
            if turn - improved > PATIENCE * n:
                return
            end_if_left()
            size = 1 + int(draw() * GROUP)
            group = sorted(neighbours[turn % n, :size].tolist(), key=lambda _: draw())
            before = self.chosen.copy()
            self.remove(group)
            self.place(group, draw)
            loss = self._loss()
            if loss < best:
                best, improved = loss, turn
            elif not np.array_equal(before, self.chosen):
                self.remove(group)
                for i in group:
                    self._put(i, int(before[i]))

    def remove(self, names: Iterable[int]) -> None:
        for i in names:
            if self.chosen[i] >= 0:
                self.blocked -= self._conflicts(int(self.chosen[i]))
                self.chosen[i] = -1

    def place(self, names: Iterable[int], draw: Callable[[], float] = lambda: 1.0) -> None:
        """Give each name its free position of least cost; a random ``draw`` may choose another."""
        for i in names:
            free = np.flatnonzero(self.blocked[self.of[i]] == 0)
            if len(free):
                # Each is half as likely as the one before it.
                n = min(int(-math.log2(max(draw(), 1e-9))), len(free) - 1)
                self._put(i, self.of[i].start + int(free[n]))

    def _put(self, i: int, position: int) -> None:
        self.chosen[i] = position
        if position >= 0:
            self.blocked += self._conflicts(position)

    def _loss(self) -> tuple[list[bool], float]:
        placed = self.chosen >= 0
        return (~placed).tolist(), round(float(self.cost[self.chosen[placed]].sum()), 6)

    def _conflicts(self, position: int) -> NDArray[Any]:
        """Return 1 for each position of other names that a position with its leader excludes."""
        if position not in self._conflicts_of:
            found = np.zeros(len(self.cost), dtype=self.blocked.dtype)
            near = self._near(position)
            found[near[self._excludes(position, near)]] = 1
            self._conflicts_of[position] = found
        return self._conflicts_of[position]

    def _near(self, position: int) -> Rows:
        """Return the positions of other names that are near enough for a conflict."""
        box = self.boxes[position]
        reach = max(self.gap, STACK * (box[3] - box[1]))
        left, bottom, right, top = self.extents[position]
        around = np.array([left - reach, bottom - reach, right + reach, top + reach])
        near = boxes_meet(self.extents, around, 0.0)
        near[self.of[self.owner[position]]] = False
        return np.flatnonzero(near)

    def _excludes(self, position: int, others: Rows) -> NDArray[np.bool_]:
        """Return whether a position with its leader excludes each of some positions."""
        boxes, lines, owner = self.boxes[others], self.lines[others], self.owner[others]
        box, line = self.boxes[position], self.lines[position]
        found = boxes_meet(boxes, box, self.gap)
        reach, slack = STACK * (box[3] - box[1]), self.gap / 2
        anchor = self.anchors[self.owner[position]]
        found |= out_of_order(boxes, self.anchors[owner], box, anchor, reach, slack)
        crossing = lines_through_box(lines, box, self.gap / 2)
        if self.has_leader[position]:
            found |= line_meets_boxes(line, boxes, self.gap / 2)
            crossing |= lines_cross(lines, line)
        return found | (crossing & self.has_leader[others])

    def label(self, i: int) -> Label | None:
        k = int(self.chosen[i])
        if k < 0:
            return None
        left, bottom, right, top = (float(v) for v in self.boxes[k])
        leader = tuple(float(v) for v in self.lines[k]) if self.has_leader[k] else None
        return Label((left, bottom, right, top), leader)  # type: ignore[arg-type]


def _around(anchor: tuple[float, float], reaches: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Return boxes around a symbol in all directions, and lines from its middle to them."""
    width, height = size
    angle = np.tile(ANGLES, len(reaches))
    reach = np.repeat(reaches, ANGLES.size)
    end_x, end_y = anchor[0] + reach * np.cos(angle), anchor[1] + reach * np.sin(angle)
    # The line from the symbol meets the text at its nearest edge or corner.
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
    """Return whether each line stays away from the middles of all other symbols."""
    misses = np.ones(len(lines), dtype=bool)
    apart = np.hypot(*(symbols[:, :2] - lines[:1, :2]).T) > gap
    middles = symbols[apart & (symbols[:, 3] >= 1.0), :2]
    line, middle = meeting_pairs(enclosing(lines), np.hstack([middles - gap, middles + gap]))
    misses[line[lines_to_points(lines[line], middles[middle]) <= gap / 2]] = False
    return misses


def _squares(symbols: Floats) -> Floats:
    at, r = symbols[:, :2], symbols[:, [2]]
    return np.hstack([at - r, at + r])


def _crossed(lines: Floats, symbols: Floats) -> Floats:
    """Return the cost of each line for the symbols that it crosses."""
    squares = _squares(symbols)
    line, symbol = meeting_pairs(enclosing(lines), squares)
    meets = lines_meet_boxes(lines[line], squares[symbol], 0.0)
    return np.bincount(line[meets], symbols[symbol[meets], 3], len(lines)).astype(np.float64)


def _hidden(boxes: Floats, symbols: Floats, height: float) -> Floats:
    """Return the cost of each box for the symbols that it hides.

    A small symbol counts by its hidden fraction, a large one also by the hidden area, in
    squares of the text's height.
    """
    squares = _squares(symbols)
    box, symbol = meeting_pairs(boxes, squares)
    low = np.maximum(boxes[box, :2], squares[symbol, :2])
    area = np.clip(np.minimum(boxes[box, 2:], squares[symbol, 2:]) - low, 0.0, None).prod(axis=1)
    r, matter = symbols[symbol, 2], symbols[symbol, 3]
    # Rows of zeros are summed in the same order, whatever is hidden.
    hidden = np.zeros((len(boxes), len(symbols)))
    hidden[box, symbol] = matter * (area / (2.0 * r) ** 2 + 0.5 * area / height**2)
    return np.asarray(hidden.sum(axis=1))
