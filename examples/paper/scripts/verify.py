"""Compute a run again, compare every file, and note how many there are; fail if one differs."""

import json
import sys
from pathlib import Path

import gclust

if __name__ == "__main__":
    run, out = sys.argv[1:]
    found = gclust.verify(run)
    if not found.same:
        sys.exit(f"{run} could not be repeated:\n{found.files[~found.files['same']]}")
    Path(out).write_text(json.dumps({"files": len(found.files)}) + "\n", encoding="utf-8")
