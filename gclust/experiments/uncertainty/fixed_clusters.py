"""Draws of records with the clusters held: a Poisson bootstrap of groups that are exchangeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.resampling.philox import draw_sums
from gclust.listings.engine import Engine
from gclust.listings.label import label_records, record_counts
from gclust.listings.record_profiles import record_profiles, unrecorded, world_components
from gclust.parallel import even_chunks, parallel_for
from gclust.pipeline.prepare import Prepared
from gclust.progress import Report, stage
from gclust.study.schema import Study
from gclust.units import UNIT

CHUNK = 2_000_000
"""Groups that are drawn in one piece, over one or several draws."""

_TABLES = ("held_labels", "held_attributed", "parts")


@dataclass(frozen=True)
class Groups:
    """Groups of exchangeable records, each with the cells of a table that it adds to.

    The table has a column for each cluster and kind (kinds side by side within a cluster)
    and one for the world's total of each kind.

    Attributes
    ----------
    times : ndarray of float64, shape (n,)
        Records of each group, or the weight of its listings without a record.
    start : ndarray of int64, shape (n + 1,)
        First entry of each group, and their number.
    cell : ndarray of int64
        Column of each entry.
    units : ndarray of int64
        What a record of the group adds there.
    n_clusters, n_kinds : int
    unrecorded : frozenset of int
        Kinds of which some listings have no record.
    """

    times: NDArray[np.float64]
    start: NDArray[np.int64]
    cell: NDArray[np.int64]
    units: NDArray[np.int64]
    n_clusters: int
    n_kinds: int
    unrecorded: frozenset[int] = frozenset()


def held_groups(
    study: Study, engine: Engine, prepared: Prepared, clusters: NDArray[np.int64]
) -> Groups:
    """Group a study's records by what they add to the counts of clusters.

    Parameters
    ----------
    study, engine, prepared
    clusters : ndarray of int64, shape (n_locations,)
        After merging; -1 for noise.

    Returns
    -------
    Groups
        Their order follows from kinds, clusters and counts, not from rows or engines.
    """
    at = engine.put(prepared.locations[["lat", "lon"]].assign(label=clusters), _TABLES[0])
    attributed = engine.store(label_records(prepared.located, at), _TABLES[1], "group records")
    method = study.counting.method
    counted = record_counts(attributed, prepared.totals, method)
    profiles = record_profiles(counted, engine.pandas, engine.put)
    bare = unrecorded(counted, engine.pandas)
    world = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
    for name in _TABLES:
        engine.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
    kinds = prepared.staged.kinds
    world = world.reindex(range(len(kinds)), fill_value=0.0)
    beyond = [
        prepared.world_totals[kind] - float(world.loc[code].sum())
        for code, kind in enumerate(kinds)
    ]
    n_clusters = int(clusters.max(initial=-1)) + 1
    return _joined(profiles, bare, world.assign(beyond=beyond), n_clusters)


def _joined(
    profiles: pd.DataFrame, bare: pd.DataFrame, world: pd.DataFrame, n_clusters: int
) -> Groups:
    """Profiles, then weight by cluster, then what touches no cluster: each with its total."""
    n_kinds = len(world)
    totals = n_clusters * n_kinds
    kind, label = profiles["kind"].to_numpy(), profiles["label"].to_numpy()
    first = profiles.drop_duplicates("profile")
    own = _entries(profiles["profile"], label * n_kinds + kind, profiles["units"])
    n = len(first)
    whole = _entries(first["profile"], totals + first["kind"].to_numpy(), UNIT)
    n_bare = len(bare)
    number = n + np.arange(n_bare)
    bare_kind = bare["kind"].to_numpy()
    held = _entries(number, bare["label"].to_numpy() * n_kinds + bare_kind, UNIT)
    held_total = _entries(number, totals + bare_kind, UNIT)
    touching = first.groupby("kind")["records"].sum().reindex(range(n_kinds), fill_value=0)
    inside = bare.groupby("kind")["units"].sum().reindex(range(n_kinds), fill_value=0) / UNIT
    # Records of noise alone, weight of noise, and what the study says is beyond its sources.
    rest = (
        (world["records"] - touching).to_numpy()
        + np.maximum((world["unrecorded"] - inside).to_numpy(), 0.0)
        + np.maximum(world["beyond"].to_numpy(), 0.0)
    )
    outside = _entries(n + n_bare + np.arange(n_kinds), totals + np.arange(n_kinds), UNIT)
    entries = pd.concat([own, whole, held, held_total, outside], ignore_index=True)
    entries = entries.sort_values(["group", "cell"], kind="stable")
    times = np.concatenate(
        (first["records"].to_numpy(np.float64), bare["units"].to_numpy() / UNIT, rest)
    )
    group = entries["group"].to_numpy(np.int64)
    return Groups(
        times=times,
        start=np.searchsorted(group, np.arange(len(times) + 1)).astype(np.int64),
        cell=np.ascontiguousarray(entries["cell"].to_numpy(np.int64)),
        units=np.ascontiguousarray(entries["units"].to_numpy(np.int64)),
        n_clusters=n_clusters,
        n_kinds=n_kinds,
        unrecorded=frozenset(np.flatnonzero(world["unrecorded"] > 0).tolist()),
    )


def _entries(group: Any, cell: Any, units: Any) -> pd.DataFrame:
    rows = np.broadcast_arrays(np.asarray(group), np.asarray(cell), np.asarray(units))
    return pd.DataFrame(dict(zip(("group", "cell", "units"), rows, strict=True))).astype("int64")


class DrawnGroups(NamedTuple):
    """What draws of groups come to.

    Attributes
    ----------
    counts, shares : ndarray of float64, shape (n_draws, n_clusters, n_kinds)
        In records; and per cent of the draw's total of the kind, 0 where that is 0.
    world : ndarray of float64, shape (n_draws, n_kinds)
        The draws' totals, in records.
    """

    counts: NDArray[np.float64]
    shares: NDArray[np.float64]
    world: NDArray[np.float64]


def draw_records(
    groups: Groups, draws: NDArray[np.int64], seed: int, *, threads: int, report: Report
) -> DrawnGroups:
    """Draw the number of records of each group, and return counts and shares that come out.

    Each record enters a draw a Poisson number of times, of mean one, independently of the
    others: the Poisson bootstrap. What a group of n holds is then Poisson of mean n, which
    is drawn at once. A listing without a record stands for as many records as it weighs.
    The world's totals, noise included, are drawn with the rest.

    Parameters
    ----------
    groups : Groups
    draws : ndarray of int64, shape (n_draws,)
        Numbers of the draws: the same number gives the same records.
    seed : int
    threads : int
        The numbers do not depend on it.
    report : callable
        Called with ``(fraction, stage)``.

    Returns
    -------
    DrawnGroups
    """
    n_draws = len(draws)
    width = groups.n_clusters * groups.n_kinds
    sums = np.zeros((n_draws, width + groups.n_kinds), dtype=np.int64)
    with stage(report, "draw records") as told:
        parallel_for(
            even_chunks(n_draws, max(1, CHUNK // max(1, len(groups.times)))),
            threads,
            draw_sums,
            groups.times,
            groups.start,
            groups.cell,
            groups.units,
            np.uint64(seed),
            draws,
            sums,
            report=told,
        )
    counts = sums[:, :width].reshape(n_draws, groups.n_clusters, groups.n_kinds)
    world = sums[:, None, width:].astype(np.float64)
    shares = 100 * np.divide(counts, world, out=np.zeros(counts.shape), where=world > 0)
    return DrawnGroups(counts / UNIT, shares, sums[:, width:] / UNIT)
