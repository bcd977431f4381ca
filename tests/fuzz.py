"""Compare ``DBSCAN`` with slow twins on random cases, for as long as one likes.

    python -m tests.fuzz --minutes 10
    python -m tests.fuzz --seed 123 --cases 1

The first is a run; the second repeats the one case that a run has named. The exit
status is 1 after a failure.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import sklearn.cluster

import gclust.cluster
import gclust.kernels
from gclust import DBSCAN
from gclust.testing import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    assert_same_partition,
    dbscan_oracle,
    distances_km,
    great_circle_km,
    wrapped,
)
from gclust.units import UNIT
from tests.fuzz_cases import Case, make_case, wgs84_error_km

BORDERS = ("nearest", "first", "noise")


def expect(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Raise if two arrays are not the same, naming the first row."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise AssertionError(f"{what}: shape {found.shape}, expected {expected.shape}")
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        row = wrong[0]
        raise AssertionError(
            f"{what}: row {row} is {found[row]}, expected {expected[row]} "
            f"({len(wrong)} of {len(found)} rows)"
        )


def chunk_sizes() -> list[tuple[ModuleType, str, int]]:
    """Return the constants by which the work of ``DBSCAN`` is divided into chunks."""
    found = []
    for package in (gclust.kernels, gclust.cluster):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            names = [
                name
                for name in vars(module)
                if re.fullmatch(r"([A-Z_]*_)?CHUNK|BUCKET|MOST_CANDIDATES", name)
            ]
            found += [(module, name, getattr(module, name)) for name in names]
    return found


@contextmanager
def small_chunks(size: int) -> Iterator[None]:
    """Cut work into chunks of a few points, so that threads have something to share."""
    held = chunk_sizes()
    for module, name, _ in held:
        setattr(module, name, size)
    try:
        yield
    finally:
        for module, name, usual in held:
            setattr(module, name, usual)


def check(case: Case) -> None:
    """Raise AssertionError if ``DBSCAN`` gets a case wrong."""
    distance = distances_km(*case.X.T, case.metric)
    models = {border: check_oracle(case, distance, border) for border in BORDERS}
    some = models[BORDERS[len(case.X) % 3]]
    check_threads(case, some)
    for border in ("nearest", "noise"):
        check_order(case, models[border])
    if case.weight is not None and np.isin(case.weight, (1, 2, 3)).all():
        check_copies(case, some)
    if case.metric == "haversine":
        check_prediction(case, some)
        check_sklearn(case, distance, models["first"])


def model_of(case: Case, border: str, n_jobs: int = 1) -> DBSCAN:
    """Return an estimator with the parameters of a case."""
    return DBSCAN(case.eps_km, case.min_samples, border=border, metric=case.metric, n_jobs=n_jobs)


def check_oracle(case: Case, distance: np.ndarray, border: str) -> DBSCAN:
    """Compare with the definition, and prediction of the fitted rows with their labels.

    Returns the fitted model.
    """
    before = case.X.tobytes()
    model = model_of(case, border).fit(case.X, sample_weight=case.weight)
    labels, core = dbscan_oracle(
        *case.X.T,
        case.weight,
        eps_km=case.eps_km,
        min_samples=case.min_samples,
        border=border,
        metric=case.metric,
    )
    expect(model.core_sample_mask_, core, f"core points, border={border!r}")
    rows = np.ones(len(labels), dtype=bool)
    if border == "nearest" and case.metric == "wgs84":
        rows = one_nearest(distance, labels, core)
    expect(model.labels_[rows], labels[rows], f"labels, border={border!r}")
    expect(model.core_sample_indices_, np.flatnonzero(core), "core_sample_indices_")
    expect(model.predict(case.X), model.labels_, f"predict(X), border={border!r}")
    if case.X.tobytes() != before:
        raise AssertionError("fit or predict changed X")
    return model


def one_nearest(distance: np.ndarray, labels: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Return the rows whose nearest core point is so by more than the error of wgs84."""
    rows = np.ones(len(labels), dtype=bool)
    for row in np.flatnonzero(~core & (labels >= 0)):
        near = distance[row, core].min()
        rivals = distance[row, core] <= near + 2 * wgs84_error_km(near)
        rows[row] = len(set(labels[core][rivals].tolist())) == 1
    return rows


def check_threads(case: Case, one: DBSCAN) -> None:
    """Compare two threads on small chunks with one thread, to the bit."""
    with small_chunks(max(7, len(case.X) // 4)):
        two = model_of(case, one.border, 2).fit(case.X, sample_weight=case.weight)
        predicted = two.predict(case.X[:20])
    expect(two.labels_, one.labels_, f"labels of two threads, border={one.border!r}")
    expect(two.core_sample_mask_, one.core_sample_mask_, "core points of two threads")
    expect(predicted, one.labels_[:20], f"predict(X) of two threads, border={one.border!r}")


def check_order(case: Case, model: DBSCAN) -> None:
    """Compare with the rows in another order."""
    rows = np.random.default_rng(len(case.X)).permutation(len(case.X))
    weight = None if case.weight is None else case.weight[rows]
    turned = model_of(case, model.border).fit(case.X[rows], sample_weight=weight)
    expect(turned.core_sample_mask_, model.core_sample_mask_[rows], "core points, permuted")
    assert_same_partition(turned.labels_, model.labels_[rows])


def check_copies(case: Case, model: DBSCAN) -> None:
    """Compare weights with as many copies of the rows."""
    weight = case.weight.astype(np.int64)
    copied = model_of(case, model.border).fit(np.repeat(case.X, weight, axis=0))
    expect(copied.labels_, np.repeat(model.labels_, weight), "labels of copies")
    expect(copied.core_sample_mask_, np.repeat(model.core_sample_mask_, weight), "copies' cores")


def check_prediction(case: Case, model: DBSCAN) -> None:
    """Compare the prediction of other points with the distances to the core points."""
    rng = np.random.default_rng(len(case.X))
    border = model.border
    shift = rng.normal(0, 0.7, (min(len(case.X), 40), 2)) * np.degrees(
        min(case.eps_km / EARTH_RADIUS_KM, 1)
    )
    new = case.X[rng.integers(0, len(case.X), len(shift))] + shift
    new = np.stack([np.clip(new[:, 0], -90, 90), (new[:, 1] + 180) % 360 - 180], axis=1)
    cores = np.flatnonzero(model.core_sample_mask_)
    cores = cores[np.lexsort((wrapped(*case.X[cores].T), case.X[cores, 0]))]
    expected = np.full(len(new), -1)
    core_labels = model.labels_[cores]
    distance = great_circle_km(new[:, :1], new[:, 1:], *case.X[cores].T)
    for row in np.flatnonzero((distance <= case.eps_km + TOLERANCE_KM).any(axis=1)):
        if border == "nearest":
            near = distance[row] <= distance[row].min() + TOLERANCE_KM
            expected[row] = core_labels[near & (distance[row] <= case.eps_km + TOLERANCE_KM)][0]
        elif border == "first":
            expected[row] = core_labels[distance[row] <= case.eps_km + TOLERANCE_KM].min()
    if border == "noise":
        expected[:] = -1
        there = (new[:, None, 0] == case.X[cores, 0]) & (
            wrapped(*new.T)[:, None] == wrapped(*case.X[cores].T)
        )
        rows, which = np.nonzero(there)
        expected[rows] = core_labels[which]
    expect(model.predict(new), expected, f"prediction of other points, border={border!r}")


def check_sklearn(case: Case, distance: np.ndarray, model: DBSCAN) -> None:
    """Compare with scikit-learn wherever its formula is precise enough at eps."""
    rounding = 4e-15 / np.maximum(np.sin(np.minimum(distance / EARTH_RADIUS_KM, np.pi)), 1e-8)
    unclear = np.abs(distance - case.eps_km) <= 1.5 * TOLERANCE_KM + EARTH_RADIUS_KM * rounding
    weight, least = case.weight, case.min_samples
    if weight is not None and ((weight % 1 != 0).any() or least % 1 != 0):
        weight, least = np.round(weight * UNIT), round(least * UNIT)
    if weight is not None and not 0 < weight.sum() < 2**53:  # it adds up floats, and wants a weight
        return
    if unclear.any():
        return
    X, labels, core = case.X, model.labels_, model.core_sample_mask_
    if weight is not None:  # rows of weight 0, which may be core points there, are left out
        X, labels, core, weight = (each[weight > 0] for each in (X, labels, core, weight))
    peer = sklearn.cluster.DBSCAN(
        # Beyond pi, where its sin(eps / 2)**2 falls again, it misses neighbours.
        eps=min(case.eps_km / EARTH_RADIUS_KM, np.pi),
        min_samples=int(np.ceil(least)),
        metric="haversine",
        algorithm="ball_tree",
    ).fit(np.radians(X), sample_weight=weight)
    expect(labels, peer.labels_, "labels, scikit-learn")
    expect(np.flatnonzero(core), peer.core_sample_indices_, "core points, scikit-learn")


def failure(case: Case) -> str | None:
    """Return what is wrong with a case, if anything is."""
    try:
        check(case)
    except Exception as error:  # whatever it is, the seed must be printed
        return f"{type(error).__name__}: {error}"
    return None


def shrink(case: Case, seconds: float = 20.0) -> Case:
    """Return a case that fails too, with simpler parameters, fewer rows, rounder numbers."""
    end = time.monotonic() + seconds
    plain = [case._replace(weight=None, min_samples=least) for least in (2, 1, 3, 5)]
    plain += [case._replace(weight=None), case._replace(metric="haversine")]
    case = next((simpler for simpler in plain if failure(simpler)), case)
    case = with_fewer_rows(case, end)
    for decimals in (8, 5, 3, 2):
        rounder = case._replace(X=case.X.round(decimals), eps_km=round(case.eps_km, decimals + 2))
        if time.monotonic() < end and rounder.eps_km > 0 and failure(rounder):
            case = rounder
    return case


def with_fewer_rows(case: Case, end: float) -> Case:
    """Leave out runs of rows, ever shorter ones, as long as the case fails without them."""
    size = len(case.X) // 2
    while size >= 1:
        start, fewer = 0, False
        while start < len(case.X) > 1 and time.monotonic() < end:
            keep = np.r_[0:start, min(start + size, len(case.X)) : len(case.X)]
            weight = None if case.weight is None else case.weight[keep]
            smaller = case._replace(X=case.X[keep], weight=weight)
            if len(keep) and failure(smaller):
                case, fewer = smaller, True
            else:
                start += size
        if time.monotonic() >= end or not (fewer and size == 1):
            size //= 2
    return case


def describe(case: Case) -> str:
    """Return Python that makes a case."""
    weight = None if case.weight is None else case.weight.tolist()
    return (
        f"X = np.array({case.X.tolist()})\nweight = {weight}\n"
        f"eps_km, min_samples, metric = {case.eps_km!r}, {case.min_samples!r}, {case.metric!r}"
    )


def run(seed: int, cases: int | None, minutes: float | None) -> int:
    """Check cases until there are enough or the time is up; return the exit status."""
    begin = reported = time.monotonic()
    end = np.inf if minutes is None else begin + 60 * minutes
    done = 0
    print(f"seeds from {seed} on", flush=True)
    while time.monotonic() < end and (cases is None or done < cases):
        case = make_case(seed + done)
        wrong = failure(case)
        done += 1
        if wrong:
            print(f"\nseed {seed + done - 1} ({case.kind}, {len(case.X)} rows) failed: {wrong}")
            print(f"alone: python -m tests.fuzz --seed {seed + done - 1} --cases 1", flush=True)
            small = shrink(case)
            print(f"\n{len(small.X)} of its rows: {failure(small)}\n{describe(small)}")
            return 1
        if time.monotonic() - reported >= 30:
            reported = time.monotonic()
            print(f"{done} cases, {done / (reported - begin):.1f} a second", flush=True)
    took = time.monotonic() - begin
    print(f"{done} cases passed in {took:.1f} s, {done / took:.1f} a second")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--cases", type=int, help="stop after so many cases")
    parser.add_argument("--seed", type=int, help="seed of the first case (random by default)")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(2**40) if options.seed is None else options.seed
    minutes = 1.0 if options.minutes is None and options.cases is None else options.minutes
    return run(seed, options.cases, minutes)


if __name__ == "__main__":
    sys.exit(main())
