"""The sections ``[null]`` and ``[localisation]`` of a study."""

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


@dataclass(frozen=True, kw_only=True)
class LocalisationOptions(Section):
    """The section ``[localisation]``: K-densities by kind or field, and an index over areas.

    The index of Ellison and Glaeser is computed if ``[places] given`` names areas.

    Parameters
    ----------
    by : {"field", "kind"}
        Whether fields (a column of the listings) or kinds of record are compared.
    units : {"organisations", "locations"}, optional
        What has one site: an organisation, at its location with the most records; or each
        location. By default organisations if listings have any, else locations.
    weighted : bool
        Whether pairs of sites are weighted by their records in the K-densities.
    most_km : float, optional
        Largest distance of K-densities; by default the median distance between pairs of sites.
    draws : int
        Number of draws.
    level : float
        Part of chance between the bands of K-densities: 0.9 leaves 5 % on either side.
    seed : int
        Seed of the random numbers.
    """

    by: str = choice("field", "field", "kind")
    units: str | None = field(default=None, metadata={"options": ("organisations", "locations")})
    weighted: bool = False
    most_km: float | None = number(None, above=0, most=20000.0)
    draws: int = number(1000, least=19)
    level: float = number(0.9, above=0, most=0.999)
    seed: int = number(1, least=0)
