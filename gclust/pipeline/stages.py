"""The stages of a run, whose results a checkpoint can keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gclust.listings.engines.protocol import Engine
from gclust.pipeline.open_engine import open_engine
from gclust.progress import Report
from gclust.study.schema import Study

T = TypeVar("T")


def unchanged(result: Any) -> Any:
    """Return a result as it is."""
    return result


class Stages:
    """Stages that are all computed; see `gclust.pipeline.checkpoint.Checkpoint` for kept ones."""

    def open(self, study: Study, n_jobs: int | None, report: Report) -> Engine:
        """Open the engine of a study."""
        return open_engine(study, n_jobs, report)

    def step(
        self,
        name: str,  # noqa: ARG002
        compute: Callable[[], T],
        pack: Callable[[T], Any] = unchanged,  # noqa: ARG002
        unpack: Callable[[Any], T] = unchanged,  # noqa: ARG002
    ) -> T:
        """Return the result of a stage.

        Parameters
        ----------
        name : str
        compute : callable
            Computes the result; it is not called if the result is kept.
        pack, unpack : callable
            Turn the result into one that can be written to a file (tables and arrays without the
            engine's frames), and back. The result may not be changed afterwards.
        """
        return compute()

    def end(self) -> None:
        """Keep no result of any later stage."""


ALL_COMPUTED = Stages()
