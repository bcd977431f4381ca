"""Warning about amounts, such as money, that form clusters together with records."""

from __future__ import annotations

from gclust.listings.stage import Staged
from gclust.pipeline.run_log import RunLog
from gclust.study.schema import Study
from gclust.units import UNIT

LARGEST_PART = 0.99
"""Part of the weight that forms clusters above which a kind of unstated weights is warned of."""


def warn_of_amounts(study: Study, staged: Staged, run_log: RunLog) -> None:
    """Warn if amounts form clusters together with records and the study does not say they should.

    A large amount, such as that of one university, may be a cluster by itself, and the unit of
    amounts is arbitrary. There is no warning where ``[density]`` names the kinds or gives all the
    same total, where all kinds are amounts, and where an earlier run has formed the clusters.
    """
    formed_on = study.clusters.formed_on
    of_earlier = formed_on is not None and formed_on.run is not None
    chosen = study.density.kinds is not None or study.density.weight == "equal"
    if chosen or of_earlier or len(study.kinds) == 1:
        return
    amounts = study.amounts or _dominant(staged, study)
    others = [kind for kind in study.kinds if kind not in amounts]
    if not amounts or not others:
        return
    units = {kind: staged.kind_units[code] for code, kind in enumerate(staged.kinds)}
    part = 100 * sum(units[kind] for kind in amounts) / sum(units.values())
    listed = ", ".join(f'"{kind}"' for kind in others)
    what = "amounts" if study.amounts else "weights without records"
    unstated = "" if study.amounts else 'if these are amounts, say measure = "amount"; '
    run_log.warn_or_refuse(
        [
            f"{what} of {', '.join(amounts)} form clusters together with the records of"
            f" {', '.join(others)}: they have {part:.3g} % of the weight that forms clusters, and"
            f" one large amount may be a cluster by itself; {unstated}[density] kinds = [{listed}]"
            " forms clusters from the other kinds and counts all"
        ]
    )


def _dominant(staged: Staged, study: Study) -> tuple[str, ...]:
    """Return the kind with nearly all weight, if its weights are neither ones nor explained."""
    total = sum(staged.kind_units.values())
    explained = {source.kind for source in study.sources if source.measure is not None}
    rows = staged.sources.groupby("kind")[["used", "without_record"]].sum()
    return tuple(
        kind
        for code, kind in enumerate(staged.kinds)
        if kind not in explained
        and rows.loc[kind, "without_record"] == rows.loc[kind, "used"]
        and staged.kind_units[code] != int(rows.loc[kind, "used"]) * UNIT
        and staged.kind_units[code] > LARGEST_PART * total
    )
