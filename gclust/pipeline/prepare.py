"""The input of every clustering: listings read, checked and summed by location."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.columns import FURTHER
from gclust.listings.counting import record_totals, world_totals
from gclust.listings.engines.protocol import Engine
from gclust.listings.open_sources import Scan, open_sources
from gclust.listings.record_arrays import Records, counts_by_location, with_fixed_counts
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.stage import Staged, inside_years, stage_listings, usable, without_place
from gclust.pipeline import check_coordinates as checks
from gclust.pipeline.check_rejects import refuse_many_rejects, weights_of_rejects
from gclust.pipeline.check_space import check_space
from gclust.pipeline.earlier_run import earlier_files
from gclust.pipeline.frozen import FrozenBoundaries, check_columns, find_frozen, fold_both
from gclust.pipeline.locations import fold
from gclust.pipeline.normalise import COUNTED, normalise_counts
from gclust.pipeline.rasters import files_of, rasters_of
from gclust.pipeline.read_into_memory import (
    NumberedRows,
    fit_into_memory,
    read_listings,
    rows_have_numbers,
)
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.stages import ALL_COMPUTED, Stages
from gclust.places.given_areas import area_files
from gclust.plurals import counted, either
from gclust.spelling import did_you_mean
from gclust.study.schema import Study
from gclust.study.sections import Source
from gclust.units import UNIT


@dataclass(frozen=True)
class Prepared:
    """The listings and locations from which every clustering of a study starts.

    Attributes
    ----------
    staged : Staged
    located : LazyFrame
        Usable listings: ``kind, record, lat, lon, units``, and the study's
        ``listing_columns``.
    unlocated : LazyFrame or None
        The same of listings without a usable place, ``lat`` and ``lon`` null, where these count
        (``[counting] unlocated = "keep"``).
    totals : LazyFrame
        ``kind, record, record_units``: the denominators of the records.
    located_totals : LazyFrame
        The same for located listings alone, from which ties are computed.
    locations : DataFrame
        ``lat, lon`` (degrees), ``density`` (fixed-point weight that forms clusters) and
        ``units`` (fixed-point weight of all kinds), sorted by ``lat``, then ``lon``. If listings
        name their country, also ``country``: the code of the heaviest one, "" where unknown.
    world_totals : dict
        Kind -> the world's total.
    has_records : bool
        Whether any listing has a record; without one there are no ties.
    records : Records or None
        The records in memory, with the locations in the order of ``locations``; None if the
        listings stay in the engine.
    numbered : NumberedRows or None
        The rows of the sources' files, if the records are in memory and the rows have numbers.
    frozen : FrozenBoundaries or None
        The listings that form clusters, if they are not those that are counted (``[clusters]
        formed_on``). Then ``density`` is of these, and all others are of the counted ones.
    """

    staged: Staged
    located: nw.LazyFrame[Any]
    unlocated: nw.LazyFrame[Any] | None
    totals: nw.LazyFrame[Any]
    located_totals: nw.LazyFrame[Any]
    locations: pd.DataFrame
    world_totals: dict[str, float]
    has_records: bool
    records: Records | None = None
    numbered: NumberedRows | None = None
    frozen: FrozenBoundaries | None = None


def prepare_listings(
    study: Study, engine: Engine, run_log: RunLog, stages: Stages = ALL_COMPUTED
) -> Prepared:
    """Read, check and store the listings of a study, and sum them by location.

    Stages that ``stages`` has kept are not computed.

    Raises
    ------
    StudyError
        If the data that the study names cannot be used.
    """
    staged = stages.step(
        "read listings",
        lambda: _stage(study, engine, run_log),
        lambda found: replace(found, listings=None),
        lambda kept: _with_listings(kept, study, engine),
    )
    frozen = find_frozen(study, engine, staged, run_log, stages)
    if frozen is not None:
        staged = frozen.counted
    world = None
    if study.normalises:
        units = stages.step(
            "normalise counts", lambda: normalise_counts(study, engine, staged, run_log)
        )
        staged = replace(staged, listings=engine.frame(COUNTED))
        world = checked_totals(study, staged, units)
    wanted = ["kind", "record", "lat", "lon", "units", *study.listing_columns]
    located = usable(staged.listings).select(*wanted)
    unlocated = None
    if study.counting.unlocated == "keep":
        unlocated = without_place(staged.listings).select(*wanted)
    if frozen is None and fit_into_memory(study, staged):
        in_memory = _read(study, engine, staged, (located, unlocated), run_log, world)
        if in_memory is not None:
            return in_memory
    totals_of_world = stages.step(
        "add up records", lambda: _store_totals(study, engine, staged, located, world)
    )
    located_totals = engine.frame("located_totals")
    totals = located_totals if unlocated is None else engine.frame("record_totals")

    def folded() -> pd.DataFrame:
        with run_log.timed("fold listings"):
            if frozen is not None:
                return fold_both(study, engine, frozen, _to_fold(staged), located_totals)
            return fold(study, engine, staged, _to_fold(staged), located_totals)

    locations = stages.step("fold listings", folded)
    has_records = engine.arrow(located_totals.head(1)).num_rows > 0
    if frozen is None or frozen.earlier is None:
        _tell_of_ties(study, has_records if frozen is None else frozen.has_records, run_log)
    return Prepared(
        staged,
        located,
        unlocated,
        totals,
        located_totals,
        locations,
        totals_of_world,
        has_records,
        frozen=frozen,
    )


def _read(
    study: Study,
    engine: Engine,
    staged: Staged,
    listings: tuple[nw.LazyFrame[Any], nw.LazyFrame[Any] | None],
    run_log: RunLog,
    world: dict[str, float] | None,
) -> Prepared | None:
    """Sum listings in memory; ``listings`` are the located and unlocated ones.

    ``world`` has the world totals if counts are normalised.
    """
    with run_log.timed("fold listings"):
        numbers = ["position"] if rows_have_numbers(staged) else []
        located = _to_fold(staged, *numbers)
        found = read_listings(study, engine, staged, located, listings[1])
    if found is None:
        return None
    if world is not None:
        n_kinds = len(staged.kinds)
        fixed = counts_by_location(engine, listings[0], found.locations, n_kinds)
        records = with_fixed_counts(found.records, fixed)
        # Parts of records come from the engine, which has what listings count.
        found = found._replace(records=records, numbered=None)
    else:
        world = checked_totals(study, staged, dict(enumerate(found.world_units.tolist())))
    _tell_of_ties(study, found.has_records, run_log)
    # Run by what needs them; counts of records do not.
    totals = record_totals(listings[0])
    return Prepared(
        staged,
        *listings,
        totals if listings[1] is None else record_totals(staged.listings),
        totals,
        found.locations,
        world,
        found.has_records,
        found.records,
        found.numbered,
    )


def _to_fold(staged: Staged, *further: str) -> nw.LazyFrame[Any]:
    """Return the usable listings with what is needed to sum them by location."""
    wanted = ("kind", "record", "lat", "lon", "units", "country", *further)
    return usable(staged.listings).select(*wanted)


def _tell_of_ties(study: Study, has_records: bool, run_log: RunLog) -> None:
    if not has_records and study.merge.rule not in ("list", "none"):
        run_log.messages.append(
            "the listings have no records, so clusters have no ties: none merge"
        )


def _with_listings(kept: Staged, study: Study, engine: Engine) -> Staged:
    """Return what was kept of staged listings with their table in the engine."""
    engine.expect(int(kept.sources["rows"].sum()))
    years = [source.years for source in study.sources]
    return replace(kept, listings=inside_years(engine.frame("listings"), years))


def _store_totals(
    study: Study,
    engine: Engine,
    staged: Staged,
    located: nw.LazyFrame[Any],
    world: dict[str, float] | None,
) -> dict[str, float]:
    """Store the totals of records; return the world totals of the kinds (``world`` if known)."""
    totals = engine.store(record_totals(located), "located_totals", "add up records")
    if study.counting.unlocated == "keep":
        totals = engine.store(record_totals(staged.listings), "record_totals", "add up records")
    return _world_totals(study, engine, staged, totals) if world is None else world


def select_kinds(study: Study, engine: Engine, prepared: Prepared, run_log: RunLog) -> Prepared:
    """Select a study's kinds from another study's prepared listings, and apply its own weights.

    Parameters
    ----------
    study : Study
        Its listings are those of the study that they were prepared for, or some kinds of these.
    engine : Engine
    prepared : Prepared
    run_log : RunLog

    Returns
    -------
    Prepared
        ``staged`` and ``world_totals`` are still those of all kinds.
    """
    staged = prepared.staged
    codes = [staged.kinds.index(kind) for kind in study.kinds]
    is_kind, unlocated = nw.col("kind").is_in(codes), prepared.unlocated
    located, totals, located_totals = (
        frame.filter(is_kind)
        for frame in (prepared.located, prepared.totals, prepared.located_totals)
    )
    with run_log.timed("fold listings"):
        listings = _to_fold(staged).filter(is_kind)
        locations = fold(study, engine, staged, listings, located_totals)
    return replace(
        prepared,
        located=located,
        unlocated=None if unlocated is None else unlocated.filter(is_kind),
        totals=totals,
        located_totals=located_totals,
        locations=locations,
        has_records=engine.arrow(located_totals.head(1)).num_rows > 0,
        records=None,
        numbered=None,
    )


def _stage(study: Study, engine: Engine, run_log: RunLog) -> Staged:
    inputs = Inputs()
    rasters = [files_of(study, raster).files for _, raster in rasters_of(study)]
    files = [file for found in rasters for file in found]
    if study.places.given is not None:
        files += area_files(study.folder / study.places.given)
    files += earlier_files(study)
    for path in dict.fromkeys(file for file in files if os.path.isfile(file)):
        inputs.open(path)
        inputs.hash_in_background([path])
    with run_log.timed("read listings"):
        sources = [source_files(study, source) for source in study.sources]
        scans = open_sources(engine.reader, sources, inputs)
        _check_needs(study, scans)
        check_columns(study, scans)
        check_space(study, scans)
        staged = stage_listings(
            engine, scans, decimals=study.density.rounding, root=study.folder, inputs=inputs
        )
        engine.reader.remove_copies()
    refuse_many_rejects(study.study.max_rejects, staged)
    _check_amounts(study, staged)
    of_rejects, heavy = weights_of_rejects(staged)
    for position, scan in enumerate(scans):
        messages = [_relative(line, scan, study.folder) for line in scan.messages]
        row = staged.sources.iloc[position].to_dict()
        messages += checks.check_records(row, scan) + of_rejects[position]
        staged.messages.append(messages)
        run_log.messages.extend(messages)
    rejected = int(staged.sources["rejected"].sum())
    if rejected > len(staged.rejects):
        run_log.messages.append(
            f"rejects.parquet lists the first {len(staged.rejects):,} of"
            f" {counted(rejected, 'rejected row')}"
        )
    odd = checks.check_null_island(staged) + checks.check_zeros_and_radians(staged)
    odd += checks.check_swapped_rejects(staged.rejects) + checks.check_swapped_sources(
        staged, engine
    )
    run_log.warn_or_refuse(odd + heavy)
    return staged


def source_files(study: Study, source: Source) -> SourceFiles:
    """Return where a source is and the options to read it, with the study's defaults filled in."""
    if isinstance(source.data, str):
        raise StudyError(
            f"the listings of kind {source.kind!r} were a table in memory ({source.data}); give"
            f" it again: gclust.run(study, listings={{{source.kind!r}: table}})"
        )
    folders = source.sql_paths or (".",)
    return SourceFiles(
        kind=source.kind,
        path=str(study.folder / source.path) if source.path is not None else source.called,
        columns=source.columns,
        years=source.years,
        delimiter=source.delimiter,
        layer=source.layer,
        further=tuple(name for name in FURTHER if name in {*study.needed_columns, "country"}),
        encoding=source.encoding,
        quote=source.quote,
        missing=source.missing,
        null_island=source.null_island or study.study.null_island,
        max_rejects=study.study.max_rejects,
        data=source.data,
        sql=source.sql,
        sql_paths=tuple(os.path.abspath(study.folder / each) for each in folders),
        numbered=study.outputs.membership_format is not None,
    )


def _relative(line: str, scan: Scan, folder: Path) -> str:
    """Make the paths in a line relative to the study's folder; outside it, only names are left."""
    given = Path(os.path.abspath(os.path.dirname(scan.source.path)))
    if scan.source.is_file and not given.is_relative_to(folder):
        line = line.replace(f"{os.path.dirname(scan.source.path)}{os.sep}", "")
    return line.replace(f"{folder}{os.sep}", "")


def _check_needs(study: Study, scans: Sequence[Scan]) -> None:
    """Raise StudyError if a needed column is in no source."""
    for need in study.needs:
        if need.optional:
            continue
        mine = [scan for scan in scans if need.kind in (None, scan.source.kind)]
        if not any(need.column in scan.user_columns for scan in mine):
            paths = ", ".join(source_of(study, scan) for scan in mine)
            there = list(dict.fromkeys(column for scan in mine for column in scan.columns))
            hint = did_you_mean(need.column, there, otherwise=".")
            raise StudyError(
                f"{need.by} needs the column {need.column!r}, which {paths} does not have{hint}"
                f' Name it in the source\'s columns = {{ {need.column} = "..." }}'
            )


def _check_amounts(study: Study, staged: Staged) -> None:
    """Refuse records in sources of amounts: one record counts one, whatever its weight."""
    rows = staged.sources.to_dict("records")
    for position, (source, row) in enumerate(zip(study.sources, rows, strict=True), start=1):
        recorded = row["used"] - row["without_record"]
        if source.measure == "amount" and recorded:
            raise StudyError(
                f"[[sources]] number {position}: measure = 'amount', but {recorded:,} of"
                f" {counted(row['used'], 'row')} of {row['path']}"
                f" {either(recorded, 'has', 'have')} a record, which counts as one whatever"
                " its weight; expected rows without records, or measure = 'records'"
            )


def source_of(study: Study, scan: Scan) -> str:
    """Return the path of an opened source as the study writes it."""
    if not scan.source.is_file:
        return scan.source.path
    return os.path.relpath(scan.source.path, study.folder)


def _world_totals(
    study: Study, engine: Engine, staged: Staged, totals: nw.LazyFrame[Any]
) -> dict[str, float]:
    """Return the world total of each kind, from ``[counting] totals`` or the sources."""
    counting = study.counting
    table = engine.pandas(
        world_totals(staged.listings, unlocated=counting.unlocated, totals=totals), "add up totals"
    )
    return checked_totals(
        study, staged, dict(zip(table["kind"].tolist(), table["units"].tolist(), strict=True))
    )


def checked_totals(study: Study, staged: Staged, units: dict[int, int]) -> dict[str, float]:
    """Return the world total of each kind; ``units`` has those of the sources, by code."""
    counting = study.counting
    world = {staged.kinds[kind]: total / UNIT for kind, total in units.items()}
    for kind, total in counting.totals.items():
        if total < world[kind]:
            raise StudyError(
                f"[counting] totals: {kind} = {total:g} is less than the {world[kind]:g} that"
                " the sources hold; expected a total no less than that of the sources"
            )
    return {**world, **counting.totals}
