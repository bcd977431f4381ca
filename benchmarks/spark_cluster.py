"""Time a study with DuckDB and on a standalone cluster of Spark, one of whose workers is killed.

``python -m benchmarks.spark_cluster --listings 10_000_000`` writes listings as Parquet files, runs
a study of them with both engines, kills one of the two workers while listings are labelled, and
compares every output file. Needs the extra ``spark``, Java, and about 3 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import gclust
from benchmarks.listings import EPS_KM, SEED, min_samples, parts
from gclust.study.sections import EngineOptions, Source
from tests.spark_cluster import QUIET, SETTINGS, running

STAGE = "label listings"
"""Stage in which a worker is killed."""
PER_RECORD = 3
"""Mean number of listings of a record; they are those of different places."""


def write(folder: Path, n: int) -> None:
    """Write ``n`` listings, of ``n / 3`` records at random, as Parquet files."""
    folder.mkdir()
    for number, points in enumerate(parts(n)):
        rng = np.random.default_rng([SEED, 15, number])
        record = rng.integers(max(1, n // PER_RECORD), size=len(points))
        table = pa.table({"record": record, "lat": points[:, 0], "lon": points[:, 1]})
        pq.write_table(table, folder / f"{number}.parquet")


def timed(study: gclust.Study, out: Path, report: object = None) -> float:
    """Run a study; return its time in seconds."""
    start = time.perf_counter()
    gclust.run(study, out, progress=report)
    return time.perf_counter() - start


def different(one: Path, two: Path) -> list[str]:
    """Return the names of output files that differ, but for when and how run.json was made."""
    files = (path.relative_to(one) for path in one.rglob("*") if path.is_file())
    names = sorted(name for name in files if name.name != "ro-crate-metadata.json")
    found = []
    for name in names:
        contents = [(folder / name).read_bytes() for folder in (one, two)]
        if name.name == "run.json":
            contents = [
                json.dumps({**json.loads(each), "execution": None}).encode() for each in contents
            ]
        if contents[0] != contents[1]:
            found.append(str(name))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--memory", default="1g", help="of each executor")
    parser.add_argument("--folder", type=Path, help="for data and temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        write(folder / "listings", options.listings)
        study = gclust.Study(
            sources=[Source(kind="patent", path="listings")],
            clusters={"eps_km": EPS_KM, "min_samples": min_samples(options.listings)},
            engine=EngineOptions(temp_dir="."),
            folder=folder,
        )
        print(f"DuckDB: {timed(study, folder / 'duckdb'):.0f} s", flush=True)
        with running(folder / "cluster", memory=options.memory) as cluster:
            settings = {**SETTINGS, **QUIET, "spark.executor.memory": options.memory}
            settings = {key: value for key, value in settings.items() if ".sql." not in key}
            on_spark = replace(
                study,
                engine=EngineOptions(
                    name="spark", master=cluster.master, options=settings, temp_dir="."
                ),
            )
            killed = []

            def report(fraction: float, stage: str) -> None:
                if stage == STAGE and fraction < 1 and not killed:
                    killed.append(stage)
                    cluster.kill_worker()

            seconds = timed(on_spark, folder / "spark", report)
        print(f"Spark, a worker killed: {seconds:.0f} s", flush=True)
        found = different(folder / "duckdb", folder / "spark")
        print("files that differ:", ", ".join(found) or "none")
        raise SystemExit(bool(found) or not killed)


if __name__ == "__main__":
    main()
