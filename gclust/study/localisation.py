"""The section ``[null]`` of a study: the null model of a map without localisation."""

from __future__ import annotations

from dataclasses import dataclass, field

from gclust.study.parse import Section, choice, number

NULL_UNITS = ("organisations", "sites", "locations", "listings")
"""What may be placed at random as a whole."""


@dataclass(frozen=True, kw_only=True)
class NullModelOptions(Section):
    """The section ``[null]``: a null model in which units are placed at random by a baseline.

    Parameters
    ----------
    units : {"organisations", "sites", "locations", "listings"}, optional
        What is placed as a whole. ``organisations``: each with all its listings. ``sites``: the
        listings of an organisation that lie in the same or in touching cells of the grid.
        ``locations``: all listings at one location. ``listings``: each alone, as if all were
        independent, which finds clusters where there are none. By default organisations if
        listings have any, else locations.
    baseline : {"population", "listings"}
        Where units are placed: by inhabitants of the raster of ``[population]``, or by the listings
        of the kinds that form no clusters (see ``[density] kinds``).
    within : {"economies", "all"}
        Whether each unit is placed within its own economy, or anywhere in the baseline.
    radius_km : float, optional
        Radius within which weight is summed; eps_km by default.
    draws : int
        Number of draws.
    level : float
        Probability of finding any cluster where there is no localisation.
    seed : int
        Seed of the random numbers.
    """

    units: str | None = field(default=None, metadata={"options": NULL_UNITS})
    baseline: str = choice("population", "population", "listings")
    within: str = choice("economies", "economies", "all")
    radius_km: float | None = number(None, least=0.05, most=1000.0)
    draws: int = number(999, least=19)
    level: float = number(0.05, above=0, most=0.5)
    seed: int = number(1, least=0)
