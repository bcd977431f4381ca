"""Tables of the folder of ``gclust localise``."""

from __future__ import annotations

from gclust.results.columns.table import RECORDS, Table, by_name, flag, integer, number, text

BY = text("<by>", "Kind or field, as [localisation] by says; the column has that name")
SITES = integer("sites", "Number of sites: organisations, or locations")
PER_KM = "pairs of sites, as a part of all, per km"
K_DENSITY = (
    BY,
    SITES,
    integer("sites_used", "Number of these whose pairs are counted"),
    number("bandwidth_km", "Bandwidth of the kernel", "km", "0.9 A m^(-1/5), m pairs"),
    number(
        "localisation",
        "Integral of the K-density above its upper global band",
        "part of all pairs",
    ),
    number(
        "dispersion",
        "Integral of the K-density below its lower global band; 0 if it is localised",
        "part of all pairs",
    ),
    flag("localised", "Whether the K-density lies above its upper global band anywhere"),
    flag("dispersed", "Whether it lies below the lower one anywhere, and is not localised"),
    number("p_localised", "p value for all distances together", "part of one"),
    number("p_dispersed", "p value of dispersion for all distances together", "part of one"),
    number("most_localised_km", "Distance of its largest excess over the upper band", "km"),
)
K_DENSITY_CURVES = (
    BY,
    number("distance_km", "Distance between two sites", "km"),
    number("k_density", "K-density", PER_KM),
    *(
        number(f"{what}_{end}", f"{side} band of random sites for {at}", PER_KM)
        for what, at in (("local", "this distance"), ("global", "all distances together"))
        for end, side in (("low", "Lower"), ("high", "Upper"))
    ),
)
ELLISON_GLAESER = (
    BY,
    integer("plants", "Number of plants: organisations at their sites"),
    number("weight", "Sum of their records", RECORDS),
    integer("areas", "Number of areas with one of them"),
    number("herfindahl", "Concentration of sizes (H)", "part of one", "sum of squared shares"),
    number("raw", "Raw concentration (G)", "part of one", "sum of (s - x)^2 over areas"),
    number("raw_expected", "Expectation of G if plants choose areas at random", "part of one"),
    number("raw_sd", "Standard deviation of G if they do", "part of one"),
    number(
        "gamma",
        "Index of Ellison and Glaeser",
        "part of one",
        "(G / (1 - sum x^2) - H) / (1 - H)",
    ),
    number("p_value", "Share of random choices with as large a G", "part of one"),
)

TABLES = by_name(
    Table("k_density", "Localisation by distance", K_DENSITY, ("<by>",)),
    Table("k_density_curves", "K-densities", K_DENSITY_CURVES, ("<by>", "distance_km")),
    Table("ellison_glaeser", "Localisation over given areas", ELLISON_GLAESER, ("<by>",)),
)
"""Tables by name."""
