"""Distances and intersections of boxes, lines and circles in the plane of a map.

A box is given by left, bottom, right and top; a line by x and y of its two ends; a circle by
x, y and radius. Each row of an array is one box, line or circle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Rows = NDArray[np.intp]


def boxes_to_circles(boxes: Floats, circles: Floats) -> Floats:
    """Return the distances of boxes (rows) from the edges of circles (columns); negative inside."""
    x, y, r = (circles[:, i][None, :] for i in range(3))
    aside = np.maximum(np.maximum(boxes[:, [0]] - x, x - boxes[:, [2]]), 0.0)
    above = np.maximum(np.maximum(boxes[:, [1]] - y, y - boxes[:, [3]]), 0.0)
    return np.hypot(aside, above) - r


def lines_to_points(lines: Floats, points: Floats) -> Floats:
    """Return the distance of each line from the point of its row."""
    x, y = points[:, 0], points[:, 1]
    x0, y0 = lines[:, 0], lines[:, 1]
    dx, dy = lines[:, 2] - x0, lines[:, 3] - y0
    square = dx**2 + dy**2
    along = ((x - x0) * dx + (y - y0) * dy) / np.where(square > 0.0, square, 1.0)
    along = np.clip(along, 0.0, 1.0)
    return np.hypot(x0 + along * dx - x, y0 + along * dy - y)


def enclosing(lines: Floats) -> Floats:
    """Return the least box around each line."""
    ends = lines[:, :2], lines[:, 2:]
    return np.hstack([np.minimum(*ends), np.maximum(*ends)])


def meeting_pairs(boxes: Floats, others: Floats) -> tuple[Rows, Rows]:
    """Return the rows of boxes and of other boxes that meet or touch, pair by pair."""
    if not len(boxes):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    # First those that meet the box around all, which are few.
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    near = np.flatnonzero(((others[:, 2:] >= low) & (others[:, :2] <= high)).all(axis=1))
    left, bottom, right, top = others[near].T
    row, column = np.nonzero(
        (boxes[:, [2]] >= left)
        & (boxes[:, [0]] <= right)
        & (boxes[:, [3]] >= bottom)
        & (boxes[:, [1]] <= top)
    )
    return row, near[column]


def boxes_meet(boxes: Floats, box: Floats, gap: float) -> Truths:
    """Return whether each box is nearer than `gap` to one given box."""
    return (
        (boxes[:, 0] < box[2] + gap)
        & (boxes[:, 2] > box[0] - gap)
        & (boxes[:, 1] < box[3] + gap)
        & (boxes[:, 3] > box[1] - gap)
    )


def out_of_order(
    boxes: Floats, anchors: Floats, box: Floats, anchor: Floats, reach: float, slack: float
) -> Truths:
    """Return whether each box and a given box near it are ordered unlike their anchors.

    Of two boxes in a column the upper one should have the upper anchor; of two in a row the
    left one should have the left anchor. Only boxes within `reach` of the given box are compared.
    Anchors that differ by at most `slack` have no order.
    """
    found = np.zeros(len(boxes), dtype=bool)
    for axis, across in ((1, 0), (0, 1)):
        step = anchors[:, axis] - anchor[axis]
        in_line = (boxes[:, across] < box[across + 2]) & (boxes[:, across + 2] > box[across])
        near = (boxes[:, axis] < box[axis + 2] + reach) & (boxes[:, axis + 2] > box[axis] - reach)
        middle = (boxes[:, axis] + boxes[:, axis + 2] - box[axis] - box[axis + 2]) / 2.0
        found |= in_line & near & (np.abs(step) > slack) & (middle * step < 0.0)
    return found


def line_meets_boxes(line: Floats, boxes: Floats, gap: float) -> Truths:
    """Return, for each box, whether one given line comes nearer than `gap` to it."""
    return lines_meet_boxes(line[None], boxes, gap)


def lines_through_box(lines: Floats, box: Floats, gap: float) -> Truths:
    """Return whether each line comes nearer than `gap` to one given box."""
    return lines_meet_boxes(lines, box[None], gap)


def lines_meet_boxes(lines: Floats, boxes: Floats, gap: float) -> Truths:
    """Return whether each line comes nearer than `gap` to the box of its row.

    There may be one line or one box for all rows. The lines are clipped as by Liang and Barsky
    (1984).
    """
    enter: Any = 0.0
    leave: Any = 1.0
    for axis in (0, 1):
        start = lines[:, axis]
        step = lines[:, axis + 2] - start
        low, high = boxes[:, axis] - gap - start, boxes[:, axis + 2] + gap - start
        still = step == 0.0
        any_still = bool(still.any())
        if any_still:
            step = np.where(still, 1.0, step)
        one, other = low / step, high / step
        first, last = np.minimum(one, other), np.maximum(one, other)
        if any_still:
            # A line that does not move along an axis is within the box there at all times or never.
            never = still & ~((low < 0) & (high > 0))
            first = np.where(still, np.where(never, np.inf, 0.0), first)
            last = np.where(still, 1.0, last)
        enter, leave = np.maximum(enter, first), np.minimum(leave, last)
    return np.asarray(enter < leave)


def lines_cross(lines: Floats, line: Floats) -> Truths:
    """Return whether each line crosses one given line."""

    def side(ax: Any, ay: Any, bx: Any, by: Any, cx: Any, cy: Any) -> Any:
        return np.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))

    x0, y0, x1, y1 = (lines[:, i] for i in range(4))
    u0, v0, u1, v1 = line
    one = side(x0, y0, x1, y1, u0, v0) != side(x0, y0, x1, y1, u1, v1)
    two = side(u0, v0, u1, v1, x0, y0) != side(u0, v0, u1, v1, x1, y1)
    return np.asarray(one & two)
