"""Simulated worlds: listings that reproduce the GII's cluster rankings, written to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gclust.datasets.allocation import Geography, RecordClasses, allocate_records, whole_numbers
from gclust.datasets.background import background
from gclust.datasets.certainty import MIN_SAMPLES, kilometres
from gclust.datasets.inhabitants import populations, write_population
from gclust.datasets.layout import Atlas, Layout, lay_out
from gclust.datasets.modelled import WORLD_TOTALS, YEARS, published, targets
from gclust.datasets.own_files import check_replaceable, write_data_set
from gclust.datasets.records import Sites, listings
from gclust.datasets.surroundings import PRINCIPAL
from gclust.datasets.teams import LISTINGS
from gclust.datasets.world_files import write_figures, write_places, write_study
from gclust.progress import Report, resolve, stage
from gclust.sphere import chord_of, unit_vectors

DEFAULT_SCALE = 0.05
LEAST_SCALE = 0.01
_CLEAR_KM = 8.0  # from a border town to the inhabitants of towns outside clusters
MADE = ("study.toml", "listings", "population.tif", "figures.csv", "places.csv")
"""Files of a world, whose study reads all files in ``listings``."""


@dataclass(frozen=True)
class World:
    """Simulated world in a folder, with the clusters that a run should find in it.

    The listings are simulated. The figures that :func:`gclust.datasets.gii` returns are
    published and went in; every other figure is invented. That a run of ``study`` finds
    ``clusters`` checks the arithmetic of the whole way, and validates nothing.

    Attributes
    ----------
    folder, study : pathlib.Path
        The folder, and the study in it that is ready to run.
    edition, scale, seed : int, float, int
        The values that were given to `simulate`.
    min_samples : int
        The density threshold at this scale.
    totals, listings : dict of str to int
        Records and listings of the world, by kind.
    clusters : pandas.DataFrame
        By rank: ``cluster, cities, economies, rank, <kind>_share..., total,
        two_kind_rank, population, intensity_rank``. ``cluster`` is the published
        name, with state codes, ``cities`` that of the gazetteer's cities; shares
        are in per cent, before listings are counted in whole numbers.
    regions : pandas.DataFrame
        ``cluster`` (its rank), ``city, lat, lon`` (its main city): the separate
        regions of high density, in the order of clusters.
    most_locations : int
        Upper bound of the number of positions at any scale.
    """

    folder: Path
    study: Path
    edition: int
    scale: float
    seed: int
    min_samples: int
    totals: dict[str, int]
    listings: dict[str, int]
    clusters: pd.DataFrame
    regions: pd.DataFrame
    most_locations: int


def simulate(
    folder: str | Path,
    *,
    edition: int = 2025,
    scale: float = DEFAULT_SCALE,
    seed: int = 1,
    progress: bool | Report | None = None,
) -> World:
    """Write a simulated world: listings that reproduce one of the GII's cluster rankings.

    Parameters
    ----------
    folder : str or path
        Where to write ``study.toml``, ``listings/<kind>/part-*.parquet``,
        ``population.tif``, ``figures.csv`` and ``places.csv``; created if missing.
        Unchanged files of an earlier world in it are replaced; other files stay.
    edition : {2025, 2023}
        2025 has patents, publications and deals; 2023 patents and publications.
    scale : float
        Size relative to the real world: 1.0 is about 35 million listings.
    seed : int
        Seed of everything random; the same seed gives the same bytes.
    progress : bool or callable
        See :mod:`gclust.progress`.

    Returns
    -------
    World

    Raises
    ------
    ValueError
        For an unknown edition, a negative seed, or a scale below 0.01, at
        which the smallest clusters would have too few records.
    FileExistsError
        If a file would be replaced that gclust did not write, or that was changed since.
    gclust.StudyError
        If the folder cannot be written.

    Examples
    --------
    >>> from gclust.datasets import simulate
    >>> world = simulate("world", scale=0.01)
    >>> world.listings
    {'patent': 37201, 'publication': 314552, 'deal': 2362}
    >>> world.clusters["cluster"].iloc[0]
    'Shenzhen–Hong Kong–Guangzhou'
    """
    if edition not in WORLD_TOTALS:
        raise ValueError(f"edition must be 2025 or 2023, not {edition!r}")
    if not LEAST_SCALE <= scale < np.inf:
        raise ValueError(f"scale must be {LEAST_SCALE} or more, not {scale!r}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed!r}")
    report, folder = resolve(progress), Path(folder)
    check_replaceable(folder, MADE)
    with stage(report, "laying out the world") as done:
        plan = _Plan.of(edition, seed)
        done(0.5)
        classes_of = plan.classes_of(scale, seed)
    min_samples = max(1, round(MIN_SAMPLES * scale))
    many = {kind: classes.listings(plan.regions) for kind, classes in classes_of.items()}
    quotas = plan.sites.quotas(many)
    totals = {kind: classes.records for kind, classes in classes_of.items()}

    def make(place: Path) -> None:
        for kind, classes in classes_of.items():
            _write_listings(place, plan, classes, quotas[kind], kind, seed, report)
        with stage(report, "writing the population"):
            plan.write_population(place / "population.tif")
        write_figures(place / "figures.csv", edition, plan.clusters)
        write_places(place / "places.csv", plan.sites.table, np.sum(list(quotas.values()), axis=0))
        write_study(place / "study.toml", edition, scale, seed, min_samples, totals)

    write_data_set(folder, MADE, make, last="study.toml")
    return World(
        folder=folder,
        study=folder / "study.toml",
        edition=edition,
        scale=scale,
        seed=seed,
        min_samples=min_samples,
        totals=totals,
        listings={kind: int(of_kind.sum()) for kind, of_kind in many.items()},
        clusters=plan.clusters.copy(),
        regions=plan.main_cities(),
        most_locations=plan.sites.points.bound,
    )


def _write_listings(
    folder: Path,
    plan: _Plan,
    classes: RecordClasses,
    quotas: np.ndarray,
    kind: str,
    seed: int,
    report: Report,
) -> None:
    """Write one kind's listings in several files."""
    place = folder / "listings" / kind
    place.mkdir(parents=True, exist_ok=True)
    years = YEARS[plan.edition][kind]
    parts = listings(kind, classes, plan.sites, quotas, plan.edition, years, seed)
    with stage(report, f"simulating {kind}s") as done:
        for number, (share, table) in enumerate(parts):
            # The names of organisations outgrow the default of 1 MiB, beyond which they
            # would be written out in full, row by row.
            path = place / f"part-{number:03d}.parquet"
            pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=1 << 24)
            if share < 1.0:
                done(share)


@dataclass(frozen=True)
class _Plan:
    """Plan of a world's clusters and noise, made before any listing is generated.

    Regions are those of the clusters, in the layout's order, and then what lies outside
    clusters, economy by economy.
    """

    edition: int
    clusters: pd.DataFrame
    layout: Layout
    sites: Sites
    geography: Geography

    @property
    def regions(self) -> int:
        """Number of regions."""
        return len(self.geography.cluster)

    @classmethod
    @lru_cache(maxsize=4)  # four seconds; it does not depend on the scale
    def of(cls, edition: int, seed: int) -> _Plan:
        """Plan a world: set the shares of clusters, place the clusters, put noise between them."""
        # The one thing that a simulated world needs from inside the house.
        from gclust.places.cities.gazetteer import gazetteer

        wanted, world = targets(edition), WORLD_TOTALS[edition]
        within = {kind: world[kind] * LISTINGS[kind][0] / 100.0 for kind in world}
        mass = sum(wanted[f"{kind}_share"].to_numpy() * within[kind] for kind in world)
        atlas = Atlas(gazetteer())
        layout = lay_out(wanted, mass, atlas)
        rest = sum(
            (100.0 - wanted[f"{kind}_share"].sum()) / 100.0 * world[kind] * LISTINGS[kind][1]
            for kind in world
        )
        towns = background(layout, atlas.cities, rest, seed)
        sites = _sites(wanted, layout, atlas.cities, towns)
        clusters = _clusters(wanted, sites, edition)
        return cls(edition, clusters, layout, sites, _geography(layout, sites))

    def classes_of(self, scale: float, seed: int) -> dict[str, RecordClasses]:
        """Allocate the records of every kind at a scale."""
        world, place = WORLD_TOTALS[self.edition], self.geography
        outside = place.cluster < 0
        whole = np.bincount(self.sites.table["region"], self.sites.table["listings"])
        left = np.floor(whole * scale + 0.5).astype(np.int64)
        out: dict[str, RecordClasses] = {}
        # Publications last: what other kinds are rounded by is made good among so many.
        for kind in sorted(world, key=["deal", "patent", "publication"].index):
            records = round(world[kind] * scale)
            wanted = self._wanted(kind, scale)
            of_region = np.where(
                outside,
                (records - wanted.sum()) * LISTINGS[kind][1],
                wanted[place.cluster] * LISTINGS[kind][0],
            )
            many = np.floor(of_region * place.part + 0.5).astype(np.int64)
            many = left if kind == "publication" else np.minimum(many, left)
            out[kind] = allocate_records(kind, wanted, records, many, place, seed)
            left = left - out[kind].listings(self.regions)
        return {kind: out[kind] for kind in world}

    def _wanted(self, kind: str, scale: float) -> np.ndarray:
        """Return the wanted count of each cluster; of deals whole numbers, in order of totals."""
        world, clusters = WORLD_TOTALS[self.edition], self.clusters
        wanted = clusters[f"{kind}_share"].to_numpy() * (world[kind] * scale / 100.0)
        if kind != "deal":
            return wanted
        others = (clusters["total"] - clusters["deal_share"]).to_numpy()
        grain = {each: 100.0 / (total * scale) for each, total in world.items()}
        slack = 1.05 * (grain["patent"] + grain["publication"])
        counts = published(self.edition)["deal_count"].reindex(clusters["cluster"])
        printed = counts.notna().to_numpy()
        return whole_numbers(wanted, others, grain["deal"], slack, printed).astype(np.float64)

    def main_cities(self) -> pd.DataFrame:
        """Return the main city of each region of a cluster."""
        table = self.sites.table
        main = table[table["principal"]].drop_duplicates("region")
        out = main[["cluster", "name", "lat", "lon"]].rename(columns={"name": "city"})
        return out.assign(cluster=out["cluster"] + 1).reset_index(drop=True)

    def write_population(self, path: Path) -> None:
        """Write a population raster: clusters' inhabitants around their cities, others in towns."""
        table = self.sites.table
        dense = table[table["dense"] & (table["population"] > 0)]
        of_cluster = dense.groupby("cluster")["population"].transform("sum")
        persons = self.clusters["population"].to_numpy()[dense["cluster"]]
        persons = persons * (dense["population"] / of_cluster).to_numpy()
        # Inhabitants within 5 km of a cluster's listings would count for it.
        others = table[table["cluster"] < 0]
        border = table[(table["cluster"] >= 0) & ~table["dense"]]
        near = cKDTree(unit_vectors(others["lat"], others["lon"])).query_ball_point(
            unit_vectors(border["lat"], border["lon"]), chord_of(border["radius_km"] + _CLEAR_KM)
        )
        others = others.drop(index=others.index[sorted({row for rows in near for row in rows})])
        columns = ("lat", "lon", "population")
        write_population(
            path,
            (dense["lat"].to_numpy(), dense["lon"].to_numpy(), persons),
            tuple(others[name].to_numpy(dtype=np.float64) for name in columns),
        )


def _sites(
    wanted: pd.DataFrame, layout: Layout, cities: pd.DataFrame, towns: pd.DataFrame
) -> Sites:
    """Return the sites of all regions in one table, those outside clusters by economy."""
    sites, named = layout.sites, cities.iloc[layout.sites.city]
    table = pd.DataFrame(
        {
            "name": named["name"].to_numpy(),
            "country": named["country"].to_numpy(),
            "city": sites.whole,
            "population": np.where(sites.whole, named["population"].to_numpy(), 0),
            "region": sites.region,
            "cluster": layout.cluster,
            "cluster_name": wanted["cluster"].to_numpy()[layout.cluster],
            "principal": sites.role == PRINCIPAL,
            "dense": layout.dense,
            "lat": sites.lat,
            "lon": sites.lon,
            "radius_km": sites.radius_km,
            "listings": sites.listings,
        }
    )
    economy = np.unique(towns["country"].to_numpy().astype(str), return_inverse=True)[1]
    outside = towns.assign(
        city=True,
        region=len(layout.regions) + economy,
        cluster=-1,
        cluster_name="",
        principal=False,
        dense=False,
    )
    table = pd.concat([table, outside[table.columns]], ignore_index=True)
    return Sites.of(table.sort_values("region", kind="stable", ignore_index=True))


def _geography(layout: Layout, sites: Sites) -> Geography:
    """Return the regions: clusters' at their main city, others at the mean of their listings."""
    table = sites.table
    points = unit_vectors(table["lat"], table["lon"]) * table["listings"].to_numpy()[:, None]
    region = table["region"].to_numpy()
    sums = [np.bincount(region, axis) for axis in points.T]
    middle: NDArray[np.float64] = np.stack(sums, axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    main = table[table["principal"]].drop_duplicates("region")
    middle[main["region"]] = unit_vectors(main["lat"], main["lon"])
    first = table.drop_duplicates("region").set_index("region")["country"].to_numpy().copy()
    first[main["region"]] = main["country"]
    whole = np.bincount(region, table["listings"])
    inside = len(layout.regions)
    part = np.array([about["part"] for about in layout.regions])
    return Geography(
        cluster=np.append([about["cluster"] for about in layout.regions],
                          np.full(len(whole) - inside, -1)),
        part=np.append(part, whole[inside:] / whole[inside:].sum()),
        economy=np.unique(first.astype(str), return_inverse=True)[1],
        km=kilometres(middle, middle),
        joined=layout.joined,
        leaning=layout.leaning,
    )  # fmt: skip


def _clusters(wanted: pd.DataFrame, sites: Sites, edition: int) -> pd.DataFrame:
    """Add economies, inhabitants and intensity to the targets."""
    table = sites.table[sites.table["cluster"] >= 0]
    by_country = table.groupby(["cluster", "country"], sort=True)["listings"].sum().reset_index()
    by_country = by_country.sort_values(["cluster", "listings"], ascending=[True, False])
    whole = by_country.groupby("cluster")["listings"].transform("sum")
    heard = by_country[by_country["listings"] >= 0.01 * whole].groupby("cluster")["country"]
    principal = table[table["principal"]].groupby("cluster")["name"]
    inhabitants = table.groupby("cluster")["population"].sum().to_numpy(dtype=np.float64)
    people = populations(wanted, inhabitants, edition)
    out = wanted.drop(columns=["principal_cities", "further_cities"])
    out.insert(1, "cities", principal.agg("–".join).to_numpy())
    out.insert(2, "economies", heard.agg("/".join).to_numpy())
    out["population"] = people
    intensity = pd.Series(out["total"] / people).where(out["rank"] <= 100)
    out["intensity_rank"] = intensity.rank(ascending=False).astype("Int64")
    return out
