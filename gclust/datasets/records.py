"""The listings of a simulated world, by kind and in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from gclust.datasets.allocation import RecordClasses
from gclust.datasets.fields import FIELDS, field_limits, field_of
from gclust.datasets.positions import PositionPools, Shuffle, mixed, uniform

PRECISIONS = ("city", "postal", "rooftop")
_PRECISION_SHARES = {  # city and postal code; the rest are rooftops
    "patent": (0.10, 0.45),
    "publication": (0.27, 0.48),
    "deal": (0.40, 0.40),
}
_ORGANISATION = {"patent": "company", "publication": "university", "deal": "company"}
_CHUNK_RECORDS = {"patent": 500_000, "publication": 350_000, "deal": 500_000}


@dataclass(frozen=True)
class Sites:
    """Where the listings of each region lie; those of the noise come last.

    Attributes
    ----------
    table : pandas.DataFrame
        ``name, country, region, lat, lon, radius_km, part, fixed, listings``,
        sorted by region; ``listings`` at scale 1.
    points : PositionPools
    organisations : ndarray of int
        Number of organisations of each site and kind.
    """

    table: pd.DataFrame
    points: PositionPools
    organisations: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame) -> Sites:
        """Make the pools of positions and the numbers of organisations of a table of sites."""
        columns = (table[name].to_numpy() for name in ("lat", "lon", "radius_km", "listings"))
        many = np.log2(np.maximum(table["listings"].to_numpy(), 2.0) / 500.0)
        return cls(table, PositionPools(*columns), np.clip(many, 1, 12).astype(np.int64))

    def quotas(self, listings: np.ndarray, fixed_unit: float) -> np.ndarray:
        """Allocate each region's listings to its sites, in whole numbers.

        Parameters
        ----------
        listings : ndarray
            Listings of each region.
        fixed_unit : float
            Listings for one unit of the sites' ``fixed`` weight.
        """
        region = self.table["region"].to_numpy()
        fixed = self.table["fixed"].to_numpy() * fixed_unit
        out = np.where(fixed > 0.0, np.maximum(np.ceil(fixed), 2.0), 0.0).astype(np.int64)
        free = listings - np.bincount(region, weights=out, minlength=len(listings)).astype(np.int64)
        # Cumulative rounding within each region, whose parts sum to one.
        ends = np.cumsum(self.table["part"].to_numpy())
        starts = np.concatenate([[0.0], ends])[np.searchsorted(region, region)]
        last = np.append(region[1:] != region[:-1], True)
        upto = np.where(last, free[region], np.rint((ends - starts) * free[region]))
        first = np.concatenate([[True], last[:-1]])
        before = np.where(first, 0.0, np.concatenate([[0.0], upto[:-1]]))
        return out + (upto - before).astype(np.int64)


def listings(
    kind: str,
    classes: RecordClasses,
    sites: Sites,
    quotas: np.ndarray,
    years: tuple[int, int],
    seed: int,
) -> Iterator[tuple[float, pa.Table]]:
    """Yield the listings of one kind in chunks, each with the share done after it.

    ``quotas`` are the listings of each site, ``years`` the first and the last one. Columns:
    ``record, kind, lat, lon, year, organisation, field, country, precision``; the field is the
    record's, by the city of its first listing.
    """
    generator = _ListingGenerator(kind, classes, sites, quotas, years, seed)
    total, step = classes.records, _CHUNK_RECORDS[kind]
    for low in range(0, total, step):
        high = min(low + step, total)
        yield high / total, generator.table(low, high)


class _ListingGenerator:
    """Generates the listings of any range of records from their numbers alone; see `listings`."""

    def __init__(
        self,
        kind: str,
        classes: RecordClasses,
        sites: Sites,
        quotas: np.ndarray,
        years: tuple[int, int],
        seed: int,
    ) -> None:
        self.kind, self.classes, self.sites, self.years = kind, classes, sites, years
        self.seed = seed * 1000 + list(_PRECISION_SHARES).index(kind)
        self.class_start = np.concatenate([[0], np.cumsum(classes.count)])
        region = sites.table["region"].to_numpy()
        regions = int(region.max()) + 1
        in_region = np.bincount(region, weights=quotas, minlength=regions).astype(np.int64)
        self.region_start = np.concatenate([[0], np.cumsum(in_region)])
        self.shuffle_records = Shuffle.of(classes.records, self.seed)
        self.shuffle_listings = Shuffle.of(in_region, self.seed)
        self.site_end = np.cumsum(quotas)
        self.first_listing, self.second_listing = _class_listings(classes, regions)
        names, self.country_code = np.unique(sites.table["country"], return_inverse=True)
        self.countries = pa.array(names.tolist(), pa.string())
        self.organisation_start = np.concatenate([[0], np.cumsum(sites.organisations)])
        noun = _ORGANISATION[kind]
        # Without repeats, though cities share names: with repeated entries in a dictionary
        # Parquet files of equal tables differ.
        every = [
            f"{name} {noun} {number + 1} (simulated)"
            for name, many in zip(sites.table["name"], sites.organisations, strict=True)
            for number in range(many)
        ]
        names, self.organisation_code = np.unique(np.array(every), return_inverse=True)
        self.organisations = pa.array(names.tolist(), pa.string())
        cities = sites.table["name"].to_numpy().astype(str)
        self.field_limits = field_limits(kind, cities, region, self.seed + 600)
        self.fields = pa.array(list(FIELDS[kind]), pa.string())

    def table(self, low: int, high: int) -> pa.Table:
        """Return the listings of the records numbered from ``low`` to before ``high``."""
        record = np.arange(low, high, dtype=np.int64)
        nth = self.shuffle_records(record)
        group = np.searchsorted(self.class_start, nth, side="right") - 1
        within = nth - self.class_start[group]
        size = self.classes.size[group]
        ends = np.cumsum(size)
        row = np.repeat(np.arange(len(record)), size)
        slot = np.arange(len(row)) - np.repeat(ends - size, size)
        group, within = group[row], within[row]
        region, number = self._in_region(group, within, slot)
        number = self.region_start[region] + self.shuffle_listings(number, region)
        site = np.searchsorted(self.site_end, number, side="right")
        home = site[ends - size]
        field = field_of(
            self.field_limits, home, uniform(record.astype(np.uint64), self.seed + 700)
        )
        return self._columns(record[row], site, number, field[row])

    def _in_region(
        self, group: np.ndarray, within: np.ndarray, slot: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each listing's region and its number there."""
        here = self.classes.here[group]
        there = self.classes.size[group] - here
        away = slot >= here
        region = np.where(away, self.classes.second[group], self.classes.first[group])
        number = np.where(
            away,
            self.second_listing[group] + within * there + slot - here,
            self.first_listing[group] + within * here + slot,
        )
        return region, number

    def _columns(
        self, record: np.ndarray, site: np.ndarray, number: np.ndarray, field: np.ndarray
    ) -> pa.Table:
        bits = mixed(number.astype(np.uint64), self.seed)
        precision = self.sites.points.precision(site, bits, *_PRECISION_SHARES[self.kind])
        # All kinds share the pools of positions: they are the buildings of the world.
        lat, lon = self.sites.points.positions(site, precision, bits, self.seed // 1000)
        first, last = self.years
        bits_of_record = mixed(record.astype(np.uint64), self.seed + 500)
        year = first + (
            (bits_of_record >> np.uint64(32)) * np.uint64(last - first + 1) >> np.uint64(32)
        )
        many = self.sites.organisations[site]
        draw = (bits >> np.uint64(48)).astype(np.float64) / 65536.0
        # The nth organisation has about 1/n of the first one's listings.
        nth = np.minimum((np.power(many + 1.0, draw) - 1.0).astype(np.int64), many - 1)
        organisation = self.organisation_code[self.organisation_start[site] + nth].astype(np.int32)
        kind = np.zeros(len(record), dtype=np.int8)
        encoded = pa.DictionaryArray.from_arrays
        return pa.table(
            {
                "record": record + 1,
                "kind": encoded(kind, pa.array([self.kind])),
                "lat": lat,
                "lon": lon,
                "year": year.astype(np.int16),
                "organisation": encoded(organisation, self.organisations),
                "field": encoded(field, self.fields),
                "country": encoded(self.country_code[site].astype(np.int16), self.countries),
                "precision": encoded(precision, pa.array(PRECISIONS)),
            }
        )


def _class_listings(classes: RecordClasses, regions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each class's listings begin in the count of its first and second region."""
    here = classes.count * classes.here
    there = np.where(classes.second >= 0, classes.count * (classes.size - classes.here), 0)
    region = np.concatenate([classes.first, np.maximum(classes.second, 0)])
    many = np.concatenate([here, there])
    order = np.argsort(region, kind="stable")
    ends = np.cumsum(many[order])
    starts = ends - many[order]
    region_start = np.concatenate([[0], np.cumsum(np.bincount(region, many, regions))])
    within = np.empty(len(region), dtype=np.int64)
    within[order] = starts - region_start[region[order]].astype(np.int64)
    return within[: len(here)], within[len(here) :]
