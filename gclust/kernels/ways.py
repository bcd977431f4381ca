"""The nodes of core points along their bands: which are highest, and whether they agree.

Nodes are on *one way* if they lie on the way from one of them to its root: the core points
are then in one component at every threshold at which two of them are core points. Both
questions are answered for a range of a band's points without looking at each: by the next
higher point of each, and by how far back the nodes are on one way.
"""

from __future__ import annotations

from gclust.kernels._jit import kernel, part

LEVEL, FIRST, LAST, HIGHER, SINCE = range(5)
"""Columns of what is known of core points, in one array, which costs less to compile for:
their levels; the span of their nodes, see ``forest.fill_spans``; the next point of the band
that is of a higher level, or the band's end; and the first point from which on all nodes up
to this point are on one way."""


@part
def on_one_way(ways, p, q):
    """Return whether one of the nodes of two core points is the other or part of it."""
    inside = ways[p, FIRST] <= ways[q, FIRST] < ways[p, LAST]
    return inside or ways[q, FIRST] <= ways[p, FIRST] < ways[q, LAST]


@kernel
def follow_bands(start, level, node, span, ways, first, last):
    """Fill what is known of the core points of the bands ``first .. last``.

    ``level`` and ``node`` are those of the core points, ``span`` that of the nodes.
    """
    for i in range(first, last):
        begin, end = start[i], start[i + 1]
        for p in range(begin, end):
            ways[p, LEVEL] = level[p]
            ways[p, FIRST], ways[p, LAST] = span[node[p], 0], span[node[p], 1]
        for p in range(end - 1, begin - 1, -1):
            q = p + 1
            while q < end and ways[q, LEVEL] <= ways[p, LEVEL]:
                q = ways[q, HIGHER]
            ways[p, HIGHER] = q
        since = deepest = begin
        for p in range(begin, end):
            if not on_one_way(ways, deepest, p):
                deepest = since = p
                while on_one_way(ways, p, since - 1):  # ends at the one that was deepest
                    since -= 1
            elif ways[p, LEVEL] > ways[deepest, LEVEL]:
                deepest = p
            ways[p, SINCE] = since


@part
def half(start, m, low, high, second):
    """Return the points at the positions ``low .. high`` of a band: one of two ranges of them.

    The second one is empty unless the positions cross the end of the band.
    """
    if high - low >= m:
        low, high = 0, m
    edge = 0 if low < 0 else m
    if second:
        low = max(low, edge)
    else:
        high = min(high, edge)
    shift = start
    if low < 0:
        shift += m
    elif low >= m:
        shift -= m
    return low + shift, high + shift


@part
def highest_of(ways, start, m, low, high, best):
    """Return a highest core point among ``best``, if not negative, and some of a band.

    These are at the positions ``low .. high``.
    """
    for second in range(2):
        p, end = half(start, m, low, high, second)
        if p < end:
            while ways[p, HIGHER] < end:
                p = ways[p, HIGHER]
            if best < 0 or ways[p, LEVEL] > ways[best, LEVEL]:
                best = p
    return best


@part
def look_at(ways, start, m, low, high, best, one_way):
    """Return what ``highest_of`` does, and whether ``one_way`` holds with these points too."""
    for second in range(2):
        p, end = half(start, m, low, high, second)
        if p < end:
            one_way = one_way and ways[end - 1, SINCE] <= p
            while ways[p, HIGHER] < end:
                p = ways[p, HIGHER]
            one_way = one_way and (best < 0 or on_one_way(ways, best, p))
            if best < 0 or ways[p, LEVEL] > ways[best, LEVEL]:
                best = p
    return best, one_way
