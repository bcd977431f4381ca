"""Fetch the source files, or take them from the cache, and note where they come from."""

import json
import sys
from pathlib import Path

from gclust.datasets.fetch import DATA_SETS, fetch

NAME = "us-innovation"

if __name__ == "__main__":
    fetch(NAME)  # raises for a file whose sha256 is not the one of the published file
    # Of what is fetched, the raster of inhabitants serves nothing in this paper.
    used = [f for f in DATA_SETS[NAME] if not f.name.endswith(".tif")]
    files = [{"name": f.name, "url": f.url, "sha256": f.sha256} for f in used]
    Path(sys.argv[1]).write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")
