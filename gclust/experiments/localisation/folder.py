"""Result folder of localisation: tables, a figure, and metadata."""

from __future__ import annotations

from pathlib import Path

from gclust.experiments.localisation.k_density import KDensity
from gclust.experiments.localisation.result import Localisation
from gclust.progress import Report, stage
from gclust.report.k_density import draw_k_densities
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result


def write_localisation(found: Localisation, place: Place, progress: Report) -> Localisation:
    """Write the result folder of localisation; see `gclust.results.writer.write_result`.

    It holds ``k_density.csv``, ``k_density_curves.csv``, with given areas
    ``ellison_glaeser.csv``, the same as Parquet, ``figures/``, ``study.toml``,
    ``localisation.json`` and ``datapackage.json``. `read_localisation` reads it back.
    """

    def fill(folder: ResultWriter) -> None:
        density = found.k_density
        tables = {"k_density": density.table, "k_density_curves": density.curves}
        if found.ellison_glaeser is not None:
            tables["ellison_glaeser"] = found.ellison_glaeser
        with stage(progress, "write tables"):
            for name, table in tables.items():
                folder.csv(name, table)
                folder.parquet(name, table)
            folder.study(found.study)
            folder.json("localisation", _info(found))
        with stage(progress, "draw figures"):
            draw_k_densities(density, folder.figures, title=found.study.heading)
        write_data_package(folder, "localisation", found.study)

    return write_result(found, place, fill)


def _info(found: Localisation) -> dict[str, object]:
    density, wanted = found.k_density, found.study.localisation
    return {
        **versions(),
        "study": found.study.study.name,
        "by": density.by,
        "units": found.units,
        "sites": density.n_sites,
        "weighted": wanted.weighted,
        "most_km": density.most_km,
        "draws": density.draws,
        "level": density.level,
        "seed": wanted.seed,
        "warnings": list(found.warnings),
    }


def read_localisation(path: str | Path) -> Localisation:
    """Read localisation back from its result folder, as `gclust.localisation` returned it.

    Parameters
    ----------
    path : path-like
        The folder that ``gclust localise -o`` or ``gclust.localisation(out=...)`` wrote.

    Returns
    -------
    Localisation

    Raises
    ------
    StudyError
        If the folder does not hold a localisation, or a file of it is missing or broken.

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> options = {"by": "kind", "units": "locations", "draws": 19}
    >>> done = gclust.localisation(replace(study, localisation=options), out="my-localisation")
    >>> gclust.read_localisation("my-localisation").k_density.n_sites == done.k_density.n_sites
    True
    """
    folder = ResultReader(path, "localisation")
    table, curves = (folder.table(f"{name}.parquet") for name in ("k_density", "k_density_curves"))
    index = None
    if "ellison_glaeser.parquet" in folder.files:
        index = folder.table("ellison_glaeser.parquet")
    study = folder.study()
    with folder.reading("localisation.json"):
        info = folder.info
        density = KDensity(
            table,
            curves,
            info["by"],
            float(info["most_km"]),
            float(info["level"]),
            int(info["draws"]),
            int(info["sites"]),
        )
        warnings = tuple(info["warnings"])
        return Localisation(study, density, index, info["units"], warnings, folder.path)
