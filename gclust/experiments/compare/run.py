"""Entry point of comparisons of two runs: matches clusters, explains changes of their ranks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gclust.errors import StudyError
from gclust.experiments.compare.attribution import Attribution, common_listings, shared_places
from gclust.experiments.compare.carried_ids import carried_from
from gclust.experiments.compare.hybrid_studies import HybridStudies
from gclust.experiments.compare.listed_sources import check_listed, listed_sources
from gclust.experiments.compare.result import Comparison, write_comparison
from gclust.experiments.compare.scenarios import ScenarioResult, run_scenarios, scenario_of_run
from gclust.experiments.compare.tables import assemble, with_common
from gclust.experiments.frozen_boundaries import refuse_frozen
from gclust.pipeline.run import run
from gclust.plurals import counted
from gclust.progress import Report, resolve
from gclust.ranking.lineage import lineage
from gclust.ranking.shapley import coalitions
from gclust.results.folders import claim
from gclust.results.run import Run, read_run
from gclust.study.schema import Study, read_study
from gclust.threads import default_threads

ALONE = "to compare without them, set decompose=False (--no-decompose)"


def compare(
    a: str | Path | Study | Run,
    b: str | Path | Study | Run,
    out: str | Path | None = None,
    *,
    decompose: bool = True,
    after: Comparison | str | Path | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Compare two runs, or one study under two settings.

    Clusters are matched by place: each listing of either run lies in the cluster that the other
    run gives to its place, with its own method and parameters where it has no listing there. So
    two years of addresses are matched, even if no address occurs in both. The weight is that of
    the listings that form clusters, or of all listings if the two studies weight them differently.

    Each change of a rank or score is decomposed by Shapley values into contributions of four
    factors: the data, the formation of clusters, the kinds and the weights. Every coalition of
    factors is run with these choices of b and the others of a; the contribution of a factor is
    the change that it adds, averaged over all orders in which a can become b.

    Parameters
    ----------
    a, b : path-like, Study or Run
        The folder of a run, or a ``study.toml``, which is run first.
    out : path-like, optional
        Folder to write, as a whole or not at all.
    decompose : bool
        Whether changes are decomposed, which reads the listings of both runs again, from
        ``memberships.parquet`` of a run whose sources are not there; everything else needs only
        the folders of the runs.
    after : Comparison or path-like, optional
        An earlier comparison whose second run is the first of this one, from which clusters
        keep their ids over many editions.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether a comparison that is in ``out`` may be replaced.

    Returns
    -------
    Comparison

    Raises
    ------
    StudyError
        If a or b is neither a run nor a study, if its listings cannot be read, or if they have
        changed since the run.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> before = gclust.datasets.example_study(years=(2015, 2019))
    >>> after = gclust.datasets.example_study(years=(2020, 2024))
    >>> found = gclust.compare(before, after)
    >>> found.table[["name_b", "rank_a", "rank_b", "rank_data"]]
         name_b  rank_a  rank_b  rank_data
    0  Grenoble       2       1        1.0
    1      Lyon       1       2       -1.0
    2    Geneva       3       3        0.0
    """
    with ExitStack() as within:
        place = within.enter_context(claim(out, overwrite, "comparison"))
        report = resolve(progress)
        runs = _run_of(a, report, n_jobs), _run_of(b, report, n_jobs)
        given = (each.study.engine.threads for each in runs)
        within.enter_context(default_threads(n_jobs, *given))
        for each in runs if decompose else ():
            refuse_frozen(each.study, "a decomposition forms clusters on other listings", ALONE)
        listed = (listed_sources(runs[0]), listed_sources(runs[1])) if decompose else (None, None)
        hybrids = HybridStudies(runs[0].study, runs[1].study, listed)
        weight = _matching_weight(hybrids)
        carried = None if after is None else carried_from(after, runs[0].ranking)
        ends = (
            scenario_of_run(runs[0], weight, n_jobs),
            scenario_of_run(runs[1], weight, n_jobs),
        )
        related = lineage(shared_places(*ends), len(runs[0].ranking), len(runs[1].ranking))
        listings, common = common_listings(*ends)
        related = with_common(related, listings, ends)
        attribution = None
        if decompose:
            attribution = Attribution(hybrids.factors, ends, related)
            _attribute(attribution, hybrids, runs, ends, weight, n_jobs, report)
        labels = _labels(runs, (a, b))
        result = assemble(hybrids, runs, labels, related, common, attribution, carried)
        return result if place is None else write_comparison(result, place)


def _run_of(what: str | Path | Study | Run, report: Report, n_jobs: int | None) -> Run:
    if isinstance(what, Run):
        return what
    if isinstance(what, Study):
        return run(what, progress=report, n_jobs=n_jobs)
    path = Path(what)
    if path.is_dir():
        return read_run(path)
    if path.is_file():
        return run(read_study(path), progress=report, n_jobs=n_jobs)
    raise StudyError(
        f"{path}: there is no such run; expected a folder that gclust run wrote, or a study file"
    )


def _matching_weight(hybrids: HybridStudies) -> str:
    """Return the weight that forms clusters if it is the same in both studies, else "units"."""
    apart = {"[density] weight", *(f"[density] kinds: {kind}" for kind in hybrids.shared)}
    return "units" if apart & {each.setting for each in hybrids.differences} else "density"


def _labels(runs: tuple[Run, Run], given: tuple[object, object]) -> tuple[str, str]:
    """Return different names for the runs: of the studies, else of the folders or files."""
    names = []
    for each, what in zip(runs, given, strict=True):
        place = Path(what) if isinstance(what, str | Path) else each.path
        file = "" if place is None else place.stem if place.suffix == ".toml" else place.name
        names.append((each.study.study.name, file))
    for one, two in zip(*names, strict=True):
        if one != two and one and two:
            return one, two
    return "a", "b"


def _attribute(
    attribution: Attribution,
    hybrids: HybridStudies,
    runs: tuple[Run, Run],
    ends: tuple[ScenarioResult, ScenarioResult],
    weight: str,
    n_jobs: int | None,
    report: Report,
) -> None:
    """Run the scenarios of all coalitions, and find the continuing clusters in them."""
    every = list(coalitions(hybrids.factors))
    scenarios = run_scenarios(hybrids, every, weight, n_jobs=n_jobs, report=report)
    try:
        check_listed(runs, hybrids.listed)
        for coalition, result in scenarios:
            for side, end in enumerate((every[0], every[-1])):
                if coalition == end:
                    _check_same(runs[side], ends[side], result)
            attribution.add(coalition, result)
    except StudyError as error:
        raise StudyError(f"{error}. The decomposition needs the listings; {ALONE}") from error


def _check_same(done: Run, then: ScenarioResult, now: ScenarioResult) -> None:
    """Raise StudyError if the listings of a run have changed since."""
    name = done.path or done.study.study.name
    if len(then.ranks) != len(now.ranks):
        differs = f"{counted(len(now.ranks), 'cluster')}, not {len(then.ranks)}"
    else:
        old, new = (each.ranks["score"].to_numpy(float) for each in (then, now))
        apart = ~np.isclose(old, new, rtol=1e-9, atol=0, equal_nan=True)
        if not apart.any():
            return
        first = int(np.flatnonzero(apart)[0])
        named = done.ranking.set_index("cluster_id")["name"]
        differs = f"{named[first]} a score of {new[first]:g}, not {old[first]:g}"
    raise StudyError(
        f"{name}: its study now gives {differs}: the data have changed since the run, or another"
        f" version of gclust ({done.info.get('gclust', 'unknown')}) made the run; run the study"
        " again"
    )
