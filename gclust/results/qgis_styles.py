"""Styles of a run's layers, in the table in which QGIS looks for them in a GeoPackage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import pandas as pd

STYLE_TABLE = "layer_styles"
FIXED_TIME = pd.Timestamp("2000-01-01", tz="UTC")


@dataclass(frozen=True)
class Style:
    """How QGIS draws a layer: one symbol, and labels from a column if wanted.

    Colours are from the palette of Okabe and Ito (2008), which the colour-blind tell apart.
    """

    description: str
    symbol: str
    layer: str
    properties: Mapping[str, str]
    label: str | None = None


STYLES = {
    "clusters": Style(
        "Footprints, with names of the clusters",
        "fill",
        "SimpleFill",
        {
            "color": "0,114,178,90",
            "style": "solid",
            "outline_color": "0,114,178,255",
            "outline_style": "solid",
            "outline_width": "0.3",
            "outline_width_unit": "MM",
        },
        label="name",
    ),
    "locations": Style(
        "Locations in clusters",
        "marker",
        "SimpleMarker",
        {
            "name": "circle",
            "color": "0,114,178,200",
            "outline_style": "no",
            "size": "0.9",
            "size_unit": "MM",
        },
    ),
    "noise": Style(
        "Locations in no cluster",
        "marker",
        "SimpleMarker",
        {
            "name": "circle",
            "color": "150,150,150,160",
            "outline_style": "no",
            "size": "0.6",
            "size_unit": "MM",
        },
    ),
    "given_areas": Style(
        "Given areas, with their names",
        "fill",
        "SimpleFill",
        {
            "color": "230,159,0,40",
            "style": "solid",
            "outline_color": "230,159,0,255",
            "outline_style": "solid",
            "outline_width": "0.4",
            "outline_width_unit": "MM",
        },
        label="name",
    ),
    "merges": Style(
        "Pairs of clusters that were merged, between their centres",
        "line",
        "SimpleLine",
        {
            "line_color": "213,94,0,255",
            "line_style": "solid",
            "line_width": "0.6",
            "line_width_unit": "MM",
        },
    ),
}


def style_table(styles: Mapping[str, Style]) -> pd.DataFrame:
    """Return the rows of ``layer_styles``: a default style for each layer."""
    return pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": list(styles),
            "f_geometry_column": "geom",
            "styleName": list(styles),
            "styleQML": [qml(style) for style in styles.values()],
            "styleSLD": "",
            "useAsDefault": True,
            "description": [style.description for style in styles.values()],
            "owner": "",
            "ui": None,
            "update_time": FIXED_TIME,
        }
    ).astype({"ui": "string"})


def qml(style: Style) -> str:
    """Return a style in the XML of QGIS 3."""
    options = "".join(
        f'<Option type="QString" name={quoteattr(name)} value={quoteattr(value)}/>'
        for name, value in style.properties.items()
    )
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.22.0" styleCategories="Symbology|Labeling"'
        f' labelsEnabled="{int(style.label is not None)}">'
        '<renderer-v2 type="singleSymbol" forceraster="0" symbollevels="0" enableorderby="0">'
        f'<symbols><symbol type="{style.symbol}" name="0" alpha="1" clip_to_extent="1"'
        ' force_rhr="0">'
        f'<layer class="{style.layer}" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{options}</Option></layer></symbol></symbols></renderer-v2>'
        f"{_labels(style.label)}</qgis>"
    )


def _labels(column: str | None) -> str:
    if column is None:
        return ""
    return (
        '<labeling type="simple"><settings calloutType="simple">'
        f'<text-style fieldName={quoteattr(column)} isExpression="0" fontSize="8"'
        ' fontSizeUnit="Point" textColor="50,50,50,255">'
        '<text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM"'
        ' bufferColor="255,255,255,255"/></text-style>'
        '<placement placement="1" priority="5"/><rendering displayAll="0"/>'
        "</settings></labeling>"
    )
