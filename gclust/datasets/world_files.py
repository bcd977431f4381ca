"""Writing of a simulated world's study, and of tables of its numbers and of its places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.datasets.gii import gii
from gclust.datasets.modelled import WORLD_TOTALS, YEARS
from gclust.datasets.organisations import organisation_shares
from gclust.datasets.positions import DECIMALS

_HEAD = """\
# Simulated listings: no inventor, author or company stands behind a row of them.
# The published figures of the Global Innovation Index {edition} went in: that they come
# out checks the arithmetic of the whole way, and validates nothing. figures.csv says of
# every figure whether WIPO printed it or the press reported it ("published", with its
# source) or the simulation chose it ("invented"); places.csv lists the invented places,
# and names of organisations and fields that no source gives end with "(invented)".
#
# Scale {scale:g} of the real size, seed {seed}: {totals}.
"""

_NOTE = (
    "All listings are simulated, at scale {scale:g}; published figures of the GII {edition} went"
    " in, all others are invented."
)


def write_study(
    path: Path, edition: int, scale: float, seed: int, min_samples: int, totals: dict[str, int]
) -> None:
    """Write the study file that finds and ranks the clusters of a simulated world."""
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
    lines[-1] += "  # 15 km, 4,500 listings and 5 km: the GII 2024, by the Korean patent office"
    lines += [f"min_samples = {min_samples}  # 4500 at the real size", ""]
    lines += ["[merge]", "max_gap_km = 5.0", ""]
    lines += ["[population]", 'raster = "population.tif"', 'unit = "count"']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_figures(path: Path, edition: int, clusters: pd.DataFrame) -> None:
    """Write the published and invented figures of each cluster.

    Columns ``cluster, cluster_mark, figure, value, mark, source``. Published figures are
    unchanged and have their source; invented figures are the simulation's targets, before
    listings are counted in whole numbers. ``cluster_mark`` is ``invented`` where no figure of
    the edition names the cluster.
    """
    kept = ["rank", "total", "population", "intensity_rank"]
    marked = gii(edition)
    named = set(marked["cluster"])
    if edition == 2025:  # whose world of two kinds is that of the ranking before
        kept.append("two_kind_rank")
        before = gii(2024)
        before = before[before["figure"] == "rank"].replace({"figure": {"rank": "two_kind_rank"}})
        marked = pd.concat([marked[marked["figure"] != "rank_2024"], before])
    marked = marked[["cluster", "figure", "value", "source"]]
    shares = [f"{kind}_share" for kind in WORLD_TOTALS[edition]]
    invented = clusters[["cluster", *kept, *shares]].melt("cluster", var_name="figure").dropna()
    table = invented.merge(marked, how="outer", on=["cluster", "figure"], suffixes=("", "_known"))
    table["mark"] = table["source"].notna().map({True: "published", False: "invented"})
    table["value"] = table["value_known"].fillna(table["value"].astype(float))
    table = pd.concat([table, _organisation_figures(edition)], ignore_index=True)
    table = table[table["cluster"].isin(clusters["cluster"])]
    place = table["cluster"].map(dict(zip(clusters["cluster"], clusters["rank"], strict=True)))
    table = table.assign(place=place).sort_values(["place", "figure"], kind="stable")
    table["cluster_mark"] = table["cluster"].isin(named).map({True: "published", False: "invented"})
    table["value"] = table["value"].map(lambda value: f"{value:.8g}")
    columns = ["cluster", "cluster_mark", "figure", "value", "mark", "source"]
    table[columns].to_csv(path, index=False, lineterminator="\n")


def _organisation_figures(edition: int) -> pd.DataFrame:
    """Return the shares of the organisations that a source names, as rows of figures."""
    table = organisation_shares(edition)
    published = table["share_is"] == "published"
    return pd.DataFrame(
        {
            "cluster": table["cluster"],
            "figure": table["kind"] + "_organisation_share: " + table["organisation"],
            "value": table["share"].astype(float),
            "mark": table["share_is"],
            "source": table["source"].where(published),
        }
    )


def write_places(path: Path, sites: pd.DataFrame, listings: NDArray[np.int64]) -> None:
    """Write the places about which the listings of a world are spread.

    Columns ``name, country, lat, lon, radius_km, cluster, position, listings, mark``.
    ``position`` is ``GeoNames`` where a city of the gazetteer lies, and ``invented`` elsewhere,
    with the name of the nearest city. ``mark`` is ``invented`` in every row: no source says
    that so many listings lie there.

    Parameters
    ----------
    path : Path
        File to write.
    sites : pandas.DataFrame
        The table of `gclust.datasets.records.Sites`.
    listings : ndarray
        Listings of each site at the world's scale, all kinds.
    """
    columns = ["name", "country", "lat", "lon", "radius_km", "cluster_name"]
    table = sites[columns].rename(columns={"cluster_name": "cluster"})
    table["position"] = sites["city"].map({True: "GeoNames", False: "invented"})
    table["listings"], table["mark"] = listings, "invented"
    table["radius_km"] = table["radius_km"].round(3)
    for axis in ("lat", "lon"):
        table[axis] = table[axis].round(DECIMALS)
    table.to_csv(path, index=False, lineterminator="\n")
