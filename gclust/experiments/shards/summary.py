"""Summary of a part for the terminal."""

from __future__ import annotations

from gclust.experiments.shards.part import Part

ITEMS = {"sweep": "pairs of eps_km and min_samples", "uncertainty": "draws"}


def summary_lines(part: Part) -> list[str]:
    """Return lines of text: what the part holds, where it is, and how parts are joined."""
    return [
        f"Shard {part.shard}: {part.n:,} of {part.n_whole:,} {ITEMS[part.of]}",
        f"Part: {part.path}",
        f"When all {part.shard.count} parts are done: gclust gather PART... -o OUT",
    ]
