"""An environment for asv: this Python and its packages, with gclust from a commit's checkout.

asv's own environments install every dependency anew, which takes minutes and the network.
gclust is plain Python: a checkout at the head of the path is enough.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from asv.environment import Environment

ROOT = Path(__file__).resolve().parents[1]
KERNELS = Path("gclust", "kernels", "__pycache__")
"""Where compiled kernels are kept, in folders named by the sources of all of them."""


class Checkout(Environment):
    """The Python that runs asv; asv checks each commit out into ``project``."""

    tool_name = "checkout"

    @classmethod
    def matches(cls, python: str) -> bool:
        """Take only the Python that is there."""
        return python == "same"

    def __init__(
        self,
        conf: Any,
        python: str,
        requirements: dict[str, str],
        tagged_env_vars: dict[tuple[str, str], str],
    ) -> None:
        self._python, self._requirements = python, requirements  # the base class looks at them
        super().__init__(conf, python, requirements, tagged_env_vars)

    def _setup(self) -> None:
        Path(self._path).mkdir(parents=True, exist_ok=True)

    def install_project(self, conf: Any, repo: Any, commit_hash: str) -> None:
        """Check the commit out, and let it find the kernels that are compiled already."""
        super().install_project(conf, repo, commit_hash)
        compiled = Path(self._build_root, KERNELS)
        if compiled.parent.is_dir() and not compiled.exists():
            compiled.symlink_to(ROOT / KERNELS, target_is_directory=True)

    def find_executable(self, executable: str) -> str:  # noqa: ARG002
        """Return this Python, whatever is looked for."""
        return sys.executable

    def run(self, args: list[str], **kwargs: Any) -> str:
        """Run Python with the checkout first on its path."""
        env = dict(kwargs.pop("env", os.environ))
        env["ASV_PYTHONPATH"] = self._build_root
        return self.run_executable("python", args, env=env, **kwargs)
