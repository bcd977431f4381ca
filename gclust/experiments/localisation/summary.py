"""Summary of localisation for the terminal."""

from __future__ import annotations

import textwrap

from gclust.experiments.localisation.result import Localisation
from gclust.report.text_table import ALWAYS, NEEDED, Column, filled, fixed, table_lines, whole


def summary_lines(found: Localisation, *, top: int, width: int, ascii: bool = False) -> list[str]:
    """Return lines of text: the tables, their meaning, and the paths of the files."""
    density = found.k_density
    side = f"{50 * (1 - density.level):g} %"
    order = ["localisation", "dispersion", density.by]
    rows = density.table.sort_values(order, ascending=[False, True, True]).head(top)
    rows = rows.rename(columns={density.by: "name"})
    columns = [
        Column("name", ("", density.by.capitalize()), None, ALWAYS),
        Column("sites", ("", "Sites"), whole, 6),
        Column("localisation", ("Localised", "pairs, %"), fixed(2), NEEDED),
        Column("p_localised", ("p,", "localised"), fixed(3), ALWAYS),
        Column("most_localised_km", ("most at", "km"), fixed(0), 4),
        Column("dispersion", ("Dispersed", "pairs, %"), fixed(2), 5),
        Column("p_dispersed", ("p,", "dispersed"), fixed(3), 5),
    ]
    shown = rows.assign(**{name: 100 * rows[name] for name in ("localisation", "dispersion")})
    lines = ["", *table_lines([filled(each, shown) for each in columns], width, ascii), ""]
    texts = [
        f"{density.in_words}; each of the {found.units} has one site.",
        "Localised pairs: the part of all pairs of sites by which the K-density lies above its"
        f" upper global band, which {side} of random sets of sites cross at any distance.",
        *(f"Note: {warning}." for warning in found.warnings),
    ]
    if found.ellison_glaeser is not None:
        lines += [*_index_lines(found, top, width, ascii), ""]
        texts.append(
            "Gamma: the index of Ellison and Glaeser over the given areas; 0 if organisations"
            " choose areas at random, whatever their sizes. p: share of random choices with as"
            " large a concentration."
        )
    lines += [row for text in texts for row in textwrap.wrap(text, width)]
    if found.path is not None:
        lines += ["", f"Figure: {found.path / 'figures' / 'k_density.png'}"]
        lines += [f"Table:  {found.path / 'k_density.csv'}", f"All files: {found.path}"]
    return lines


def _index_lines(found: Localisation, top: int, width: int, ascii: bool) -> list[str]:
    by, table = found.k_density.by, found.ellison_glaeser
    assert table is not None
    rows = table.sort_values(["gamma", by], ascending=[False, True]).head(top)
    rows = rows.rename(columns={by: "name"})
    columns = [
        Column("name", ("", by.capitalize()), None, ALWAYS),
        Column("plants", ("", "Sites"), whole, 6),
        Column("areas", ("", "Areas"), whole, 5),
        Column("herfindahl", ("", "H"), fixed(4), 6),
        Column("gamma", ("", "Gamma"), fixed(4), ALWAYS),
        Column("p_value", ("", "p"), fixed(3), NEEDED),
    ]
    return table_lines([filled(each, rows) for each in columns], width, ascii)
