"""Spark sessions: one that gclust starts and stops, or a new one in a Spark that runs already."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gclust.errors import StudyError, first_line

Option = str | bool | int | float

MISSING_PYSPARK = 'Spark needs the package pyspark; install it: pip install "pyspark>=4"'
MISSING_JAVA = (
    "Spark needs Java 17 or later, and none was found; install it (Debian's package is"
    " openjdk-17-jre-headless), or name its folder in the environment variable JAVA_HOME"
)

OF_SQL: Mapping[str, Option] = {
    "spark.sql.ansi.enabled": True,
    "spark.sql.caseSensitive": True,
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.inferTimestampNTZ.enabled": True,
    "spark.sql.parser.escapedStringLiterals": False,
    "spark.sql.variable.substitute": False,
    "spark.sql.sources.partitionColumnTypeInference.enabled": False,
    "spark.sql.files.ignoreCorruptFiles": False,
    "spark.sql.files.ignoreMissingFiles": False,
    "spark.sql.execution.arrow.maxRecordsPerBatch": 100_000,
    "spark.sql.execution.arrow.useLargeVarTypes": False,
}
"""Settings that results depend on, which options of a study cannot change. With ANSI off, a number
that does not fit into its type would wrap round without an error."""

OF_OWN: Mapping[str, Option] = {
    "spark.app.name": "gclust",
    "spark.log.level": "OFF",
    "spark.ui.enabled": False,
    "spark.ui.showConsoleProgress": False,
    "spark.driver.maxResultSize": 0,
    "spark.python.sql.dataFrameDebugging.enabled": False,
}
"""Defaults of gclust's own session, which options of a study may change. Errors of Spark are raised
in Python, so its log repeats them only."""


@dataclass(frozen=True)
class OpenedSession:
    """A Spark session in which gclust works, and whether gclust stops Spark at the end."""

    session: Any
    is_own: bool

    def close(self) -> None:
        """Stop Spark, if gclust started it."""
        if self.is_own:
            self.session.stop()


def open_session(
    master: str | None, options: Mapping[str, Option], running: Any = None
) -> OpenedSession:
    """Open a Spark session with settings of its own.

    If Spark runs in this process already, its cluster is used, and it is not stopped. ``running``
    is a session of it, for instance that of a Spark DataFrame.

    Raises
    ------
    StudyError
        If pyspark or Java is missing, Spark cannot be started, or Spark runs already with another
        master or other options.
    """
    for key in options:
        if key in OF_SQL:
            raise StudyError(
                f"[engine] options: {key} is set by gclust, because results depend on it; remove it"
            )
    spark = _imported()
    running = running or spark.SparkSession.getActiveSession()
    if running is None:
        return OpenedSession(_started(spark, master, options), is_own=True)
    _refuse_connect(running)
    _refuse_other_master(running, master)
    session = running.newSession()
    for key, value in options.items():
        if session.conf.isModifiable(key):
            session.conf.set(key, _text(value))
        elif session.conf.get(key, None) != _text(value):
            raise StudyError(
                f"[engine] options: {key} = {value!r} cannot be set, because Spark runs already;"
                " set it where the Spark session is made, or stop the session"
            )
    return OpenedSession(_with_settings(session), is_own=False)


def _imported() -> Any:
    # It is raised when pyspark is imported or first used, of features that are not used here.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    try:
        from pyspark import sql
    except ImportError as error:
        raise StudyError(MISSING_PYSPARK) from error
    return sql


def _started(spark: Any, master: str | None, options: Mapping[str, Option]) -> Any:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin")) if home else shutil.which("java")
    if java is None:
        raise StudyError(MISSING_JAVA)
    builder = spark.SparkSession.builder
    if master is not None:
        builder = builder.master(master)
    for key, value in {**OF_OWN, **OF_SQL, **options}.items():
        builder = builder.config(key, _text(value))
    handler = signal.getsignal(signal.SIGINT)
    try:
        session = builder.getOrCreate()
    except Exception as error:  # of py4j, of pyspark, or of Java
        raise StudyError(f"Spark cannot be started: {first_line(error)}") from error
    finally:
        # Spark's own handler would cancel the jobs, but not wait until they have ended.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
    return _with_settings(session)


def _with_settings(session: Any) -> Any:
    for key, value in OF_SQL.items():
        session.conf.set(key, _text(value))
    return session


def _refuse_connect(session: Any) -> None:
    if "connect" in type(session).__module__.split("."):
        raise StudyError(
            "a session of Spark Connect cannot be used; run gclust where Spark's driver runs, or"
            " write the DataFrame as Parquet files and name them in the study"
        )


def _refuse_other_master(session: Any, master: str | None) -> None:
    own = session.sparkContext.master
    if master is not None and own != master:
        raise StudyError(
            f"[engine] master = {master!r}, but Spark runs already with the master {own!r}; stop"
            " that session, or remove master"
        )


def _text(value: Option) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
