"""Spark jobs that are run in a thread, so that Ctrl-C and progress reports work meanwhile."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gclust.errors import StudyError, first_line
from gclust.listings.engines.duckdb import DISK_WORDS
from gclust.listings.engines.protocol import EngineError, QueryOverflowError
from gclust.listings.engines.spark_types import file_address
from gclust.plurals import counted
from gclust.progress import Report

OVERFLOWS = ("[ARITHMETIC_OVERFLOW", "[CAST_OVERFLOW", "[NUMERIC_VALUE_OUT_OF_RANGE")
"""Conditions of Spark's errors if a number does not fit into its type."""

LOOK_SECONDS = 0.02
LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers of pyspark that repeat each error, with its stack trace."""


class SparkJobs:
    """Runner of actions of Spark, such as writing a table, with progress and Ctrl-C."""

    def __init__(self, session: Any, folder: Path, progress: Report) -> None:
        self._session, self._folder, self.progress = session, folder, progress
        self._context = session.sparkContext
        self._groups = itertools.count()
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def write(self, frame: Any, folder: Path, stage: str) -> None:
        """Append a Spark DataFrame to a folder of Parquet files.

        Raises
        ------
        StudyError
            If other rows arrived in the folder than Spark wrote.
        """
        from pyspark.sql import Observation, functions

        observed = Observation()
        watched = frame.observe(observed, functions.count(functions.lit(1)).alias("rows"))
        before = rows_in(folder)
        self.run(lambda: watched.write.mode("append").parquet(file_address(folder)), stage)
        written, arrived = observed.get.get("rows", 0), rows_in(folder) - before
        if written != arrived:
            raise StudyError(
                f"{self._folder.parent}: {arrived:,} of {counted(written, 'row')} that Spark wrote"
                " there arrived; name a folder in [engine] temp_dir that this machine and all"
                " workers see under the same path"
            )

    def run(self, action: Callable[[], Any], stage: str) -> Any:
        """Run an action and return its result; cancel its jobs if it is interrupted.

        Raises
        ------
        EngineError
            If Spark cannot compute it.
        QueryOverflowError
            If a number does not fit into its type.
        StudyError
            If the disk of the temporary folder is full.
        """
        from pyspark import InheritableThread

        outcome: list[Any] = []
        failure: list[BaseException] = []
        group = f"gclust-{id(self)}-{next(self._groups)}"

        def work() -> None:
            try:
                self._context.setJobGroup(group, stage or "gclust", interruptOnCancel=True)
                outcome.append(action())
            except BaseException as error:
                failure.append(error)

        thread = InheritableThread(target=work, session=self._session)
        thread.daemon = True
        thread.start()
        done, fraction, next_look = thread, 0.0, time.monotonic()
        try:
            while done.is_alive():
                time.sleep(LOOK_SECONDS)
                if stage and time.monotonic() > next_look:
                    fraction = max(fraction, self._fraction(group))
                    self.progress(fraction, stage)
                    next_look = time.monotonic() + 0.25
        except BaseException:
            while done.is_alive():
                self._context.cancelJobGroup(group)
                time.sleep(LOOK_SECONDS)
            raise
        if failure:
            raise self._error(failure[0]) from failure[0]
        if stage:
            self.progress(1.0, stage)
        return outcome[0]

    def _fraction(self, group: str) -> float:
        """Return the part of the tasks of a group's known stages that are done."""
        tracker = self._context.statusTracker()
        tasks = done = 0
        for job in tracker.getJobIdsForGroup(group):
            info = tracker.getJobInfo(job)
            for stage in info.stageIds if info else ():
                found = tracker.getStageInfo(stage)
                if found:
                    tasks, done = tasks + found.numTasks, done + found.numCompletedTasks
        return min(done / tasks, 0.999) if tasks else 0.0

    def _error(self, error: BaseException) -> BaseException:
        """Return the error to raise for one that an action of Spark raised."""
        if not is_of_spark(error) and not isinstance(error, OSError):
            return error
        text = str(error)
        if any(words in text for words in DISK_WORDS):
            return StudyError(
                f"{self._folder.parent}: the disk is full, and temporary files of the listings do"
                " not fit; make room there, or name another folder in [engine] temp_dir"
            )
        overflows = any(condition in text for condition in OVERFLOWS)
        kind = QueryOverflowError if overflows else EngineError
        return kind(message_of(error))


def is_of_spark(error: BaseException) -> bool:
    """Return whether an error was raised by Spark, or on the way to it."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return isinstance(error, Py4JError | PySparkException)


def message_of(error: BaseException) -> str:
    """Return one line that says what went wrong: for an error of Java, its first cause."""
    cause = getattr(error, "java_exception", None)
    if cause is None:
        return first_line(error)
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.toString()).strip().splitlines()[0]


def rows_in(folder: Path) -> int:
    """Return the number of rows in a folder of Parquet files; 0 if there is none."""
    files = folder.glob("part-*.parquet") if folder.is_dir() else ()
    return sum(pq.read_metadata(path).num_rows for path in files)
