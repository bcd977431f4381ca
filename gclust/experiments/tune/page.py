"""The tuner's page in a browser window: controls, map, ranking and heat maps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, CategoricalSlider, Div, GlobalInlineStyleSheet, RadioButtonGroup

from gclust.errors import StudyError
from gclust.experiments.sweep.plateaus import named
from gclust.experiments.tune.heatmaps import HeatMaps
from gclust.experiments.tune.map_view import MapView
from gclust.experiments.tune.outcome import Outcome, ParameterSet
from gclust.experiments.tune.session import Session
from gclust.experiments.tune.table import RankingTable
from gclust.experiments.tune.worker import Worker
from gclust.experiments.tune.write_study import write_study

RULES = ("mutual", "one-sided", "none")
TIES = ("fractional", "pairs")
STYLE = """
body { margin: 0; background: #fff; color: #1a1a1a; font: 14px/1.4 system-ui, sans-serif; }
.tune-frame { max-width: 1500px; margin: 0 auto; padding: 10px 14px; box-sizing: border-box; }
"""
SIDE = """
:host { position: sticky; top: 10px; align-self: flex-start; width: 270px; flex: none; }
@media (max-width: 999px) {
  :host { position: static; width: 100%; display: grid; gap: 4px 28px; align-items: start;
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  div:first-of-type, div:last-of-type { grid-column: 1 / -1; }
}
@media (max-width: 599px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
FRAME = """
:host { gap: 22px; width: 100%; }
@media (max-width: 999px) { :host { flex-direction: column; } }
"""
MAIN = """
:host { flex: 1 1 0; min-width: 0; gap: 6px; }
@media (max-width: 999px) { :host { width: 100%; flex: none; } }
"""


class Page:
    """The tuner's page in one browser window; ``path`` is the file of the study."""

    def __init__(self, document: Document, session: Session, worker: Worker, path: Path) -> None:
        self._document, self._session, self._worker, self._path = document, session, worker, path
        self.parameters = session.own
        self._refreshing = False
        self._setting = False
        self._map = MapView(session.square_km)
        self._table = RankingTable(session.kinds, session.columns.further)
        self._heat = HeatMaps(session.pairs, self._set_pair)
        text_box = partial(Div, sizing_mode="stretch_width")
        self._busy, self._figures = text_box(name="busy"), text_box(name="figures")
        self._written = text_box(name="written", styles={"overflow-wrap": "anywhere"})
        self._requested = time.monotonic()
        self._controls()
        title = session.study.heading
        document.title = f"{title} · gclust tune"
        document.add_root(self._layout(title))
        self._request()
        self.refresh()

    def refresh_soon(self) -> None:
        """Schedule a refresh of the heat maps; any thread may call this."""
        if not self._refreshing:
            self._refreshing = True
            self._document.add_next_tick_callback(self.refresh)

    def refresh(self) -> None:
        """Show all statistics that are known so far in the heat maps."""
        self._refreshing = False
        pairs = self._session.pairs
        known = {pair: self._session.known_figures(self.parameters.at(pair)) for pair in pairs}
        self._heat.show(known, self.parameters.pair)

    def _controls(self) -> None:
        session, own = self._session, self._session.own
        # A list can be chosen where the study has one.
        self._rules = (*RULES, "list") if own.rule == "list" else RULES
        wide = {"sizing_mode": "stretch_width"}
        sliders = {
            "eps_km": session.pairs.eps_km,
            "min_samples": session.pairs.min_samples,
            "max_gap_km": session.gaps_km,
        }
        self._values = list(sliders.values())
        self._sliders = [
            CategoricalSlider(
                name=name,
                title="max_gap_km of merging" if name == "max_gap_km" else name,
                categories=[text(each) for each in values],
                value=text(getattr(own, name)),
                bar_color="#2f6f8f",
                **wide,
            )
            for name, values in sliders.items()
        ]
        self._groups = [
            RadioButtonGroup(
                name=name, labels=list(labels), active=labels.index(getattr(own, name)), **wide
            )
            for name, labels in (("rule", self._rules), ("ties", TIES))
        ]
        for slider in self._sliders:
            slider.on_change("value", self._changed)
        for group in self._groups:
            group.on_change("active", self._changed)
        self._back = Button(label="Back to the study", name="back", **wide)
        self._back.on_click(lambda: self._set(own))
        label = f"Write {self._path.name}"
        self._write = Button(label=label, button_type="primary", name="write", **wide)
        self._write.on_click(self._write_study)

    def _layout(self, title: str) -> Any:
        own = self._session.own
        head = (
            f"<b style='font-size:17px'>{escape(title)}</b><br>"
            f"<span style='color:#555'>The study: {escape(parameters_text(own))}.</span>"
        )
        captioned = partial(column, sizing_mode="stretch_width", margin=0)
        side = column(
            captioned(Div(text=head, sizing_mode="stretch_width")),
            captioned(*self._sliders[:2]),
            captioned(self._sliders[2], caption("Merging"), self._groups[0]),
            captioned(caption("Ties of records"), self._groups[1]),
            captioned(row(self._back, self._write, sizing_mode="stretch_width"), self._written),
            captioned(self._busy, self._figures),
            stylesheets=[SIDE],
        )
        main = column(
            self._map.figure,
            self._map.legend,
            *self._table.models,
            self._heat.layout,
            stylesheets=[MAIN],
        )
        frame = row(side, main, stylesheets=[GlobalInlineStyleSheet(css=STYLE), FRAME])
        frame.css_classes = ["tune-frame"]
        return frame

    def _changed(self, attr: str, old: Any, new: Any) -> None:  # noqa: ARG002
        if self._setting:
            return
        self.parameters = ParameterSet(
            *(
                values[slider.categories.index(slider.value)]
                for slider, values in zip(self._sliders, self._values, strict=True)
            ),
            *(group.labels[group.active] for group in self._groups),
        )
        self._request()
        self.refresh()

    def _set_pair(self, pair: tuple[float, float]) -> None:
        self._set(self.parameters.at(pair))

    def _set(self, parameters: ParameterSet) -> None:
        """Set all controls to a parameter set, and request its outcome once."""
        self._setting = True
        *numbers, rule, ties = astuple(parameters)
        try:
            for slider, value in zip(self._sliders, numbers, strict=True):
                slider.value = text(value)
            for group, label in zip(self._groups, (rule, ties), strict=True):
                group.active = group.labels.index(label)
        finally:
            self._setting = False
        self._changed("", None, None)

    def _request(self) -> None:
        self._requested = time.monotonic()
        self._busy.text = "Computing …"
        self._worker.request(self, self.parameters, self._deliver)

    def _deliver(self, found: Outcome | Exception) -> None:
        show: Callable[[], None] = partial(self._show, found)
        self._document.add_next_tick_callback(show)

    def _show(self, found: Outcome | Exception) -> None:
        if isinstance(found, Exception):
            self._busy.text = problem(str(found))
            return
        if found.parameters != self.parameters:
            return
        self._map.show(found)
        self._table.show(found, self._session.study.study.top)
        self._figures.text = figures_html(found, self._session.own_figures)
        took = time.monotonic() - self._requested
        if found.pending:
            self._busy.text = pending_html(found.pending)
            return
        self._busy.text = f"<span style='color:#666'>Shown in {took:.2f} s</span>"

    def _write_study(self) -> None:
        try:
            path = write_study(self._session.study, self.parameters, self._path)
        except (StudyError, OSError) as error:
            self._written.text = problem(f"Not written: {error}")
            return
        self._written.text = f"Written: <code>{escape(str(path))}</code>"


def text(value: float) -> str:
    """Return a value as the text that sliders show."""
    return f"{value:.12g}"


def caption(words: str) -> Div:
    """Return the caption of a group of buttons."""
    return Div(text=words, margin=(8, 5, 0, 5))


def problem(words: str) -> str:
    """Return a message about a problem, as HTML."""
    return f"<span style='color:#a3262a'>{escape(words)}</span>"


def pending_html(columns: tuple[str, ...]) -> str:
    """Return a message about the score's columns that are being computed, as HTML."""
    return (
        f"<b>Computing the score …</b><br><span style='color:#666'>Its columns:"
        f" {escape(', '.join(columns))}. Until then clusters are in the order of the sum of"
        " their shares.</span>"
    )


def parameters_text(parameters: ParameterSet) -> str:
    """Return a parameter set in words."""
    merging = "no merging"
    if parameters.rule == "list":
        merging = f"merging by a list ({parameters.ties} ties)"
    elif parameters.rule != "none":
        gap_km, ties = text(parameters.max_gap_km), parameters.ties
        merging = f"{parameters.rule} merging up to {gap_km} km ({ties} ties)"
    return f"{named(*parameters.pair)}, {merging}"


def figures_html(outcome: Outcome, own: dict[str, float]) -> str:
    """Return the statistics of an outcome and of the study's own clusters, as an HTML table."""
    figures = outcome.merged.figures
    lines = (
        ("", "now", "study"),
        ("Clusters", *(f"{f['n_clusters']:.0f}" for f in (figures, own))),
        ("before merging", *(f"{f['clusters_before_merging']:.0f}" for f in (figures, own))),
        ("Weight in clusters", *(f"{f['clustered_share']:.1%}" for f in (figures, own))),
        ("in the largest", *(f"{f['largest_share']:.1%}" for f in (figures, own))),
        ("Rand index (adjusted)", f"{figures['ari']:.3f}", ""),
    )
    cells = "".join(
        f"<tr><td>{name}</td><td style='text-align:right;padding:0 12px'><b>{now}</b></td>"
        f"<td style='text-align:right;color:#666'>{then}</td></tr>"
        for name, now, then in lines
    )
    diagnostics = outcome.merged.diagnostics
    warning = problem(f"Diagnostics: {diagnostics}") if diagnostics else ""
    return f"<table>{cells}</table>{warning}"
