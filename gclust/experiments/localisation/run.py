"""Entry point of localisation: K-densities of a study's organisations, and an index over areas."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from gclust.errors import StudyError
from gclust.experiments.localisation.ellison_glaeser import areas_of, ellison_glaeser
from gclust.experiments.localisation.folder import write_localisation
from gclust.experiments.localisation.k_density import Options, k_densities
from gclust.experiments.localisation.result import Localisation
from gclust.experiments.localisation.sites import Sites, gather_sites
from gclust.experiments.reading import with_columns
from gclust.pipeline.given_areas import read_given_areas
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import Report, resolve, stage
from gclust.results.folders import claim
from gclust.study.schema import Study, read_study
from gclust.threads import count_threads, default_threads


def localisation(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Localisation:
    """Measure which of a study's kinds or fields are localised, with organisations as units.

    The section ``[localisation]`` says what is compared. Each organisation has one site: its
    location with the most records. K-densities (Duranton and Overman 2005) need no areas; with
    ``[places] given`` the index of Ellison and Glaeser (1997) is computed too.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml``, or the study that `gclust.read_study` read from it.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether the result of an earlier call in ``out`` may be replaced.

    Returns
    -------
    Localisation

    Raises
    ------
    StudyError
        If the study or the data it names cannot be used, or no kind or field has 10 sites.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> from dataclasses import replace
    >>> options = {"by": "kind", "units": "locations", "draws": 99}
    >>> found = gclust.localisation(replace(study, localisation=options))
    >>> found.k_density.table["kind"].tolist()
    ['patent', 'publication']
    """
    if not isinstance(study, Study):
        study = read_study(study)
    with ExitStack() as within:
        place = within.enter_context(claim(out, overwrite, "localisation"))
        within.enter_context(default_threads(n_jobs, study.engine.threads))
        run_log = RunLog(resolve(progress), study.study.strict)
        found = _computed(study, run_log, n_jobs)
        return found if place is None else write_localisation(found, place, run_log.report)


def _computed(study: Study, run_log: RunLog, n_jobs: int | None) -> Localisation:
    wanted = study.localisation
    columns = ["organisation"] if wanted.units != "locations" else []
    reading = with_columns(study, *columns, *(["field"] if wanted.by == "field" else []))
    areas = read_given_areas(study)
    with open_engine(study, n_jobs, run_log.report) as engine:
        prepared = prepare_listings(reading, engine, run_log)
        with stage(run_log.report, "gather sites"):
            sites = gather_sites(study, engine, prepared)
    run_log.messages.extend(sites.messages)
    how = Options(
        wanted.by,
        "records" if wanted.weighted else None,
        wanted.most_km,
        wanted.draws,
        wanted.level,
        wanted.seed,
    )
    try:
        density = k_densities(sites.table, how, count_threads(n_jobs), run_log.report)
        index = None
        if areas is not None:
            run_log.messages.extend(_outside(sites, areas_of(sites.table, areas)))
            with stage(run_log.report, "compare areas"):
                index = ellison_glaeser(
                    sites.table,
                    areas,
                    by=wanted.by,
                    weight="records",
                    draws=wanted.draws,
                    seed=wanted.seed,
                )
    except ValueError as error:
        raise StudyError(f"[localisation]: {error}") from error
    return Localisation(study, density, index, sites.what, tuple(run_log.messages))


def _outside(sites: Sites, area: pd.Series) -> list[str]:
    """Return a message about records of sites in no area."""
    records = sites.table["records"].to_numpy()
    share = 100 * records[area < 0].sum() / records.sum()
    if share == 0:
        return []
    return [f"{share:.1f} % of the records lie in none of the given areas: left out of the index"]
