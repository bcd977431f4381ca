"""Coordinates of US counties, ZIP codes and cities from the GeoNames table of ZIP codes."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["ZipTable", "read_zip_table"]

CONNECTICUT_REGIONS = {
    "110": "003",
    "120": "001",
    "130": "007",
    "140": "009",
    "150": "015",
    "160": "005",
    "170": "009",
    "180": "011",
    "190": "001",
}
"""County with most towns of each planning region; these replaced Connecticut's counties in 2022."""

CONNECTICUT_TOWNS = {
    "001": "Shelton",
    "003": "Bristol, Burlington, East Hartland, West Hartland",
    "005": "Bethlehem, Bridgewater, Gaylordsville, New Milford, Oakville, Pequabuck, Plymouth, "
    "Terryville, Thomaston, Watertown, Woodbury",
    "011": "Hadlyme, Lyme, Old Lyme, South Lyme, Voluntown",
    "013": "Amston, Andover, Bolton, Columbia, Coventry, Ellington, Hebron, Mansfield Center, "
    "Mansfield Depot, Somers, Somersville, South Willington, Stafford, Stafford Springs, Storrs, "
    "Storrs Mansfield, Tolland, Union, Vernon Rockville, Willington",
    "015": "North Windham, South Windham, Willimantic, Windham",
}
"""Towns of each county whose planning region mostly lies in another county."""

OTHER_NAMES = {
    # Municipalities whose mail goes by a neighbour's post office, parts of cities, and
    # misspellings: those that at least four funding rounds give. The ZIP code is the place's.
    "AZ": {"tuscon": "85701"},
    "CA": {
        "foster city": "94404",
        "hollywood": "90028",
        "moffett field": "94035",
        "mount view": "94041",
        "rancho dominguez": "90220",
        "redwood shores": "94065",
        "san francsico": "94102",
        "south san fransisco": "94080",
        "venice beach": "90291",
    },
    "CO": {
        "centennial": "80112",
        "greenwood village": "80111",
        "highlands ranch": "80129",
        "lakewood": "80226",
        "superior": "80027",
    },
    "FL": {
        "aventura": "33180",
        "coconut grove": "33133",
        "londwood": "32750",
        "miramar": "33025",
        "sunrise": "33323",
        "weston": "33326",
    },
    "GA": {"nw atlanta": "30318"},
    "MA": {"south boston": "02127"},
    "MD": {"landover": "20785", "timonium": "21093"},
    "MI": {"bloomfield": "48302", "farmington hills": "48331"},
    "MN": {
        "arden hills": "55112",
        "bloomington": "55420",
        "eagan": "55122",
        "golden valley": "55427",
        "mendota heights": "55120",
        "plymouth": "55447",
        "roseville": "55113",
        "shoreview": "55126",
        "south saint paul": "55075",
    },
    "MO": {"clayton": "63105"},
    "NC": {"esearch triangle park": "27709", "research triangle park": "27709"},
    "NJ": {"mount laurel": "08054"},
    "NY": {
        "loudonville": "12211",
        "manhattan": "10018",
        "ny": "10018",
        "nyc": "10018",
        "rye brook": "10573",
        "williamsville": "14221",
    },
    "OH": {
        "copley": "44321",
        "garfield heights": "44125",
        "kettering": "45429",
        "oakwood village": "44146",
        "shaker heights": "44120",
    },
    "PA": {
        "east norriton": "19401",
        "radnor": "19087",
        "trevose": "19053",
        "west conshohocken": "19428",
        "yardley": "19067",
    },
    "TX": {"the woodlands": "77380"},
    "UT": {"bluffdale": "84065", "murray": "84107"},
    "VA": {"tysons corner": "22102", "viena": "22180"},
    "WA": {"bellvue": "98004", "downtown seattle": "98101"},
}
"""ZIP code in a place, by state and by another name of the place."""

_SHORT_WORDS = {"st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount"}


class ZipTable:
    """Table of US ZIP codes that finds the coordinates of ZIP codes and cities.

    Parameters
    ----------
    zips : DataFrame
        One row per ZIP code in order of ``zip``: ``zip, place, state, state_code, county``
        (two letters of the state and three digits) and ``lat, lon`` in degrees.
    """

    def __init__(self, zips: pd.DataFrame) -> None:
        self.zips = zips
        self._point = {
            row.zip: (row.lat, row.lon, row.state_code) for row in zips.itertuples(index=False)
        }
        self.state_codes = dict(zip(zips["state"], zips["state_code"], strict=True))
        self._cities = _central_points(zips)

    def zip_point(self, code: str, state_code: str) -> tuple[float, float] | None:
        """Return latitude and longitude of a ZIP code, or None if the state has no such code."""
        lat, lon, state = self._point.get(code, (np.nan, np.nan, None))
        return (lat, lon) if state == state_code else None

    def city_point(self, city: str, state_code: str) -> tuple[float, float] | None:
        """Return latitude and longitude of a city's most central ZIP code, or None if unknown.

        "City" at the end, and the state's name or letters behind the city's, are ignored
        where the name is not known with them.
        """
        name = plain_name(city)
        state = plain_name(next((k for k, v in self.state_codes.items() if v == state_code), ""))
        for ending in ("", " city", f" {state_code.lower()}", f" {state}"):
            if not name.endswith(ending) or name == ending.strip():
                continue
            short = name.removesuffix(ending)
            found = self._cities.get((state_code, _compact(short)))
            if found is None and short in OTHER_NAMES.get(state_code, {}):
                found = self.zip_point(OTHER_NAMES[state_code][short], state_code)
            if found is not None:
                return found
        return None


def plain_name(name: str) -> str:
    """Return a name in lower case without accents and punctuation, St, Ft and Mt written out."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"['’.]", "", letters)).split()
    return " ".join(_SHORT_WORDS.get(word, word) for word in words)


def _compact(name: str) -> str:
    """Return the plain name without spaces, as sources differ in spaces (McLean, Sugar Land)."""
    return name.replace(" ", "")


def read_zip_table(path: Path) -> ZipTable:
    """Read the zipped CSV of ZIP codes, and leave out military ones, which lie in no state."""
    with zipfile.ZipFile(path) as archive, archive.open("zipcodes.us.csv") as file:
        raw = pd.read_csv(file, dtype=object, keep_default_na=False, encoding="utf-8")
    raw = raw[raw["state_code"] != ""]
    zips = pd.DataFrame(
        {
            "zip": raw["zipcode"],
            "place": raw["place"],
            "state": raw["state"],
            "state_code": raw["state_code"],
            "county": raw["state_code"] + _county_codes(raw),
            "lat": raw["latitude"].astype(float),
            "lon": raw["longitude"].astype(float),
        }
    )
    return ZipTable(zips.sort_values("zip").drop_duplicates("zip").reset_index(drop=True))


def _county_codes(raw: pd.DataFrame) -> pd.Series:
    """Return the county's three digits, with Connecticut's old counties instead of its regions."""
    town_county = {
        plain_name(town): county
        for county, towns in CONNECTICUT_TOWNS.items()
        for town in towns.split(",")
    }
    codes = [
        town_county.get(plain_name(place), CONNECTICUT_REGIONS[code])
        if state == "CT" and code in CONNECTICUT_REGIONS
        else code
        for state, place, code in zip(
            raw["state_code"], raw["place"], raw["province_code"], strict=True
        )
    ]
    return pd.Series(codes, index=raw.index, dtype=object)


def _central_points(zips: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """Return for each city the ZIP point nearest to the median of its ZIP points.

    The median leaves out a ZIP code with a misplaced coordinate or of a namesake in the
    same state; a ZIP point itself cannot lie in a bay between two halves of a city.
    """
    table = zips.assign(name=[_compact(plain_name(place)) for place in zips["place"]])
    middle = table.groupby(["state_code", "name"])[["lat", "lon"]].transform("median")
    north = table["lat"] - middle["lat"]
    east = (table["lon"] - middle["lon"]) * np.cos(np.radians(middle["lat"]))
    # Distances that differ only by rounding are ties, which the order of ZIP codes decides.
    table["distance"] = np.round(north**2 + east**2, 12)
    nearest = table.sort_values("distance", kind="stable").drop_duplicates(["state_code", "name"])
    return {
        (row.state_code, row.name): (row.lat, row.lon) for row in nearest.itertuples(index=False)
    }
