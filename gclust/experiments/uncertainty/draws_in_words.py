"""The draws of an uncertainty in one line."""

from __future__ import annotations

from gclust.experiments.uncertainty.variation_in_words import record_draws
from gclust.plurals import counted
from gclust.study.schema import Study
from gclust.study.sections import DRAWN

NOT_RESAMPLED = "not resampled"
"""Text for a kind that is the same in all draws, in the column ``<kind>_share_interval`` too."""


def describe_draws(study: Study, n_pairs: int) -> str:
    """Describe the draws: their number, sources, clusters and seed.

    ``n_pairs`` is the number of pairs of eps_km and min_samples that draws choose from.
    """
    wanted = study.uncertainty
    what = {
        "records": record_draws(study),
        "addresses": "addresses (anywhere in their discs)",
        "parameters": f"{counted(n_pairs, 'pair')} of eps_km and min_samples",
        "weights": "weights of the score",
    }
    sources = " and ".join(what[source] for source in DRAWN if source in wanted.sources)
    clusters = "reclustered" if wanted.reclusters else "fixed"
    amounts = "".join(
        f", amounts of {kind} {how}" for kind, how in resampled_amounts(study).items()
    )
    return (
        f"{counted(wanted.draws, 'draw')} of {sources}{amounts}, clusters {clusters}; seed"
        f" {wanted.seed}"
    )


def resampled_amounts(study: Study) -> dict[str, str]:
    """Describe how each kind of amounts varies between the draws, if records are drawn."""
    if "records" not in study.uncertainty.sources:
        return {}
    drawn = {
        kind: f"of cv {cv:g}" if cv else "by organisation"
        for kind, cv in study.drawn_amounts.items()
    }
    return {kind: drawn.get(kind, NOT_RESAMPLED) for kind in study.amounts}
