"""The indicators that come with gclust, in the order in which they are listed."""

from __future__ import annotations

from gclust.indicators.balance import balance
from gclust.indicators.collaboration import collaboration, international_collaboration
from gclust.indicators.concentration import hhi, rank_without_top, share_without_top
from gclust.indicators.diversity import diversity
from gclust.indicators.growth import growth
from gclust.indicators.leaders import (
    top_field,
    top_field_share,
    top_organisation,
    top_organisation_share,
)
from gclust.indicators.partners import top_partner, top_partner_share
from gclust.indicators.size import count, kind_share, per_km2, per_million, share
from gclust.indicators.specialisation import kind_specialisation, specialisation

BUILT_IN = (
    *(count, share, kind_share, per_million, per_km2, growth),
    *(top_organisation, top_organisation_share, hhi, share_without_top, rank_without_top),
    *(top_field, top_field_share, specialisation, kind_specialisation, diversity),
    *(collaboration, international_collaboration, top_partner, top_partner_share, balance),
)
