"""Recompute the printed table of the GII 2023 from its counts, and what it weighs.

    python examples/gii_arithmetic/arithmetic.py

Needs no network and no file: the figures come with gclust.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import gclust
from gclust.ranking.rank import rank
from gclust.ranking.score import score

KINDS = {"patent": "applications", "publication": "articles"}
NOUNS = KINDS | {"deal": "deals"}
HALF = 0.05
"""Half of the last digit that is printed."""

STEPS = 200
"""World totals tried between the bounds of each kind."""


def printed_table() -> pd.DataFrame:
    """The rows of GII 2023, Appendix Table 3, that have all their figures."""
    figures = gclust.datasets.gii(2023)
    table = figures[figures["by"] == "printed"].pivot(
        index="cluster", columns="figure", values="value"
    )
    return table.dropna(subset=["rank", "total"]).sort_values("rank")


def bounds(table: pd.DataFrame, kind: str) -> tuple[float, float]:
    """The world totals of a kind with which all its shares round to what is printed."""
    both = table[[f"{kind}_count", f"{kind}_share"]].dropna()
    count, share = 100 * both[f"{kind}_count"], both[f"{kind}_share"]
    return float((count / (share + HALF)).max()), float(
        (count / (share - HALF))[share > HALF].min()
    )


def fitting_worlds(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of world totals, of a grid within the bounds, with which all totals fit too."""
    pairs = np.meshgrid(*(np.linspace(*bounds(table, kind), STEPS) for kind in KINDS))
    worlds = pd.DataFrame({kind: grid.ravel() for kind, grid in zip(KINDS, pairs, strict=True)})
    totals = sum(
        100 * table[f"{kind}_count"].to_numpy() / worlds[[kind]].to_numpy() for kind in KINDS
    )
    return worlds[(np.abs(totals - table["total"].to_numpy()) < HALF).all(axis=1)]


def recomputed(table: pd.DataFrame, world: dict[str, float]) -> pd.DataFrame:
    """Shares and total from the counts, unrounded."""
    shares = pd.DataFrame({kind: 100 * table[f"{kind}_count"] / world[kind] for kind in KINDS})
    return shares.add_suffix("_share").assign(total=score(shares))


def misses(table: pd.DataFrame, world: dict[str, float]) -> int:
    """How many printed figures do not come out."""
    computed = recomputed(table, world).round(1)
    return int(((computed - table[computed.columns]).abs() > 1e-9).sum(axis=None))


def main() -> None:
    """Print what comes out, and what the shares make of the kinds' weights."""
    table = printed_table()
    worlds = fitting_worlds(table)
    world = {kind: float(worlds[kind].median()) for kind in KINDS}
    computed = recomputed(table, world)
    print(f"GII 2023, Appendix Table 3: {len(table)} rows")
    for kind, noun in KINDS.items():
        low, high = worlds[kind].min(), worlds[kind].max()
        print(f"  the world's {noun} must be {low:,.0f} to {high:,.0f} for all figures to fit")
    found = computed.size - misses(table, world)
    print(f"  {found} of {computed.size} printed shares and totals come out")
    in_order = int((rank(computed["total"]) == table["rank"]).sum())
    print(f"  {in_order} of {len(table)} ranks are those by the sum of the unrounded shares, as in")
    for name, row in computed.head(3).iterrows():
        parts = " + ".join(f"{row[f'{kind}_share']:.3f}" for kind in KINDS)
        print(f"    {name}: {parts} = {row['total']:.3f}, printed {table.loc[name, 'total']:.1f}")
    ratio = worlds["publication"] / worlds["patent"]
    print(f"\nOne application is worth {ratio.median():.2f} articles", end="")
    print(f" ({ratio.min():.2f} to {ratio.max():.2f}).")
    print("\nGII 2025, from counts and shares that the press reported:")
    figures = gclust.datasets.gii(2025).pivot(index="cluster", columns="figure", values="value")
    middle = {}
    for kind, noun in NOUNS.items():
        low, high = bounds(figures, kind)
        known = len(figures[[f"{kind}_count", f"{kind}_share"]].dropna())
        print(f"  {noun} {low:,.0f} to {high:,.0f} ({known} cluster{'s' * (known > 1)})")
        middle[kind] = (low + high) / 2
    print(f"One deal is worth about {middle['patent'] / middle['deal']:.1f} applications", end="")
    print(f" or {middle['publication'] / middle['deal']:.0f} articles.")


if __name__ == "__main__":
    main()
