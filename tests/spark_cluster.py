"""A standalone cluster of Spark on this machine: one master and workers, processes of their own."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

STARTED = re.compile(r"Starting Spark master at (spark://[0-9.]+:[0-9]+)")
REGISTERED = "Successfully registered with master"
PR_SET_PDEATHSIG = 1
LONGEST_START = 120.0
SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": 1,
    "spark.cores.max": 2,
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.sql.shuffle.partitions": 2,
}
"""Settings of sessions that use the cluster."""
QUIET = {
    "spark.log.level": "OFF",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "Pacific/Apia",
}
"""Settings of the session of tests; those of SQL are others than gclust needs."""


def missing() -> str | None:
    """Return what Spark needs and is not there, None if it can be started."""
    if find_spec("pyspark") is None:
        return 'pyspark is not installed: pip install "pyspark>=4"'
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=os.path.join(home, "bin") if home else None) is None:
        return "Java is not installed, which Spark needs"
    return None


def _end_with_parent() -> None:
    """Let Linux kill this process when its parent ends, even if that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Cluster:
    """A running cluster."""

    folder: Path
    memory: str = "1200m"
    master: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, workers: int) -> None:
        """Start the master and workers of two cores each; return when they know each other."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self._spawn("master", "master.Master", "--host", "127.0.0.1", "--port", "0")
        self.master = self._awaited(log, STARTED.pattern)[1]
        logs = [self.add_worker() for _ in range(workers)]
        for each in logs:
            self._awaited(each, REGISTERED)

    def add_worker(self) -> Path:
        """Start one more worker; return its log."""
        name = f"worker-{len(self.processes)}"
        # Room for an executor of one core of each of two sessions: the tests' own, and a study's.
        options = ("--host", "127.0.0.1", "--cores", "2", "--memory", self.memory)
        folder = str(self.folder / name)
        return self._spawn(name, "worker.Worker", *options, "--work-dir", folder, self.master)

    def kill_worker(self, number: int = -1) -> None:
        """End a worker and its executors as a failing machine would."""
        process = self.processes[number]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End every process of the cluster."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _spawn(self, name: str, which: str, *options: str) -> Path:
        import pyspark

        home = Path(pyspark.__file__).parent
        log = self.folder / f"{name}.log"
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{which}"]
        environment = {
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        }
        with log.open("wb") as file:
            self.processes.append(
                subprocess.Popen(
                    [*command, "--webui-port", "0", *options],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                    preexec_fn=_end_with_parent if sys.platform == "linux" else None,
                )
            )
        return log

    def _awaited(self, log: Path, pattern: str) -> re.Match[str]:
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end:
            if found := re.search(pattern, log.read_text(errors="replace")):
                return found
            time.sleep(0.05)
        raise TimeoutError(
            f"{pattern!r} is not in {log}: {log.read_text(errors='replace')[-2000:]}"
        )


@contextmanager
def running(folder: Path, workers: int = 2, memory: str = "1200m") -> Iterator[Cluster]:
    """Run a cluster; every process of it has ended afterwards."""
    cluster = Cluster(folder, memory)
    before = os.environ.get("SPARK_LOCAL_IP")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        cluster.start(workers)
        yield cluster
    finally:
        cluster.stop()
        if before is None:
            del os.environ["SPARK_LOCAL_IP"]
        else:
            os.environ["SPARK_LOCAL_IP"] = before
