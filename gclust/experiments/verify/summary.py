"""The summary of a verification for the terminal."""

from __future__ import annotations

from gclust.experiments.verify.result import Verification
from gclust.plurals import counted, either

UNEXPLAINED = (
    "nothing that gclust can see: inputs, versions and platform are those of the run. Was a file"
    " edited together with run.json? Otherwise this is an error in gclust: please report it"
)


def summary_lines(found: Verification) -> list[str]:
    """Return the lines of a summary: what differs, by how much, and why that may be."""
    files = found.files
    if found.same:
        lines = [f"{found.path}: the same again, {counted(len(files), 'file')}"]
        if found.reasons:
            lines += ["although these differ:", *(f"  {each}" for each in found.reasons)]
        return lines
    differing = files[~files["same"]]
    lines = [
        f"{found.path}: {len(differing):,} of {counted(len(files), 'file')}"
        f" {either(len(differing), 'differs', 'differ')}"
    ]
    for name, text in zip(differing["file"], differing["differences"], strict=True):
        first, *more = text.split("\n")
        lines += [f"  {name}: {first}", *(f"    {line}" for line in more)]
    return [*lines, "That may be from:", *(f"  {each}" for each in found.reasons or (UNEXPLAINED,))]
