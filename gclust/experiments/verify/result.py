"""The result of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Verification:
    """The result of computing a run again.

    Attributes
    ----------
    path : Path
        The run's folder, or the ZIP file that holds it.
    files : DataFrame
        One row for each file of the run: ``file``, ``same`` and ``differences`` (lines of text in
        one, "" for a file that is the same).
    reasons : tuple of str
        What differs between then and now that may explain the differences: changed inputs or
        files, versions, the platform. Without differences, it is what differs all the same.

    Examples
    --------
    >>> import pandas as pd, gclust
    >>> from pathlib import Path
    >>> files = pd.DataFrame({"file": ["ranking.csv"], "same": [False], "differences": ["rank: 2"]})
    >>> found = gclust.Verification(Path("my-run"), files, reasons=("gclust 1.0, not 1.1",))
    >>> found.same
    False
    """

    path: Path
    files: pd.DataFrame
    reasons: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every file is the same."""
        return bool(self.files["same"].all())
