"""Slow twins of the built-in indicators: loops over records, in fractions."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from gclust.indicators.labelled_listings import LabelledListings
from gclust.units import UNIT

DATABASE = duckdb.connect()
NUMBERS = itertools.count()
KINDS = ("patent", "publication", "deal")
NAMES = ["Aleph", "Beth", "Gimel", "Daleth", "He"]


def in_duckdb(table: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    name = f"builtin_{next(NUMBERS)}"
    DATABASE.register("incoming", pa.Table.from_pandas(table, preserve_index=False))
    DATABASE.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    return DATABASE.table(name)


ENGINES = {
    "duckdb": in_duckdb,
    "pandas": lambda table: table,
    "polars": pl.from_pandas,
    "pyarrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
}


def some_world(seed: int, n: int = 500) -> pd.DataFrame:
    """Listings of two kinds in four clusters of five, and noise; much is not known.

    Cluster 3 has no patents and no known organisation, cluster 4 nothing at all; some
    listings have no record and weigh two.
    """
    rng = np.random.default_rng(seed)
    kind = rng.choice(["patent", "publication"], n, p=[0.4, 0.6])
    cluster = rng.choice([-1, 0, 1, 2, 3], n, p=[0.2, 0.3, 0.2, 0.2, 0.1])
    cluster[(kind == "patent") & (cluster == 3)] = 2
    record = pd.array(rng.integers(0, n // 3, n), dtype="Int64")
    bare = rng.random(n) < 0.1
    record[bare] = pd.NA

    def drawn(values: list[str], unknown: float) -> pd.Series:
        some = pd.Series(rng.choice(values, n), dtype="str")
        return some.mask(rng.random(n) < unknown, None)

    organisation = drawn(["Zeta", "Eta", "Äta", "Iota"], 0.3)
    organisation[cluster == 3] = None
    return pd.DataFrame(
        {
            "kind": pd.Series(kind, dtype="str"),
            "record": record,
            "lat": cluster + rng.integers(0, 3, n) / 10,
            "lon": rng.integers(0, 3, n) / 10,
            "cluster": cluster,
            "units": np.where(bare, 2, 1) * UNIT,
            "organisation": organisation,
            "field": drawn(["optics", "organic chemistry", "audio"], 0.2),
            "country": drawn(["DE", "FR"], 0.2),
            "year": pd.array(rng.integers(2011, 2016, n), dtype="Int64"),
        }
    )


def labelled_listings(
    table: pd.DataFrame, engine: str = "pandas", kinds: tuple[str, ...] = KINDS, **options: str
) -> LabelledListings:
    """What an indicator is given, on an engine; kinds without a listing have a total of 0."""
    twin = Twin(table)
    totals = {kind: float(twin.world(kind)) for kind in kinds}
    return LabelledListings.from_native(
        ENGINES[engine](table), totals=totals, kinds=kinds, **options
    )


def clusters_of(table: pd.DataFrame, n: int = 5, kinds: tuple[str, ...] = KINDS) -> pd.DataFrame:
    """The clusters: a count and a share of each kind; Beth is uninhabited, Gimel not known."""
    twin = Twin(table)
    columns = {
        "name": pd.Series(NAMES[:n], dtype=object),
        "economies": "XX",
        "area_km2": [100.0, 0.0, np.nan, 10.0, 1.0][:n],
        "population": [2e6, 0.0, np.nan, 5e5, 1e6][:n],
    }
    for kind in kinds:
        count = [twin.count(c, kind) for c in range(n)]
        world = twin.world(kind)
        columns[f"{kind}_count"] = [float(c) for c in count]
        columns[f"{kind}_share"] = [float(100 * c / world) if world else 0.0 for c in count]
    return pd.DataFrame(columns, index=pd.RangeIndex(n, name="cluster_id"))


class Twin:
    """The listings as rows of Python; ``None`` where something is not known."""

    def __init__(self, table: pd.DataFrame) -> None:
        columns = table.astype(object).where(table.notna(), None)
        self.rows = columns.to_dict("records")
        self.records: dict[tuple, list[dict]] = defaultdict(list)
        for row in self.rows:
            row["weight"] = row["units"] // UNIT
            if row["record"] is not None:
                self.records[row["kind"], row["record"]].append(row)
        for row in self.rows:
            own = [row] if row["record"] is None else self.records[row["kind"], row["record"]]
            whole = 1 if row["record"] is None else sum(each["weight"] for each in own)
            row["fraction"] = Fraction(row["weight"], whole)

    def of(self, kind: str | None, cluster: int | None = None) -> list[dict]:
        return [
            row
            for row in self.rows
            if kind in (None, row["kind"]) and cluster in (None, row["cluster"])
        ]

    def world(self, kind: str) -> Fraction:
        return sum((row["fraction"] for row in self.of(kind)), Fraction(0))

    def count(self, cluster: int, kind: str | None) -> Fraction:
        return sum((row["fraction"] for row in self.of(kind, cluster)), Fraction(0))

    def share(self, cluster: int, kind: str | None) -> Fraction:
        kinds = [k for k in KINDS if kind in (None, k) and self.world(k)]
        return sum((100 * self.count(cluster, k) / self.world(k) for k in kinds), Fraction(0))

    def parts(self, cluster: int | None, kind: str | None, column: str) -> dict[str, Fraction]:
        fractions: Counter = Counter()
        for row in self.of(kind, cluster):
            if row[column] is not None:
                fractions[row[column]] += row["fraction"]
        return dict(fractions)

    def top(self, cluster: int, kind: str | None, column: str) -> str | None:
        parts = self.parts(cluster, kind, column)
        return min(parts, key=lambda name: (-parts[name], name), default=None)

    def top_share(self, cluster: int, kind: str | None, column: str, of: str) -> float:
        parts = self.parts(cluster, kind, column)
        whole = sum(parts.values()) if of == "known" else self.count(cluster, kind)
        return float(100 * max(parts.values(), default=0) / whole) if whole else math.nan

    def hhi(self, cluster: int, kind: str | None, normalised: bool) -> float:
        parts = self.parts(cluster, kind, "organisation")
        if not parts:
            return math.nan
        index = sum((part / sum(parts.values())) ** 2 for part in parts.values())
        if not normalised:
            return float(index)
        least = Fraction(1, len(parts))
        return float((index - least) / (1 - least)) if len(parts) > 1 else 1.0

    def without_top(self, cluster: int, kind: str | None) -> Fraction:
        """Share without the organisation that has most of it, all its kinds together."""
        lost: Counter = Counter()
        for row in self.of(kind, cluster):
            if row["organisation"] is not None:
                lost[row["organisation"]] += 100 * row["fraction"] / self.world(row["kind"])
        return self.share(cluster, kind) - max(lost.values(), default=Fraction(0))

    def rank_without_top(self, cluster: int, kind: str | None, n: int) -> int:
        own = self.without_top(cluster, kind)
        return 1 + sum(self.share(c, kind) > own for c in range(n) if c != cluster)

    def growth(self, cluster: int, kind: str | None, first, last, compound: bool) -> float:
        def a_year(window: tuple[int, int]) -> Fraction:
            rows = [r for r in self.of(kind, cluster) if r["year"] is not None]
            inside = [r["fraction"] for r in rows if window[0] <= r["year"] <= window[1]]
            return sum(inside, Fraction(0)) / (window[1] - window[0] + 1)

        if not a_year(first):
            return math.nan
        times = float(a_year(last) / a_year(first))
        years = (last[0] + last[1] - first[0] - first[1]) / 2
        return 100 * (times ** (1 / years) - 1) if compound else 100 * (times - 1)

    def entropy(self, cluster: int, kind: str | None, column: str) -> float:
        parts = self.parts(cluster, kind, column)
        whole = sum(parts.values())
        if not parts:
            return math.nan
        return -math.fsum(float(p / whole) * math.log(p / whole) for p in parts.values())

    def quotient(self, cluster: int, kind: str | None, field: str) -> float:
        own, world = self.parts(cluster, kind, "field"), self.parts(None, kind, "field")
        if not own:
            return math.nan
        here = Fraction(own.get(field, 0)) / sum(own.values())
        return float(here / (world[field] / sum(world.values())))

    def collaboration(self, cluster: int, kind: str | None, partner: str) -> float:
        found, every = 0, 0
        for (of_kind, _), rows in self.records.items():
            here = [row for row in rows if row["cluster"] == cluster]
            away = [row for row in rows if row["cluster"] != cluster]
            if kind not in (None, of_kind) or not here:
                continue
            every += 1
            found += {
                "outside": bool(away),
                "cluster": any(row["cluster"] >= 0 for row in away),
                "noise": any(row["cluster"] < 0 for row in away),
                "within": not away and sum(row["weight"] for row in here) > 1,
                "abroad": any(
                    None not in (a["country"], b["country"]) and a["country"] != b["country"]
                    for a in here
                    for b in away
                ),
            }[partner]
        return 100 * found / every if every else math.nan

    def ties(self, kind: str | None, place: str = "cluster") -> dict[tuple, Fraction]:
        """Ties of two places over all records, in both orders."""
        ties: Counter = Counter()
        for (of_kind, _), rows in self.records.items():
            n = sum(row["weight"] for row in rows)
            if kind in (None, of_kind):
                for one, other in itertools.combinations(rows, 2):
                    if one[place] != other[place]:
                        pairs = Fraction(one["weight"] * other["weight"] * 2, n * (n - 1))
                        ties[one[place], other[place]] += pairs
                        ties[other[place], one[place]] += pairs
        return dict(ties)

    def partner(self, cluster: int, kind: str | None) -> tuple[str | None, float]:
        own = {b: t for (a, b), t in self.ties(kind).items() if a == cluster}
        others = {NAMES[b]: t for b, t in own.items() if b >= 0}
        name = min(others, key=lambda other: (-others[other], other), default=None)
        whole = sum(own.values())
        return name, float(100 * others.get(name, 0) / whole) if whole else math.nan
