"""Listings of the US example, made from five published files.

Geocoding uses only the places in the files: counties for patents, ZIP codes for university
research, cities for funding rounds. A row without a known place keeps empty coordinates, so
that the run lists it among its rejects.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gclust.datasets.fetch import fetch
from gclust.datasets.own_files import check_replaceable, write_data_set
from gclust.datasets.us_places import ZipTable, read_zip_table
from gclust.plurals import counted
from gclust.progress import Report, resolve, stage

__all__ = ["KindCount", "PreparedUS", "prepare_us"]

WEIGHT_UNIT = 232_792_560
"""Weights are whole multiples of one over this number, as everywhere in gclust."""

PATENT_YEARS = range(2011, 2016)
ALL_PATENT_YEARS = range(2000, 2016)
RASTER = "gpw_v4_population_density_rev11_2020_15_min.tif"

_SCHEMA = pa.schema(
    [
        ("record", pa.string()),
        ("kind", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("weight", pa.float64()),
        ("year", pa.int64()),
        ("organisation", pa.string()),
        ("country", pa.string()),
        ("precision", pa.string()),
    ]
)


@dataclass(frozen=True)
class KindCount:
    """Rows and weight of one kind's source, in total and without coordinates.

    Attributes
    ----------
    kind : str
    rows : int
        Rows of the source without empty and repeated ones.
    weight : float
        Weight of the rows, in `unit`.
    unit : str
        Unit of the weight, such as patents.
    unlocated_rows : int
        Rows for which no coordinates were found.
    unlocated_weight : float
    listings : int
        Rows written; more than `rows` where a row is divided among several points.
    note : str
        A note for readers of the figures.
    """

    kind: str
    rows: int
    weight: float
    unit: str
    unlocated_rows: int
    unlocated_weight: float
    listings: int
    note: str

    @property
    def unlocated_share(self) -> float:
        """Share of the rows without coordinates, from 0 to 1."""
        return self.unlocated_rows / self.rows if self.rows else 0.0

    def __str__(self) -> str:
        return (
            f"{self.kind}: {counted(self.rows, 'row')}, {self.weight:,.0f} {self.unit}; "
            f"{counted(self.unlocated_rows, 'row')} ({100 * self.unlocated_share:.1f} %) with "
            f"{self.unlocated_weight:,.0f} {self.unit} could not be geocoded. {self.note}"
        )


Maker = Callable[[Path, ZipTable], tuple[pd.DataFrame, KindCount]]


@dataclass(frozen=True)
class PreparedUS:
    """Files that `prepare_us` wrote.

    Attributes
    ----------
    folder : pathlib.Path
    study : pathlib.Path
        The study to run.
    raster : pathlib.Path
        Persons per km2.
    listings : dict of str to pathlib.Path
        Parquet file of each kind.
    counts : tuple of KindCount
    """

    folder: Path
    study: Path
    raster: Path
    listings: dict[str, Path]
    counts: tuple[KindCount, ...]

    def describe(self) -> str:
        """Describe each kind in one line: rows, weight, and rows without coordinates."""
        return "\n".join(str(count) for count in self.counts)


def prepare_us(
    folder: str | os.PathLike[str],
    *,
    patent_years: Iterable[int] = PATENT_YEARS,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | Report | None = None,
) -> PreparedUS:
    """Fetch the US files and write listings, population raster and study to a folder.

    Parameters
    ----------
    folder : path
        Created if missing. The call writes ``patent.parquet``, ``research.parquet``,
        ``deal.parquet``, the raster, and ``study.toml`` unless one exists already, which
        may be a user's own.
    patent_years : iterable of int
        Years of the patents that are listed, of 2000 to 2015.
    cache, progress
        As for `gclust.datasets.fetch.fetch`.

    Returns
    -------
    PreparedUS
        Paths, and for each kind how much could not be geocoded.

    Raises
    ------
    gclust.datasets.fetch.FetchError
        If a file cannot be fetched.
    FileExistsError
        If a file would be replaced that gclust did not write, or that was changed since.
    ValueError
        For a year without patents in the source.

    Examples
    --------
    >>> import gclust
    >>> prepared = gclust.datasets.prepare_us("us-listings")  # doctest: +SKIP
    >>> run = gclust.run("us-listings/study.toml")  # doctest: +SKIP
    """
    years = _known_years(patent_years)
    report = resolve(progress)
    files = fetch("us-innovation", cache=cache, progress=report)
    folder = Path(folder)
    raster, study = folder / RASTER, folder / "study.toml"
    tables = {kind: folder / f"{kind}.parquet" for kind in ("patent", "research", "deal")}
    made = [path.name for path in (*tables.values(), raster)]
    check_replaceable(folder, made)
    counts = []
    listed = {}
    with stage(report, "preparing the US listings") as done:
        zips = read_zip_table(files["US.zip"])
        done(0.25)
        makers: tuple[tuple[str, Maker, str], ...] = (
            ("patent", partial(patent_listings, years=years), "USPTO_county.csv"),
            ("research", research_listings, "NSF_univ.csv"),
            ("deal", deal_listings, "crunchbase-rounds.csv"),
        )
        for i, (kind, make, name) in enumerate(makers):
            table, count = make(files[name], zips)
            listed[kind] = table
            counts.append(count)
            done(0.25 + i / 4)

        def write(place: Path) -> None:
            for kind, table in listed.items():
                _write_parquet(table, place / tables[kind].name)
            shutil.copyfile(files[RASTER], place / RASTER)
            if not os.path.lexists(study):
                with resources.as_file(resources.files("gclust.datasets") / "data") as data:
                    shutil.copyfile(data / "us_study.toml", place / "study.toml")

        write_data_set(folder, made, write, last="study.toml")
    return PreparedUS(folder, study, raster, tables, tuple(counts))


def _known_years(years: Iterable[int]) -> list[int]:
    """Return years of patents in order; ValueError for one that the source lacks."""
    wanted = sorted(set(years))
    if not wanted or not set(wanted) <= set(ALL_PATENT_YEARS):
        first, last = ALL_PATENT_YEARS[0], ALL_PATENT_YEARS[-1]
        raise ValueError(f"patent_years is {wanted}; expected years from {first} to {last}")
    return wanted


def patent_listings(
    path: Path, zips: ZipTable, years: Iterable[int] = PATENT_YEARS
) -> tuple[pd.DataFrame, KindCount]:
    """Divide each county's patents (by first-named inventor) among the county's ZIP codes.

    Each ZIP code of the county gets an equal share of each year's patents; ZIP codes at the same
    point are joined. Shares are multiples of 1/`WEIGHT_UNIT`; the remainder goes one each to the
    first points, so that the sum over the county is exact.
    """
    raw = pd.read_csv(path, dtype=object, keep_default_na=False, encoding="latin-1")
    raw = raw[raw["FIPS Code"] != "ALL"]
    counties = raw["Mail Code"] + raw["FIPS Code"].str.zfill(5).str[2:]
    by_year = raw[[str(year) for year in years]].astype(np.int64).assign(county=counties)
    n_patents = by_year.melt("county", var_name="year", value_name="n").query("n > 0")
    n_patents["year"] = n_patents["year"].astype(np.int64)
    table = _divide_among_points(n_patents, zips.zips)
    listed = _as_listings(table, "patent")
    lost = ~n_patents["county"].isin(zips.zips["county"])
    count = KindCount(
        kind="patent",
        rows=len(n_patents),
        weight=float(n_patents["n"].sum()),
        unit="patents",
        unlocated_rows=int(lost.sum()),
        unlocated_weight=float(n_patents.loc[lost, "n"].sum()),
        listings=len(listed),
        note="A patent is known by its first-named inventor's county only; where in the county "
        "it lies is modelled: an equal part on each of the county's ZIP codes.",
    )
    return listed, count


def _divide_among_points(n_patents: pd.DataFrame, zips: pd.DataFrame) -> pd.DataFrame:
    """Divide the patents of each county and year among its points by their ZIP codes."""
    points = zips.groupby(["county", "lat", "lon"]).size().reset_index(name="n_zips")
    points["n_county"] = points.groupby("county")["n_zips"].transform("sum")
    table = n_patents.merge(points, on="county", how="left").fillna({"n_zips": 1, "n_county": 1})
    table = table.sort_values(["county", "year", "lat", "lon"], ignore_index=True)
    total = table["n"] * WEIGHT_UNIT
    # At most 15,000 patents x 2.3e8 x 200 ZIP codes: far inside int64.
    units = total * table["n_zips"].astype(np.int64) // table["n_county"].astype(np.int64)
    group = [table["county"], table["year"]]
    left_over = total - units.groupby(group).transform("sum")
    units += units.groupby(group).cumcount() < left_over
    located = table["lat"].notna()
    precision = pd.Series(None, index=table.index, dtype=object).mask(located, "county")
    return table.assign(weight=units / WEIGHT_UNIT, precision=precision)


def research_listings(path: Path, zips: ZipTable) -> tuple[pd.DataFrame, KindCount]:
    """Return each campus's R&D dollars (thousands) by year, at its ZIP code or city.

    The source repeats a campus for every county that its ZIP code touches; each campus
    counts once a year.
    """
    raw = pd.read_csv(path, dtype=object, keep_default_na=False, encoding="latin-1")
    raw = raw.drop_duplicates(["RDINST", "Year"])
    raw = raw.assign(
        dollars=raw["Total.R.D.Expenditures.in.All.Fields.Sum."].astype(np.int64),
        year=raw["Year"].astype(np.int64),
        organisation=raw["Academic.Institution..Campus.Level..survey.specific."],
    )
    raw = raw[raw["dollars"] > 0].sort_values(["RDINST", "year"])
    found = []
    for code, city, state in zip(raw["Zip"], raw["CITY"], raw["state"], strict=True):
        state_code = zips.state_codes.get(state, "")
        by_zip = zips.zip_point(code, state_code)
        found.append(_located(by_zip, "zip", zips.city_point(city, state_code)))
    table = _with_places(raw, found).assign(weight=raw["dollars"].to_numpy(dtype=float))
    return _counted(
        table,
        "research",
        "thousand dollars",
        "University R&D expenditure stands in for publications.",
    )


def deal_listings(path: Path, zips: ZipTable) -> tuple[pd.DataFrame, KindCount]:
    """Return the funding rounds of US companies, each at its company's city.

    The file's lines end in CR alone, and it is encoded in Mac Roman.
    """
    raw = pd.read_csv(
        path, dtype=object, keep_default_na=False, encoding="mac_roman", lineterminator="\r"
    )
    raw = raw[raw["company_country_code"] == "USA"]
    key = raw["company_permalink"] + "|" + raw["funded_at"] + "|" + raw["funding_round_type"]
    # Rounds of the same day and type get numbers, which make their ids unique.
    number = key.groupby(key, sort=False).cumcount() + 1
    raw = raw.assign(
        record=key + "|" + number.astype(str).astype(object),
        year=raw["funded_year"].astype(np.int64),
        organisation=raw["company_name"],
    ).sort_values("record")
    cities = zip(raw["company_city"], raw["company_state_code"], strict=True)
    places = {pair: _located(None, "", zips.city_point(*pair)) for pair in dict.fromkeys(cities)}
    found = [
        places[pair] for pair in zip(raw["company_city"], raw["company_state_code"], strict=True)
    ]
    table = _with_places(raw, found).assign(weight=1.0)
    return _counted(
        table,
        "deal",
        "rounds",
        "A round lies at the most central ZIP code of the company's city.",
    )


Place = tuple[float, float, str | None]


def _located(
    first: tuple[float, float] | None, precision: str, city: tuple[float, float] | None
) -> Place:
    if first is not None:
        return (*first, precision)
    return (*city, "city") if city is not None else (np.nan, np.nan, None)


def _with_places(rows: pd.DataFrame, places: Iterable[Place]) -> pd.DataFrame:
    found = pd.DataFrame(list(places), columns=["lat", "lon", "precision"], dtype=object)
    found = found.astype({"lat": float, "lon": float}).set_axis(rows.index, axis=0)
    return rows.assign(**{name: found[name] for name in found})


def _counted(
    table: pd.DataFrame, kind: str, unit: str, note: str
) -> tuple[pd.DataFrame, KindCount]:
    listed = _as_listings(table, kind)
    lost = listed["lat"].isna()
    count = KindCount(
        kind=kind,
        rows=len(listed),
        weight=float(listed["weight"].sum()),
        unit=unit,
        unlocated_rows=int(lost.sum()),
        unlocated_weight=float(listed.loc[lost, "weight"].sum()),
        listings=len(listed),
        note=note,
    )
    return listed, count


def _as_listings(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    full = table.assign(kind=kind, country="US")
    return full.reindex(columns=_SCHEMA.names).reset_index(drop=True)


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    arrow = pa.Table.from_pandas(table, schema=_SCHEMA, preserve_index=False)
    # pandas' own metadata names versions and is of no use to another reader.
    pq.write_table(arrow.replace_schema_metadata(None), path)
