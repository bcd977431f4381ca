"""A small world for tests of whole runs: four towns, three kinds, known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import gclust

# Near Munich and Augsburg (58 km apart), Graz, and Suva beyond the 180th meridian.
TOWNS = {"Munich": (48.137, 11.575), "Augsburg": (48.371, 10.898), "Graz": (47.067, 15.442)}


def listings(seed: int = 1) -> pd.DataFrame:
    """Listings of two kinds round three towns and in the country between them."""
    rng = np.random.default_rng(seed)
    rows = []
    record = 0
    for kind, sizes in (("patent", (300, 120, 60)), ("publication", (100, 150, 200))):
        for (town, (lat, lon)), size in zip(TOWNS.items(), sizes, strict=True):
            for _ in range(size):
                record += 1
                for _ in range(int(rng.integers(1, 5))):
                    rows.append(
                        (
                            kind,
                            record,
                            lat + float(rng.normal(0, 0.02)),
                            lon + float(rng.normal(0, 0.03)),
                            2015 + record % 5,
                            town,
                        )
                    )
        for _ in range(40):
            record += 1
            # A patent of two towns and of the country.
            for town in rng.choice(list(TOWNS), size=2, replace=False):
                lat, lon = TOWNS[town]
                rows.append((kind, record, lat, lon, 2018, town))
            lat, lon = float(rng.uniform(44, 45)), float(rng.uniform(0, 20))
            rows.append((kind, record, lat, lon, 2018, "country"))
    columns = ["kind", "record", "lat", "lon", "year", "town"]
    table = pd.DataFrame(rows, columns=columns)
    return table.round({"lat": 4, "lon": 4})


def uncertainty_bytes(
    folder: Path, table: pd.DataFrame, extra: str, names: tuple[str, ...]
) -> tuple[gclust.Uncertainty, list[list[bytes]]]:
    """Files of one study with its rows in two orders, on one thread and on two."""
    found = []
    for name, rows, threads in (
        ("a", table, 1),
        ("b", table.sample(frac=1, random_state=3), 2),
    ):
        out = folder / name / "out"
        done = gclust.uncertainty(study_folder(folder / name, rows, extra), out, n_jobs=threads)
        found.append([(out / each).read_bytes() for each in names])
    return done, found


def study_folder(folder: Path, table: pd.DataFrame | None = None, extra: str = "") -> Path:
    """Write the listings and a study.toml into a folder; return the study's path."""
    folder.mkdir(parents=True, exist_ok=True)
    table = listings() if table is None else table
    text = '[study]\nname = "three towns"\n'
    for kind, rows in table.groupby("kind", sort=True):
        rows.drop(columns=["kind", "town"]).to_csv(folder / f"{kind}.csv", index=False)
        text += f'[[sources]]\nkind = "{kind}"\npath = "{kind}.csv"\nyears = [2015, 2019]\n'
    text += "[clusters]\neps_km = 10\nmin_samples = 100\n" if "[clusters]" not in extra else ""
    path = folder / "study.toml"
    path.write_text(text + extra, encoding="utf-8")
    return path
