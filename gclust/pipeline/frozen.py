"""Frozen boundaries: clusters that are formed on some listings, and on which others are counted.

See ``[clusters] formed_on`` (`gclust.study.clustering_methods.FormedOn`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.counting import record_totals
from gclust.listings.engines.protocol import Engine
from gclust.listings.open_sources import Scan
from gclust.listings.stage import Staged, usable
from gclust.listings.sums import distinct, rows_by, sum_by
from gclust.pipeline.boundary_years import boundary_years
from gclust.pipeline.earlier_run import EarlierRun
from gclust.pipeline.locations import check_fit, fold
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.stages import Stages
from gclust.plurals import counted, either
from gclust.study.clustering_methods import FormedOn
from gclust.study.schema import Study
from gclust.units import UNIT

FIRST_HALF = tuple("01234567")
"""First hexadecimal digits of the hashes of records in the half that forms clusters."""

COLUMNS = ("kind", "record", "lat", "lon", "units", "country")

Frame = nw.LazyFrame[Any]
Sums = dict[int, dict[str, int]]
"""Code of a kind -> ``units``, ``listings`` and ``records`` of its usable listings."""


@dataclass(frozen=True)
class FrozenBoundaries:
    """The listings on which the boundaries of clusters are formed, and those that are counted.

    Attributes
    ----------
    counted : Staged
        Those that are counted.
    staged : Staged or None
        Those that form the clusters; None if an earlier run did.
    has_records : bool
        Whether any listing that forms clusters has a record.
    info : mapping
        For ``run.json``.
    kinds, years : str
        Kinds and years of the listings that form the clusters, as ``panel.csv`` has them.
    earlier : EarlierRun or None
    """

    counted: Staged
    staged: Staged | None
    has_records: bool
    info: Mapping[str, Any]
    kinds: str
    years: str
    earlier: EarlierRun | None = None

    @property
    def located(self) -> Frame:
        """The usable listings that form clusters: `COLUMNS`."""
        assert self.staged is not None
        return usable(self.staged.listings).select(*COLUMNS)

    @property
    def totals(self) -> Frame:
        """The weights of their records: ``kind, record, record_units``."""
        return record_totals(self.located)


def check_columns(study: Study, scans: Sequence[Scan]) -> None:
    """Raise StudyError if clusters are formed on years and a source of theirs has no year."""
    options = study.clusters.formed_on
    if options is None or options.years is None:
        return
    for scan in scans:
        source = scan.source
        if source.kind in study.density_kinds and "year" not in scan.user_columns:
            raise StudyError(
                f"{source.path}: has no column 'year', and [clusters] formed_on = {{ years = ... }}"
                f" forms clusters of kind {source.kind!r} by it; name the column in the source's"
                ' columns = { year = "..." }, or leave the kind out of [density] kinds'
            )


def find_frozen(
    study: Study, engine: Engine, staged: Staged, run_log: RunLog, stages: Stages
) -> FrozenBoundaries | None:
    """Divide the listings of a study into those that form clusters and those that are counted.

    None without ``[clusters] formed_on``: all do both.

    Raises
    ------
    StudyError
        If a kind has no listings to form clusters or to be counted, if a half is to be drawn of
        listings without records, or if there is no such earlier run.
    """
    options = study.clusters.formed_on
    if options is None:
        return None
    if options.run is not None:
        return _by_run(study, staged, options.run)
    codes = [staged.kinds.index(kind) for kind in study.density_kinds]
    if options.years is not None:
        chosen = _inside(staged.listings, codes, options.years)
        counted = staged.listings
    else:
        _check_records(study, staged)
        chosen, counted = _halves(engine, staged, codes, int(options.half or 0))
    found: dict[str, Sums] = stages.step(
        "find the listings that form clusters",
        lambda: {
            "forming": _sums(engine, chosen),
            "counted": _sums(engine, counted),
        },
    )
    for part, sums in found.items():
        _check_kinds(study, staged, options, codes, part, sums)
    if options.years is not None:
        _warn_of_years(study, engine, chosen, codes, options.years, run_log)
    units = {part: {code: each["units"] for code, each in of.items()} for part, of in found.items()}
    named = {
        part: {staged.kinds[code]: _shown(each) for code, each in of.items()}
        for part, of in found.items()
    }
    kinds, years = ", ".join(study.density_kinds), _years_text(study, options)
    return FrozenBoundaries(
        counted=replace(staged, listings=counted, kind_units=units["counted"]),
        staged=replace(staged, listings=chosen, kind_units=units["forming"]),
        has_records=any(each["records"] for each in found["forming"].values()),
        info={"formed_on": {**options.given, **_boundary(kinds, years), **named}},
        kinds=kinds,
        years=years,
    )


def _boundary(kinds: str, years: str) -> dict[str, str]:
    return {"boundary_kinds": kinds, "boundary_years": years}


def _by_run(study: Study, staged: Staged, folder: str) -> FrozenBoundaries:
    earlier = EarlierRun.read(study, folder)
    return FrozenBoundaries(
        counted=staged,
        staged=None,
        has_records=False,
        info={"formed_on": {**earlier.summary}},
        kinds=earlier.kinds,
        years=earlier.years,
        earlier=earlier,
    )


def _inside(listings: Frame, codes: Sequence[int], years: tuple[int, int]) -> Frame:
    """Return the listings of given kinds in given years, both inclusive."""
    year = nw.col("year")
    inside = (year >= years[0]) & (year <= years[1])
    return listings.filter(inside.fill_null(False) & nw.col("kind").is_in(list(codes)))


def _halves(engine: Engine, staged: Staged, codes: Sequence[int], seed: int) -> tuple[Frame, Frame]:
    """Return the listings of one half of the records of given kinds, and all other listings.

    Which half a record is in follows from the SHA-256 of the seed, the name of its kind and its
    id, so from nothing but these: not from other records, the order of rows or the engine.
    """
    prefixes = {code: f"{seed} {staged.kinds[code]} " for code in codes}
    listings = engine.with_digits(staged.listings, prefixes)
    forms = nw.col("digit").is_in(list(FIRST_HALF)).fill_null(False)
    forms = forms & nw.col("kind").is_in(list(codes))
    return listings.filter(forms).drop("digit"), listings.filter(~forms).drop("digit")


def _check_records(study: Study, staged: Staged) -> None:
    """Refuse to halve listings without records."""
    for row in staged.sources.to_dict("records"):
        if row["kind"] in study.density_kinds and row["without_record"]:
            raise StudyError(
                f"{row['path']}: {row['without_record']:,} of {counted(row['used'], 'row')}"
                f" {either(row['without_record'], 'has', 'have')} no record, and"
                " [clusters] formed_on = { half = ... } draws a half of the records; name the"
                ' column of ids in the source\'s columns = { record = "..." }, or leave kind'
                f" {row['kind']!r} out of [density] kinds"
            )


def _sums(engine: Engine, listings: Frame) -> Sums:
    """Return the weight, listings and records of each kind."""
    rows = usable(listings).with_columns(row=nw.lit(1, dtype=nw.Int64))
    summed = engine.pandas(sum_by(rows, "kind", units="units", listings="row"))
    of_record = distinct(rows.filter(~nw.col("record").is_null()), "kind", "record")
    records = engine.pandas(rows_by(of_record, "kind")).set_index("kind")["rows"]
    return {
        int(row["kind"]): {
            "units": int(row["units"]),
            "listings": int(row["listings"]),
            "records": int(records.get(row["kind"], 0)),
        }
        for row in summed.sort_values("kind").to_dict("records")
    }


def _shown(sums: Mapping[str, int]) -> dict[str, Any]:
    return {
        "weight": sums["units"] / UNIT,
        "listings": sums["listings"],
        "records": sums["records"],
    }


def _check_kinds(
    study: Study,
    staged: Staged,
    options: FormedOn,
    codes: Sequence[int],
    part: str,
    sums: Sums,
) -> None:
    """Refuse a kind without listings that form clusters, or without any that are counted."""
    for code in codes:
        if sums.get(code, {"units": 0})["units"]:
            continue
        kind = staged.kinds[code]
        if options.years is not None:
            what = f"no usable listings of kind {kind!r} lie in these years"
        else:
            what = f"the half that is {part} has no listings of kind {kind!r}"
        raise StudyError(
            f"[clusters] formed_on = {{ {options.text} }}: {what}; expected some of each kind that"
            f" forms clusters ({', '.join(study.density_kinds)}): choose others, or leave the kind"
            " out of [density] kinds"
        )


def _warn_of_years(
    study: Study,
    engine: Engine,
    chosen: Frame,
    codes: Sequence[int],
    years: tuple[int, int],
    run_log: RunLog,
) -> None:
    """Warn of years on which clusters should be formed, and in which a kind has no listings."""
    there = engine.pandas(distinct(usable(chosen), "kind", "year"))
    lines = []
    for code, kind in zip(codes, study.density_kinds, strict=True):
        found = set(there.loc[there["kind"] == code, "year"].astype(int))
        without = [str(year) for year in range(years[0], years[1] + 1) if year not in found]
        if without:
            shown = ", ".join(without[:5]) + (" ..." if len(without) > 5 else "")
            lines.append(
                f"[clusters] formed_on years = {list(years)}: kind {kind!r} has no listings in"
                f" {shown}; expected years that the sources have"
            )
    run_log.warn_or_refuse(lines)


def _years_text(study: Study, options: FormedOn) -> str:
    """Return the years of the listings that form clusters, for ``panel.csv``."""
    if options.years is not None:
        return "{}-{}".format(*options.years)
    return f"{boundary_years(study)} (half {options.half} of the records)"


def boundaries(study: Study, frozen: FrozenBoundaries | None) -> tuple[str, str]:
    """Return the kinds and the years of the listings that form the clusters, as texts."""
    if frozen is not None:
        return frozen.kinds, frozen.years
    return ", ".join(study.density_kinds), boundary_years(study)


def fold_both(
    study: Study, engine: Engine, frozen: FrozenBoundaries, located: Frame, totals: Frame
) -> pd.DataFrame:
    """Sum listings by location: ``density`` of those that form clusters, ``units`` of the counted.

    ``located`` are the usable listings that are counted, and ``totals`` those of their records.
    For the columns see `gclust.pipeline.prepare.Prepared.locations`.
    """
    counted = fold(study, engine, frozen.counted, located, totals)
    if frozen.earlier is not None:
        boundary = frozen.earlier.locations
    else:
        assert frozen.staged is not None
        boundary = fold(study, engine, frozen.staged, frozen.located, frozen.totals)
    table = _united(boundary, counted)
    check_fit(study, len(table))
    return table


def _united(boundary: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """Return all locations of two tables, sorted: ``density`` of the first, ``units`` of the other.

    The country of a location is that of the first table, where it is known.
    """
    lat, lon = (
        np.concatenate([each[name].to_numpy() for each in (boundary, counted)])
        for name in ("lat", "lon")
    )
    nothing = (np.zeros(len(each), dtype=np.int64) for each in (boundary, counted))
    of_formed, of_counted = nothing
    density = np.concatenate([boundary["density"].to_numpy(np.int64), of_counted])
    units = np.concatenate([of_formed, counted["units"].to_numpy(np.int64)])
    order = np.lexsort((lon, lat))  # stable: the first table comes first
    lat, lon = lat[order], lon[order]
    first = np.ones(len(lat), dtype=bool)
    first[1:] = (lat[1:] != lat[:-1]) | (lon[1:] != lon[:-1])
    starts = np.flatnonzero(first)
    table = {
        "lat": lat[starts],
        "lon": lon[starts],
        "density": np.add.reduceat(density[order], starts),
        "units": np.add.reduceat(units[order], starts),
    }
    if "country" in boundary or "country" in counted:
        country = np.concatenate([_countries(each) for each in (boundary, counted)])[order]
        last = np.append(starts[1:], len(lat)) - 1
        own = country[starts]
        table["country"] = pd.Categorical(np.where(own == "", country[last], own))
    return pd.DataFrame(table, copy=False)


def _countries(locations: pd.DataFrame) -> NDArray[np.object_]:
    if "country" not in locations:
        return np.full(len(locations), "", dtype=object)
    return locations["country"].astype(str).to_numpy(object)


def forming_labels(locations: pd.DataFrame, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of the locations that form clusters; those of all others are -1."""
    return np.where(locations["density"].to_numpy() > 0, labels, -1)
