"""Every result folder: the command that writes it, its tables, and its files without columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gclust.results.columns import (
    comparison,
    localisation,
    null_model,
    run,
    sweep,
    uncertainty,
)
from gclust.results.columns.table import Table

STUDY = "The study with every default, which runs from this folder"
PACKAGE = "datapackage.json"


@dataclass(frozen=True)
class Folder:
    """A kind of result folder."""

    command: str
    description: str
    tables: Mapping[str, Table]
    files: Mapping[str, str]
    """Files without columns, with descriptions."""
    later: tuple[str, ...] = (PACKAGE,)
    """Files that are written after the others, which they describe."""


def _figures(figures: Mapping[str, str]) -> dict[str, str]:
    """Return the files of figures, in both formats, with descriptions."""
    return {
        f"figures/{name}.{ending}": about
        for name, about in figures.items()
        for ending in ("png", "pdf")
    }


def _files(
    name: str, figures: Mapping[str, str], studies: Iterable[str] = ("study",)
) -> Mapping[str, str]:
    """Return the files of an experiment's folder."""
    return {
        f"{name}.json": "Metadata: options, versions, warnings and the list of files",
        **{f"{study}.toml": STUDY for study in studies},
        PACKAGE: "This description",
        **_figures(figures),
    }


HEAT_MAPS = {
    "n_clusters": "number of clusters",
    "clustered_share": "part of the weight in clusters",
    "largest_share": "part of the weight in the largest cluster",
    "ari": "adjusted Rand index with the baseline",
    "ami": "adjusted mutual information with the baseline",
    "jaccard": "Jaccard index of the first clusters with those of the baseline",
    "tau_b": "Kendall's tau-b of the ranks with those of the baseline",
}

FOLDERS = {
    "run": Folder(
        "gclust run",
        "A run of gclust: clusters of listings, ranked",
        run.TABLES,
        {
            "run.json": "Provenance: inputs with their sha256, versions, counts, warnings, times",
            "study.toml": STUDY,
            PACKAGE: "This description",
            "ro-crate-metadata.json": "How the run came about, as a Process Run Crate",
            "report.html": "The run on one page for a browser, which needs no network",
            **_figures(
                {
                    "map": "Map of the clusters",
                    "intensity": "Ranks by intensity under several footprints and rasters",
                }
            ),
        },
        later=(PACKAGE, "ro-crate-metadata.json", "run.json"),
    ),
    "sweep": Folder(
        "gclust sweep",
        "A sweep of gclust: clusters at many pairs of parameters",
        sweep.TABLES,
        _files(
            "sweep",
            {
                "k_distance": "Weighted k-distance curves",
                **{name: f"Heat map: {about}" for name, about in HEAT_MAPS.items()},
            },
        ),
    ),
    "comparison": Folder(
        "gclust compare",
        "A comparison of gclust: two runs, their clusters, and why ranks and scores changed",
        comparison.TABLES,
        _files("comparison", {"bump": "Ranks in both runs"}, ("study-a", "study-b")),
    ),
    "uncertainty": Folder(
        "gclust uncertainty",
        "Rank uncertainty by gclust: intervals and rank sets of clusters",
        uncertainty.TABLES,
        _files("uncertainty", {"rank_sets": "Rank sets and score intervals of the clusters"}),
    ),
    "null_model": Folder(
        "gclust null",
        "A null model of gclust: clusters that exceed what chance gives",
        null_model.TABLES,
        _files("null_model", {}),
    ),
    "localisation": Folder(
        "gclust localise",
        "Localisation by gclust: which kinds or fields are localised",
        localisation.TABLES,
        _files("localisation", {"k_density": "K-densities with confidence bands"}),
    ),
    "sweep_part": Folder(
        "gclust sweep --shard",
        "A part of a sweep of gclust, for gclust gather",
        sweep.PART_TABLES,
        {**_files("part", {}), "points.jsonl": "Results at each pair of the shard, a line each"},
        later=(PACKAGE, "part.json"),
    ),
    "uncertainty_part": Folder(
        "gclust uncertainty --shard",
        "A part of rank uncertainty by gclust, for gclust gather",
        uncertainty.PART_TABLES,
        _files("part", {}),
        later=(PACKAGE, "part.json"),
    ),
}
"""Folders by what they hold; that is the name of their JSON file, of parts ``part.json``."""
