"""Where the project's files lie, and those of the package that is tested.

The package is the one that is imported. `ci/wheel` runs the tests on an installed wheel, in a
copy of the checkout without the folder ``gclust``.
"""

from __future__ import annotations

from pathlib import Path

import gclust

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(gclust.__file__).resolve().parent


def in_tree(path: str) -> Path:
    """Return where a file or folder of the checkout lies, or of the package if it is its own."""
    first, _, rest = path.partition("/")
    return PACKAGE / rest if first == PACKAGE.name else ROOT / path
