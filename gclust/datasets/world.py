"""Simulated worlds: simulated listings behind the GII's cluster tables, written to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gclust.datasets.allocation import RecordClasses, allocate_records, shared_records
from gclust.datasets.background import background
from gclust.datasets.geometry import distances_km
from gclust.datasets.inhabitants import populations, write_population
from gclust.datasets.layout import MIN_SAMPLES, Layout, lay_out
from gclust.datasets.modelled import WORLD_TOTALS, YEARS, targets
from gclust.datasets.own_files import check_replaceable, write_data_set
from gclust.datasets.records import Sites, listings
from gclust.datasets.teams import mean_size
from gclust.datasets.world_files import write_figures, write_study
from gclust.progress import Report, resolve, stage

DEFAULT_SCALE = 0.05
LEAST_SCALE = 0.005
MADE = ("study.toml", "listings", "population.tif", "figures.csv")
"""Files of a world, whose study reads all files in ``listings``."""


@dataclass(frozen=True)
class World:
    """Simulated world in a folder, with the figures that it is simulated from.

    The listings are simulated. What :func:`gclust.datasets.gii` returns is
    published; every other figure is modelled. ``clusters`` is what a run of ``study`` should
    find.

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
    """Write a simulated world of listings that lead to one of the GII's cluster tables.

    Parameters
    ----------
    folder : str or path
        Where to write ``study.toml``, ``listings/<kind>/part-*.parquet``,
        ``population.tif`` and ``figures.csv``; created if missing. Unchanged files
        of an earlier world in it are replaced; other files stay.
    edition : {2025, 2023}
        2025 has patents, publications and deals; 2023 patents and publications.
    scale : float
        Size relative to the real world: 1.0 is about 36 million listings.
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
        For an unknown edition, a negative seed, or a scale below 0.005, at
        which the smallest clusters would have too few records.
    FileExistsError
        If a file would be replaced that gclust did not write, or that was changed since.
    gclust.StudyError
        If the folder cannot be written.

    Examples
    --------
    >>> from gclust.datasets import simulate
    >>> world = simulate("world", scale=0.005)
    >>> world.listings
    {'patent': 18587, 'publication': 162585, 'deal': 1200}
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
        classes_of = {
            kind: plan.record_classes(kind, scale, seed) for kind in WORLD_TOTALS[edition]
        }
    min_samples = max(1, round(MIN_SAMPLES * scale))
    many: dict[str, int] = {}
    totals = {kind: classes.records for kind, classes in classes_of.items()}

    def make(place: Path) -> None:
        for kind, classes in classes_of.items():
            many[kind] = _write_listings(place, plan, classes, kind, min_samples, seed, report)
        with stage(report, "writing the population"):
            plan.write_population(place / "population.tif")
        write_figures(place / "figures.csv", edition, plan.clusters)
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
        listings=many,
        clusters=plan.clusters,
        regions=plan.regions(),
        most_locations=plan.sites.points.bound,
    )


def _write_listings(
    folder: Path,
    plan: _Plan,
    classes: RecordClasses,
    kind: str,
    min_samples: int,
    seed: int,
    report: Report,
) -> int:
    """Write one kind's listings in several files, and return the number of listings."""
    place = folder / "listings" / kind
    place.mkdir(parents=True, exist_ok=True)
    many = classes.listings(len(plan.layout.regions) + 1)
    # The sparse places between joined regions are the same few publications everywhere.
    quotas = plan.sites.quotas(many, min_samples if kind == "publication" else 0.0)
    parts = listings(kind, classes, plan.sites, quotas, YEARS[plan.edition][kind], seed)
    with stage(report, f"simulating {kind}s") as done:
        for number, (share, table) in enumerate(parts):
            # The names of organisations outgrow the default of 1 MiB, beyond which they
            # would be written out in full, row by row.
            path = place / f"part-{number:03d}.parquet"
            pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=1 << 24)
            if share < 1.0:
                done(share)
    return int(many.sum())


@dataclass(frozen=True)
class _Plan:
    """Plan of a world's clusters and noise, made before any listing is generated."""

    edition: int
    clusters: pd.DataFrame
    layout: Layout
    sites: Sites
    noise: pd.DataFrame

    @classmethod
    def of(cls, edition: int, seed: int) -> _Plan:
        """Compute the targets, lay out the clusters, and put the noise between them."""
        # The one thing that a simulated world needs from inside the house.
        from gclust.places.cities.gazetteer import gazetteer

        cities, wanted = gazetteer(), targets(edition)
        world = WORLD_TOTALS[edition]
        weight = {kind: world[kind] * mean_size(kind) / 100.0 for kind in world}
        mass = sum(wanted[f"{kind}_share"].to_numpy() * weight[kind] for kind in world)
        layout = lay_out(wanted, mass, cities)
        noise_mass = 100.0 * sum(weight.values()) - mass.sum()
        noise = background(layout, cities, noise_mass, seed)
        sites = _sites(layout, noise, noise_mass)
        clusters = _clusters(wanted, layout, edition)
        return cls(edition, clusters, layout, sites, noise)

    def record_classes(self, kind: str, scale: float, seed: int) -> RecordClasses:
        """Allocate the records of one kind at a scale."""
        regions, world = self.layout.regions, WORLD_TOTALS[self.edition][kind]
        cluster = np.array([region["cluster"] for region in regions])
        part = np.array([region["part"] for region in regions])
        wanted = self.clusters[f"{kind}_share"].to_numpy() * (world * scale / 100.0)
        ties = np.zeros((len(regions) + 1, len(regions) + 1), dtype=np.int64)
        if kind != "deal":
            first = [self.layout.of_region(region)[0] for region in range(len(regions))]
            lat, lon = (np.array([site[axis] for site in first]) for axis in ("lat", "lon"))
            km = distances_km(lat, lon, lat, lon)
            mass = part * wanted[cluster]
            ties = shared_records(mass, km, self.layout.joined, self.layout.leaning)
        return allocate_records(kind, wanted, cluster, part, ties, round(world * scale), seed)

    def regions(self) -> pd.DataFrame:
        """Return the main city of each region."""
        main = [self.layout.of_region(region)[0] for region in range(len(self.layout.regions))]
        out = pd.DataFrame(main)[["name", "lat", "lon"]].rename(columns={"name": "city"})
        out.insert(0, "cluster", [region["cluster"] + 1 for region in self.layout.regions])
        return out

    def write_population(self, path: Path) -> None:
        """Write the inhabitants of clusters about their cities, and the others in their places."""
        table = pd.DataFrame(self.layout.sites)
        cluster = np.array([region["cluster"] for region in self.layout.regions])
        table["cluster"] = cluster[table["region"]]
        table = table[table["population"] > 0]
        of_cluster = table.groupby("cluster")["population"].transform("sum")
        persons = self.clusters["population"].to_numpy()[table["cluster"]]
        persons = persons * (table["population"] / of_cluster).to_numpy()
        counted = (table["lat"].to_numpy(), table["lon"].to_numpy(), persons)
        write_population(
            path,
            counted,
            tuple(
                self.noise[name].to_numpy(dtype=np.float64) for name in ("lat", "lon", "population")
            ),
        )


def _sites(layout: Layout, noise: pd.DataFrame, noise_mass: float) -> Sites:
    """Return the sites of all regions and of the noise in one table."""
    names = ["name", "country", "region", "lat", "lon", "radius_km", "part", "fixed"]
    table = pd.DataFrame(layout.sites)[names]
    mass = np.array([region["listings"] for region in layout.regions])
    table["listings"] = table["part"].to_numpy() * mass[table["region"]]
    rest = noise.assign(region=len(mass), fixed=0.0, listings=noise["part"] * noise_mass)
    table = pd.concat([table, rest[[*names, "listings"]]], ignore_index=True)
    return Sites.of(table.sort_values("region", kind="stable", ignore_index=True))


def _clusters(wanted: pd.DataFrame, layout: Layout, edition: int) -> pd.DataFrame:
    """Add economies, inhabitants and intensity to the targets."""
    regions = pd.DataFrame(layout.regions)
    table = pd.DataFrame(layout.sites)
    table["cluster"] = regions["cluster"].to_numpy()[table["region"]]
    table["weight"] = table["part"] * regions["part"].to_numpy()[table["region"]]
    by_country = table.groupby(["cluster", "country"], sort=True)["weight"].sum().reset_index()
    by_country = by_country.sort_values(["cluster", "weight"], ascending=[True, False])
    heard = by_country[by_country["weight"] >= 0.01].groupby("cluster")["country"]
    principal = table[table["role"] == "principal"].groupby("cluster")["name"]
    inhabitants = table.groupby("cluster")["population"].sum().to_numpy(dtype=np.float64)
    people = populations(wanted, inhabitants, edition)
    out = wanted.drop(columns=["principal_cities", "further_cities"])
    out.insert(1, "cities", principal.agg("–".join).to_numpy())
    out.insert(2, "economies", heard.agg("/".join).to_numpy())
    out["population"] = people
    intensity = pd.Series(out["total"] / people).where(out["rank"] <= 100)
    out["intensity_rank"] = intensity.rank(ascending=False).astype("Int64")
    return out
