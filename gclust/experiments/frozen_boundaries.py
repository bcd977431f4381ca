"""Refusal of frozen boundaries (``[clusters] formed_on``) where clusters are formed many times."""

from __future__ import annotations

from gclust.errors import StudyError
from gclust.study.schema import Study


def refuse_frozen(study: Study, what: str, remedy: str) -> None:
    """Raise StudyError if a study has ``[clusters] formed_on``, which contradicts an experiment.

    Parameters
    ----------
    study : Study
    what : str
        What the experiment does, as a clause of the message.
    remedy : str
        What to do instead.
    """
    options = study.clusters.formed_on
    if options is not None:
        raise StudyError(
            f"[clusters] formed_on = {{ {options.text} }} keeps the boundaries of clusters, but"
            f" {what}; {remedy}"
        )


OF_PARAMETERS = (
    "remove formed_on to look for parameters, on sources with the years that shall form the"
    " clusters for example, and set it again with those that you choose"
)
"""Remedy for experiments that vary parameters."""
