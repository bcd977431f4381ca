"""Checkpoint of a run: finished stages on disk, from which a stopped run goes on.

It is the folder of the engine's database (DuckDB only), with one file for each finished stage. A
run that takes less than `AFTER_SECONDS` writes none, and its folder is removed as ever.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gclust.listings.engines.duckdb import PREFIX, DuckDBEngine
from gclust.listings.engines.protocol import Engine, EngineError
from gclust.pipeline.open_engine import open_engine, temporary_folder
from gclust.pipeline.run_key import run_key
from gclust.pipeline.run_log import LogPart, RunLog
from gclust.pipeline.stage_files import (
    FinishedStage,
    StageError,
    read_stages,
    remove_stages,
    write_stage,
)
from gclust.pipeline.stages import ALL_COMPUTED, Stages, T, unchanged
from gclust.progress import Report, note
from gclust.results.folders import Place
from gclust.study.schema import Study
from gclust.temporary_folders import KEPT, TemporaryFolder, kept_folders

AFTER_SECONDS = 600.0
"""Age of a run from which its finished stages are kept."""


class Checkpoint(Stages):
    """The stages of a run, kept once it is old enough, or if it goes on with kept ones.

    ``key`` identifies everything that the results depend on (see `run_key`), ``out`` is the
    folder of results, and ``folder`` is that of an earlier process, if one was found.
    """

    def __init__(
        self, key: str, out: Path, run_log: RunLog, folder: TemporaryFolder | None
    ) -> None:
        self._key, self._out, self._run_log, self._folder = key, out, run_log, folder
        self._engine: DuckDBEngine | None = None
        self._kept: list[FinishedStage] = []  # results of the earlier process, not yet used
        self._unwritten: list[FinishedStage] = []
        self._written = 0
        self._keeps = True
        self._failure: str | None = None
        self._warned = False
        self._old_at = 0.0  # for a run that goes on, which is old
        self._lock = threading.Lock()
        # A stage may last for hours; those before it are kept while it runs.
        self._timer = threading.Timer(AFTER_SECONDS, self._write_old)
        self._timer.daemon = True

    def open(self, study: Study, n_jobs: int | None, report: Report) -> Engine:
        """Open the engine of a study, with the tables of an earlier process if they are whole."""
        engine = self._reopened(study, n_jobs, report)
        if engine is None:
            opened = open_engine(study, n_jobs, report)
            if not isinstance(opened, DuckDBEngine):
                self._keeps = False
                return opened
            engine, self._old_at = opened, time.monotonic() + AFTER_SECONDS
        self._engine, self._folder = engine, engine.home
        self._timer.start()
        return engine

    def _reopened(self, study: Study, n_jobs: int | None, report: Report) -> DuckDBEngine | None:
        folder = self._folder
        if folder is None:
            return None
        self._kept = list(read_stages(folder.path, self._key))
        try:
            if self._kept:
                engine = open_engine(study, n_jobs, report, folder)
                assert isinstance(engine, DuckDBEngine)
                try:
                    self._use_tables(engine)
                except BaseException as error:
                    engine.__exit__(None, error, None)
                    raise
                if self._kept:
                    # The folder of results may be another one now.
                    folder.keep(self._record())
                    self._run_log.resumed_after = self._kept[-1].name
                    note(report, f"an earlier run goes on after: {self._kept[-1].name}")
                    return engine
                engine.__exit__(None, None, None)
        except EngineError:
            self._kept = []
        folder.remove()
        return None

    def _use_tables(self, engine: DuckDBEngine) -> None:
        """Find the last stage whose tables are all there; remove all others."""
        tables = engine.tables()
        while self._kept and not self._kept[-1].tables.items() <= tables.items():
            self._kept.pop()
        self._written = len(self._kept)
        remove_stages(engine.home.path, self._written)
        if self._kept:
            for name in tables.keys() - self._kept[-1].tables.keys():
                engine.drop(name)
            for name in self._kept[-1].tables:
                engine.check(name, "check kept listings")

    def step(
        self,
        name: str,
        compute: Callable[[], T],
        pack: Callable[[T], Any] = unchanged,
        unpack: Callable[[Any], T] = unchanged,
    ) -> T:
        """Return the result of a stage: the kept one, or else compute it and keep it."""
        if self._kept:
            kept = self._kept.pop(0)
            assert kept.name == name, f"stage {kept.name!r} in place of {name!r}"
            self._run_log.replay(kept.log)
            return unpack(kept.result)
        with self._run_log.part() as log:
            result = compute()
        if self._engine is not None and self._keeps:
            with self._lock:
                self._add(self._engine, name, pack(result), log)
            self._warn()
        return result

    def _add(self, engine: DuckDBEngine, name: str, result: Any, log: LogPart) -> None:
        """Add a stage that has just been finished; write it if the run is old enough."""
        try:
            tables = engine.tables()
        except EngineError as error:
            self._keeps, self._failure = False, str(error)
            return
        self._unwritten.append(FinishedStage(name, result, log, tables))
        if time.monotonic() >= self._old_at:
            self._write(engine, sync=True)

    def end(self) -> None:
        """Keep no result of any later stage."""
        self._keeps = False

    def _write_old(self) -> None:
        """Write the stages that are finished, while another one is computed."""
        with self._lock:
            self._old_at = 0.0
            if self._engine is not None:
                self._write(self._engine, sync=False)

    def _write(self, engine: DuckDBEngine, sync: bool) -> None:
        """Write finished stages to their files; if that fails, the run goes on without them.

        The tables are committed already. ``sync`` brings them from the log of the database into
        its file, for which no query may be running.
        """
        if not self._unwritten:
            return
        home = engine.home
        try:
            if sync:
                engine.sync()
            if not home.kept and not home.keep(self._record()):
                self._keeps = False
            while self._unwritten and self._keeps:
                write_stage(home.path, self._written, self._key, self._unwritten[0])
                self._written += 1
                self._unwritten.pop(0)
        except (OSError, EngineError, StageError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self._failure = self._failure or str(reason or type(error).__name__)

    def _record(self) -> bytes:
        return json.dumps({"key": self._key, "out": str(self._out)}).encode()

    def _warn(self) -> None:
        """Warn once if a stage could not be written."""
        if self._failure and not self._warned and self._folder is not None:
            self._warned = True
            self._run_log.give(
                f"{self._folder.path.parent}: the finished stages of this run cannot all be kept"
                f" ({self._failure}), so if it is stopped they are computed again"
            )

    def finish(self) -> None:
        """Remove the checkpoint: the run is complete."""
        self._stop_timer()
        if self._folder is not None:
            self._folder.remove()

    def stop(self, error: BaseException) -> None:
        """Leave the checkpoint to the next process, and add to the error where it is."""
        was_opened = self._engine is not None
        self._stop_timer()
        folder = self._folder
        if folder is None:
            return
        if not folder.kept or (was_opened and not self._written):
            folder.remove()
            return
        folder.leave()
        error.add_note(
            f"the finished stages are kept in {folder.path}: the same run goes on from there when"
            " it is started again; to throw them away, delete that folder"
        )

    def _stop_timer(self) -> None:
        self._timer.cancel()
        with self._lock:  # it may be writing
            self._engine = None


@contextmanager
def checkpoint(study: Study, place: Place | None, run_log: RunLog) -> Iterator[Stages]:
    """Yield the stages of a run, kept if it is stopped after a while and its results have a place.

    Checkpoints of other studies, or of other files, for the same place are removed.
    """
    if place is None or study.engine.name not in (None, "duckdb"):
        yield ALL_COMPUTED
        return
    key = run_key(study)
    folder = _earlier(study, key, str(place.path))
    if key is None:
        yield ALL_COMPUTED
        return
    stages = Checkpoint(key, place.path, run_log, folder)
    try:
        yield stages
    except BaseException as error:
        stages.stop(error)
        raise
    stages.finish()


def _earlier(study: Study, key: str | None, out: str) -> TemporaryFolder | None:
    """Adopt a stopped run's folder that can be used; remove those that no run can use any more."""
    found = None
    try:
        place = temporary_folder(study)
    except FileNotFoundError:  # the engine says so
        return None
    for folder in kept_folders(place, PREFIX):
        try:
            record = json.loads((folder.path / KEPT).read_bytes())
            own_key, own_out = record["key"], record["out"]
        except (OSError, ValueError, KeyError, TypeError):
            folder.remove()
            continue
        if own_key == key and found is None:
            found = folder
        elif own_out == out:
            folder.remove()
        else:
            folder.leave()
    return found
