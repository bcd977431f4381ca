"""Writing of a simulated world's study and of its table of figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gclust.datasets.gii import gii
from gclust.datasets.modelled import WORLD_TOTALS, YEARS

_HEAD = """\
# Simulated listings: no inventor, author or company stands behind a row of them.
# They are laid out so that the published figures of the Global Innovation Index
# {edition} come out. figures.csv says of every figure whether WIPO printed it or the
# press reported it ("published", with its source) or the simulation chose it
# ("modelled").
#
# Scale {scale:g} of the real size, seed {seed}: {totals}.
"""

_NOTE = (
    "All listings are simulated, at scale {scale:g}; published figures of the GII {edition} are"
    " reproduced, all others are modelled."
)


def write_study(
    path: Path, edition: int, scale: float, seed: int, min_samples: int, totals: dict[str, int]
) -> None:
    """Write the study that finds the clusters of a simulated world and ranks them."""
    counts = ", ".join(f"{count:,} {kind}s" for kind, count in totals.items())
    lines = [_HEAD.format(edition=edition, scale=scale, seed=seed, totals=counts)]
    lines += ["[study]", f'name = "gii-{edition}"']
    lines += [f'title = "Innovation clusters as in the GII {edition}, from simulated listings"']
    lines += [f'note = "{_NOTE.format(edition=edition, scale=scale)}"', "top = 100", ""]
    for kind in WORLD_TOTALS[edition]:
        first, last = YEARS[edition][kind]
        lines += [
            "[[sources]]",
            f'kind = "{kind}"',
            f'path = "listings/{kind}/*.parquet"',
            f"years = [{first}, {last}]",
            "",
        ]
    kinds = ", ".join(f'"{kind}"' for kind in WORLD_TOTALS[edition])
    lines += ["[density]", f"kinds = [{kinds}]", ""]
    lines += ["[clusters]", 'method = "dbscan"', "eps_km = 15.0"]
    lines += [f"min_samples = {min_samples}  # 4500 at the real size", ""]
    lines += ["[merge]", "max_gap_km = 5.0", ""]
    lines += ["[population]", 'raster = "population.tif"', 'unit = "count"']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_figures(path: Path, edition: int, clusters: pd.DataFrame) -> None:
    """Write the published and modelled figures of each cluster.

    Published figures are unchanged and have their source; modelled figures are
    the simulation's targets, before listings are counted in whole numbers.
    """
    kept = ["rank", "total", "population", "intensity_rank"]
    marked = gii(edition)
    if edition == 2025:  # whose world of two kinds is that of the ranking before
        kept.append("two_kind_rank")
        before = gii(2024)
        before = before[before["figure"] == "rank"].replace({"figure": {"rank": "two_kind_rank"}})
        marked = pd.concat([marked[marked["figure"] != "rank_2024"], before])
    marked = marked[["cluster", "figure", "value", "source"]]
    shares = [f"{kind}_share" for kind in WORLD_TOTALS[edition]]
    modelled = clusters[["cluster", *kept, *shares]].melt("cluster", var_name="figure").dropna()
    table = modelled.merge(marked, how="outer", on=["cluster", "figure"], suffixes=("", "_known"))
    table = table[table["cluster"].isin(clusters["cluster"])]
    table["mark"] = table["source"].notna().map({True: "published", False: "modelled"})
    table["value"] = table["value_known"].fillna(table["value"].astype(float))
    place = table["cluster"].map(dict(zip(clusters["cluster"], clusters["rank"], strict=True)))
    table = table.assign(place=place).sort_values(["place", "figure"], kind="stable")
    table["value"] = table["value"].map(lambda value: f"{value:.8g}")
    columns = ["cluster", "figure", "value", "mark", "source"]
    table[columns].to_csv(path, index=False, lineterminator="\n")
