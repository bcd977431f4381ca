"""Whether two clusterings agree; a time is printed only where they do.

``dbscan`` 1.0 looks for neighbouring grid cells no farther than sqrt(d + 3) sides from
centre to centre. That is enough in the plane, but in three dimensions points within eps
lie up to sqrt(12) sides apart, so it misses some neighbours, and with them some cores and
links. Where it found fewer than gclust, gclust is held against SciPy's k-d tree instead:
each further core is counted, each further link and border point is measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.contenders import Answer


class DisagreementError(Exception):
    """A contender found other clusters than gclust; the message says where."""


class Missed(NamedTuple):
    """What a peer did not find, though it is there."""

    cores: int = 0
    links: int = 0
    borders: int = 0


def check_equal(answer: Answer, expected: Answer, who: str) -> None:
    """Raise unless labels and cores are the same, numbering included."""
    _same(answer.core, expected.core, "core flag", who)
    _same(answer.labels, expected.labels, "label", who)


def check_partition(
    answer: Answer,
    expected: Answer,
    who: str,
    vectors: NDArray[np.float64],
    reach: float,
    least: int,
) -> Missed:
    """Raise unless cores, noise and the clusters of cores are the same up to numbering.

    Parameters
    ----------
    answer, expected : Answer
        Of the peer and of gclust.
    who : str
        The peer's name.
    vectors : ndarray, shape (n, 3)
        The points, for what the peer may have missed.
    reach, least : float, int
        Chord of eps, and min_samples.

    Returns
    -------
    Missed
        What the peer missed and SciPy found, as gclust did; all 0 where they agree.
    """
    _no_more(answer.core, expected.core, "a core", who)
    _no_more(answer.labels != -1, expected.labels != -1, "in a cluster", who)
    _check_borders(answer, who)
    more = np.flatnonzero(expected.core & ~answer.core)
    if len(more):
        count = cKDTree(vectors, balanced_tree=False).query_ball_point(
            vectors[more], reach, return_length=True, workers=-1
        )
        _all(count >= least, more, "gclust's core has too few neighbours", who)
    links = _check_links(answer, expected, who, vectors, reach)
    borders = np.flatnonzero((expected.labels != -1) & (answer.labels == -1) & ~expected.core)
    if len(borders):
        cores = cKDTree(vectors[expected.core], balanced_tree=False)
        near = cores.query(vectors[borders], distance_upper_bound=np.nextafter(reach, 1))[0]
        _all(near <= reach, borders, "gclust's border point has no core within eps", who)
    return Missed(len(more), links, len(borders))


def _check_links(
    answer: Answer, expected: Answer, who: str, vectors: NDArray[np.float64], reach: float
) -> int:
    """Check that the peer's clusters of cores are gclust's, or parts that reach each other."""
    core = np.flatnonzero(expected.core)
    theirs, ours = answer.labels[core].copy(), expected.labels[core]
    alone = ~answer.core[core]  # what the peer does not take for a core is a part of its own
    theirs[alone] = theirs.max(initial=0) + 1 + np.arange(alone.sum())
    _, begin, part = np.unique(theirs, return_index=True, return_inverse=True)
    split = np.flatnonzero(ours != ours[begin][part])
    if len(split):
        a, b = core[begin[part[split[0]]]], core[split[0]]
        raise DisagreementError(
            f"{who} puts the cores of rows {a} and {b} into one cluster, gclust into two"
        )
    cluster_of_part = ours[begin]
    clusters, many = np.unique(cluster_of_part, return_counts=True)
    missed = 0
    for cluster in clusters[many > 1]:
        rows = np.flatnonzero(ours == cluster)
        if not _is_connected(vectors[core[rows]], part[rows], reach):
            raise DisagreementError(f"{who}: gclust's cluster {cluster} falls into parts")
        missed += len(set(part[rows][~alone[rows]].tolist())) - 1
    return max(missed, 0)


def _is_connected(vectors: NDArray[np.float64], part: NDArray[np.int64], reach: float) -> bool:
    """Return whether parts of points, each connected, reach each other."""
    _, part, sizes = np.unique(part, return_inverse=True, return_counts=True)
    joined = int(sizes.argmax())
    while (part != joined).any():
        inside = part == joined
        tree = cKDTree(vectors[inside], balanced_tree=False)
        outside = np.flatnonzero(~inside)
        near = tree.query(vectors[outside], distance_upper_bound=np.nextafter(reach, 1))[0]
        reached = np.unique(part[outside[near <= reach]])
        if len(reached) == 0:
            return False
        part[np.isin(part, reached)] = joined
    return True


def _check_borders(answer: Answer, who: str) -> None:
    """A border point may go to any cluster within reach, but to one that has cores."""
    known = np.unique(answer.labels[answer.core])
    stray = np.flatnonzero((answer.labels != -1) & ~np.isin(answer.labels, known))
    if len(stray):
        raise DisagreementError(
            f"{who}: row {stray[0]} is in cluster {answer.labels[stray[0]]}, which has no core"
        )


def _same(found: NDArray, expected: NDArray, what: str, who: str) -> None:
    if found.shape != expected.shape:
        raise DisagreementError(f"{who}: {found.shape} {what}s, gclust has {expected.shape}")
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        row = wrong[0]
        raise DisagreementError(
            f"{who}: {what} of row {row} is {found[row]}, gclust's is {expected[row]} "
            f"({len(wrong)} of {len(found)} rows differ)"
        )


def _no_more(found: NDArray, expected: NDArray, what: str, who: str) -> None:
    if found.shape != expected.shape:
        raise DisagreementError(f"{who}: {found.shape} labels, gclust has {expected.shape}")
    wrong = np.flatnonzero(found & ~expected)
    if len(wrong):
        raise DisagreementError(
            f"{who}: row {wrong[0]} is {what}, for gclust it is not ({len(wrong)} such rows)"
        )


def _all(right: NDArray, rows: NDArray, what: str, who: str) -> None:
    if not right.all():
        raise DisagreementError(f"{who}: {what}, row {rows[np.argmin(right)]}")
