"""Example study with simulated listings of three towns, small enough for a lesson."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gclust.datasets.geometry import distances_km, offset
from gclust.datasets.own_files import write_data_set
from gclust.datasets.positions import uniform

FILES = ("study.toml", "patent.csv", "publication.csv", "population.tif")
FIRST_YEAR, LAST_YEAR = 2015, 2024
RADIUS_KM = 12.0
"""Largest distance of a town's listings from its centre; half lie within half the distance."""
ELSEWHERE, COUNTRY, AT_CENTRE = 0.10, 0.04, 0.15
"""Shares of co-listings in the next town and outside towns, and of city-level addresses."""
SOUTH, NORTH, WEST, EAST = 44.5, 47.0, 4.0, 7.0
"""Bounds of the country round the towns, in degrees."""
CELL_DEGREES = 1.0 / 60.0

_STUDY = """\
# Simulated: no inventor, author or organisation stands behind a row of these listings.
[study]
name = "example"
title = "Three simulated towns"
note = "All listings are simulated."

[[sources]]
kind = "patent"
path = "patent.csv"
years = [{first}, {last}]

[[sources]]
kind = "publication"
path = "publication.csv"
years = [{first}, {last}]

[clusters]
eps_km = 5
min_samples = 100

[population]
raster = "population.tif"
"""


class _Town(NamedTuple):
    name: str
    country: str
    lat: float
    lon: float
    inhabitants: int
    records: dict[str, tuple[int, int]]
    """Number of records in the first and in the last year, by kind."""
    fields: dict[str, tuple[str, str, str]]
    """Fields by kind, each half as frequent as the one before."""


TOWNS = (
    _Town(
        "Lyon", "FR", 45.74846, 4.84789, 1_400_000,
        {"patent": (44, 26), "publication": (44, 40)},
        {"patent": ("chemistry", "machinery", "biotechnology"),
         "publication": ("medicine", "biology", "chemistry")},
    ),
    _Town(
        "Grenoble", "FR", 45.17869, 5.71479, 450_000,
        {"patent": (14, 44), "publication": (28, 44)},
        {"patent": ("semiconductors", "measurement", "machinery"),
         "publication": ("physics", "materials", "engineering")},
    ),
    _Town(
        "Geneva", "CH", 46.20222, 6.14569, 600_000,
        {"patent": (14, 16), "publication": (32, 36)},
        {"patent": ("measurement", "chemistry", "biotechnology"),
         "publication": ("physics", "medicine", "mathematics")},
    ),
)  # fmt: skip
"""Real towns with invented data."""


def example_study(
    folder: str | Path | None = None, *, years: tuple[int, int] = (2020, 2024)
) -> Path:
    """Write a small study of simulated listings in three towns, which runs in a second.

    It has 4,811 listings of patents and publications in Lyon, Grenoble, Geneva and the
    country between them, for the years 2015 to 2024, with every column that gclust knows. The
    study uses the last five years, in which Grenoble overtakes Lyon. The same call always
    writes the same bytes.

    Parameters
    ----------
    folder : str or path, optional
        Where to write ``study.toml``, ``patent.csv``, ``publication.csv`` and
        ``population.tif``; created if missing. By default a temporary folder, which is removed
        when Python ends.
    years : (int, int)
        First and last year that the study uses, from 2015 to 2024. Two studies of
        different years can be compared as two editions.

    Returns
    -------
    pathlib.Path
        The study, ready for `gclust.run`.

    Raises
    ------
    ValueError
        If the years are not between 2015 and 2024, or in the wrong order.
    FileExistsError
        If a file would be replaced that gclust did not write, or that was changed since.
    gclust.StudyError
        If the folder cannot be written.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> run.ranking[["rank", "name", "economies"]]
       rank      name economies
    0     1  Grenoble        FR
    1     2      Lyon        FR
    2     3    Geneva        CH
    """
    first, last = years
    if not FIRST_YEAR <= first <= last <= LAST_YEAR:
        raise ValueError(
            f"years must be a first and a last year from {FIRST_YEAR} to {LAST_YEAR}, not {years!r}"
        )
    if folder is None:
        folder = tempfile.mkdtemp(prefix="gclust-example-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def make(place: Path) -> None:
        for number, kind in enumerate(("patent", "publication")):
            table = _listings(kind, seed=10 * number)
            table.to_csv(place / f"{kind}.csv", index=False, lineterminator="\n")
        _write_population(place / "population.tif")
        text = _STUDY.format(first=first, last=last)
        (place / "study.toml").write_text(text, encoding="utf-8")

    write_data_set(Path(folder), FILES, make, last="study.toml")
    return Path(folder) / "study.toml"


def _listings(kind: str, seed: int) -> pd.DataFrame:
    """Simulate one kind's listings, one for each member of a record's team of one to four."""

    def draw(counter: np.ndarray, what: int) -> np.ndarray:
        return uniform(counter.astype(np.uint64), seed + what)

    town, year = _records(kind)
    record = np.arange(len(town))
    size = 1 + (4 * draw(record, 0)).astype(np.int64)
    field = np.digitize(draw(record, 1), [4 / 7, 6 / 7])
    record = np.repeat(record, size)
    row = np.arange(len(record))
    first = np.diff(record, prepend=-1) > 0
    home, where = town[record], draw(row, 2)
    place = np.where(~first & (where < ELSEWHERE), (home + 1) % len(TOWNS), home)
    country = ~first & (where >= 1.0 - COUNTRY)
    at_centre = ~country & (draw(row, 3) < AT_CENTRE)
    km = np.where(at_centre, 0.0, RADIUS_KM * draw(row, 4))
    centre_lat, centre_lon = _centres()[:, place]
    lat, lon = offset(centre_lat, centre_lon, km, 2.0 * np.pi * draw(row, 5))
    lat = np.where(country, SOUTH + (NORTH - SOUTH) * draw(row, 6), lat)
    lon = np.where(country, WEST + (EAST - WEST) * draw(row, 7), lon)
    # The first of four organisations has more than half of a town's records.
    organisation = (4 * draw(row, 8) ** 3).astype(np.int64)
    noun = "company" if kind == "patent" else "university"
    return pd.DataFrame(
        {
            "record": [f"{kind}-{number + 1}" for number in record],
            "lat": lat.round(5),
            "lon": lon.round(5),
            "year": year[record],
            "organisation": [
                f"{TOWNS[at].name} {noun} {number + 1} (simulated)"
                for at, number in zip(place, organisation, strict=True)
            ],
            "field": [
                TOWNS[at].fields[kind][number]
                for at, number in zip(home, field[record], strict=True)
            ],
            "country": [TOWNS[at].country for at in place],
            "precision": np.where(at_centre, "city", "rooftop"),
        }
    )


def _records(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the town and the year of each record of a kind, ordered by year."""
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    ends = np.array([town.records[kind] for town in TOWNS])
    many = np.linspace(ends[:, 0], ends[:, 1], len(years)).round().astype(np.int64)
    town = np.repeat(np.tile(np.arange(len(TOWNS)), len(years)), many.ravel())
    return town, np.repeat(years, many.sum(axis=1))


def _centres() -> np.ndarray:
    """Return latitudes and longitudes of the towns, shape (2, towns)."""
    return np.array([(town.lat, town.lon) for town in TOWNS]).T


def _write_population(path: Path) -> None:
    """Write a raster of persons per cell of one minute of arc, densest in town centres."""
    import rasterio
    from rasterio.transform import Affine

    lat = np.arange(NORTH - CELL_DEGREES / 2, SOUTH, -CELL_DEGREES)
    lon = np.arange(WEST + CELL_DEGREES / 2, EAST, CELL_DEGREES)
    persons = np.full((len(lat), len(lon)), 20.0)
    at = [axis.ravel() for axis in np.meshgrid(lat, lon, indexing="ij")]
    for town in TOWNS:
        km = distances_km(np.array([town.lat]), np.array([town.lon]), *at).reshape(persons.shape)
        density = np.exp(-km / 4.0)  # C. Clark, Urban population densities, JRSS A 114, 1951
        persons += town.inhabitants * density / density.sum()
    profile = {
        "driver": "GTiff", "width": len(lon), "height": len(lat), "count": 1,
        "dtype": "float32", "crs": "EPSG:4326", "compress": "deflate",
        "transform": Affine(CELL_DEGREES, 0.0, WEST, 0.0, -CELL_DEGREES, NORTH),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(persons.round().astype(np.float32), 1)
