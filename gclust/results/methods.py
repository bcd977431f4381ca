"""The methods paragraph of a run, in Markdown and LaTeX, with the works that it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gclust.escapes import cell
from gclust.indicators.registry import OWN
from gclust.plurals import counted
from gclust.ranking.score_in_words import listed, score_in_words
from gclust.results.references import bibtex
from gclust.study.indicators import resolve_indicators
from gclust.study.sections import place_text

CITED = re.compile("⟦([a-z0-9]+)⟧")
LATEX = {
    "\\": r"\textbackslash{}",
    **{each: f"\\{each}" for each in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|@$~])")


@dataclass(frozen=True)
class Methods:
    """What was done, in sentences.

    Attributes
    ----------
    sentences : tuple of str
        Plain text, with marks ``⟦key⟧`` where works are cited.
    version : str
        The version of gclust that made the run.
    """

    sentences: tuple[str, ...]
    version: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the cited works but gclust, in the order of their first citation."""
        found = dict.fromkeys(CITED.findall(" ".join(self.sentences)))
        return tuple(key for key in found if key != "gclust")

    @property
    def text(self) -> str:
        """The paragraph without citations."""
        return re.sub(f" ?{CITED.pattern}", "", " ".join(self.sentences))

    @property
    def markdown(self) -> str:
        """The paragraph in Markdown, with Pandoc's citations."""
        return CITED.sub(r"[@\1]", MARKDOWN.sub(r"\\\1", " ".join(self.sentences)))

    @property
    def latex(self) -> str:
        """The paragraph in LaTeX, with commands of citation."""
        return CITED.sub(r"\\cite{\1}", latex(" ".join(self.sentences)))

    @property
    def bibtex(self) -> str:
        """The cited works as BibTeX."""
        return bibtex(self.keys, self.version)

    @property
    def page(self) -> str:
        """All of it for the terminal: Markdown, LaTeX and BibTeX."""
        parts = (("Markdown", self.markdown), ("LaTeX", self.latex), ("BibTeX", self.bibtex))
        return "\n\n".join(f"{name}\n{'-' * len(name)}\n{body}" for name, body in parts)


def latex(text: object) -> str:
    """Return a text for LaTeX, on one line, with its special characters escaped."""
    return "".join(LATEX.get(each, each) for each in cell(text))


def methods(run: Any, *, uncertainty: Any = None, comparison: Any = None) -> Methods:
    """Say what a run did, and the experiments on it, if they are given."""
    study = run.study
    sentences = [
        *_data(run),
        *_formation(run),
        *_counting(run),
        *_footprints(study),
        *_uncertainty(uncertainty),
        *_comparison(comparison),
    ]
    version = str(run.info["gclust"])
    by = f"All computations were done with gclust {version} ⟦gclust⟧."
    return Methods((*sentences, by), version)


def _user(text: object) -> str:
    """Return a text of the user's without the marks of citations."""
    return cell(text).replace("⟦", "[").replace("⟧", "]")


def _listed(names: Any) -> str:
    return _user(listed([*names]))


def _data(run: Any) -> Iterator[str]:
    used = [
        f"{each['used']:,} of {counted(each['rows'], _user(each['kind']) + ' row')}"
        for each in run.info["sources"]
    ]
    years = {source.years for source in run.study.sources if source.years is not None}
    period = ""
    if len(years) == 1 and all(source.years is not None for source in run.study.sources):
        first, last = years.pop()
        period = f" of {first}–{last}" if first != last else f" of {first}"
    yield f"We used geocoded listings{period}: {_listed(used)}."
    if outside := sum(each["outside_years"] for each in run.info["sources"]):
        yield f"{counted(outside, 'row lies', 'rows lie')} outside the years."
    if rejected := run.info["rejected"]:
        reasons = run.rejects["reason"].value_counts()
        why = min(reasons.index[reasons == reasons.max()], default=None)
        often = "all" if len(reasons) == 1 and reasons.iloc[0] == rejected else "most often"
        yield f"{counted(rejected, 'row')} could not be used" + (
            f" ({often}: {_user(why)})." if why is not None else "."
        )
    yield f"They lie at {counted(len(run.locations), 'location')}."


def _formation(run: Any) -> Iterator[str]:
    """Yield what formed the clusters, how, and how they were merged."""
    study, options = run.study, run.study.clusters.formed_on
    if options is not None and options.run is not None:
        earlier = run.info["formed_on"]
        yield (
            f"Clusters are those of an earlier run, formed from listings of"
            f" {_user(earlier['boundary_kinds'])} ({_user(earlier['boundary_years'])}); our"
            " listings were counted within these boundaries and did not form them. They had been"
            " formed as follows."
        )
    else:
        yield _density(study)
    if options is not None and options.years is not None:
        yield (
            "Only listings of the years {} to {} formed clusters; those of all years were counted"
            " within these boundaries.".format(*options.years)
        )
    if options is not None and options.half is not None:
        yield (
            f"Only a random half of the records of {_listed(study.density_kinds)} formed clusters"
            f" (drawn by the SHA-256 of seed {options.half}, kind and id), and all other records"
            " were counted within these boundaries ⟦neufeld2024⟧."
        )
    yield _clusters(study.clusters)
    if options is not None and options.run is not None:
        yield _merging(study.merge)
    else:
        yield from _merged(run)


def _merged(run: Any) -> Iterator[str]:
    """Yield how clusters were merged, and how many, if any could be."""
    rule = run.study.merge.rule
    has_records = any(each["used"] > each["without_record"] for each in run.info["sources"])
    if rule not in ("list", "none") and not has_records:
        yield "Clusters were not merged, for the listings have no records and hence no ties."
        return
    yield _merging(run.study.merge)
    before, after = run.info["clusters_before_merging"], run.info["clusters"]
    if rule != "none":
        yield (
            f"{counted(before, 'cluster')} became {after:,}." if after < before else "None merged."
        )


def _density(study: Any) -> str:
    weight = {
        "listings": "each with its own weight",
        "fractional": "each with its part of its record",
        "equal": "weighted so that all kinds have the same total",
    }[study.density.weight]
    return f"Clusters were formed from listings of {_listed(study.density_kinds)}, {weight}."


def _clusters(options: Any) -> str:
    metric = {
        "haversine": "great-circle distances on a sphere of 6371.0088 km",
        "wgs84": "geodesic distances on the WGS 84 ellipsoid",
    }[options.metric]
    if options.method == "dbscan":
        border = {
            "nearest": "border locations joined their nearest core location",
            "first": "border locations joined the first cluster within reach",
            "noise": "border locations were treated as noise ⟦campello2013⟧",
        }[options.border]
        return (
            f"Density clusters were found by DBSCAN ⟦ester1996⟧ with a radius of"
            f" {options.eps_km:g} km and a least weight of {options.min_samples:,g} within it, by"
            f" {metric}; {border}."
        )
    if options.method == "hdbscan":
        least = options.min_samples or options.min_cluster_size
        how = {"eom": "excess of mass", "leaf": "leaves"}[options.selection]
        more = ""
        if options.selection_eps_km:
            more = f" above {options.selection_eps_km:g} km ⟦malzer2020⟧"
        return (
            f"Density clusters were found by HDBSCAN ⟦campello2013⟧ with a least weight of"
            f" {options.min_cluster_size:,g}, core distances of weight {least:,g}, and selection by"
            f" {how}{more}, by {metric}."
        )
    where = "at the level of the threshold spread over a disc of two standard deviations"
    if options.level is not None:
        where = f"at {options.level:g} per km2"
    elif options.share is not None:
        where = f"that hold {100 * options.share:g} per cent of the weight ⟦hyndman1996⟧"
    kernel = {"gaussian": "Gaussian", "epanechnikov": "Epanechnikov"}[options.kernel]
    return (
        f"Clusters are the contours ⟦alcacer2016⟧ of a kernel density ⟦silverman1986⟧ ({kernel},"
        f" bandwidth {options.bandwidth_km:g} km) {where}, with a weight of at least"
        f" {options.threshold:,g}."
    )


def _merging(options: Any) -> str:
    if options.rule == "none":
        return "Clusters were not merged."
    if options.rule == "list":
        pairs = [f"{place_text(a)} with {place_text(b)}" for a, b in options.pairs]
        return f"Clusters were merged by a list of places: {_listed(pairs)}."
    ties = {
        "fractional": "records in common, counted fractionally",
        "pairs": "pairs of listings of one record",
    }[options.ties]
    who = {
        "mutual": "each had stronger ties with the other than with any third",
        "one-sided": "one had stronger ties with the other than with any third",
    }[options.rule]
    noise = ", all noise counting as one more" if options.noise_partner else ""
    return (
        f"Clusters with a gap of at most {options.max_gap_km:g} km were merged in rounds if {who}"
        f"{noise}; ties are {ties}."
    )


def _counting(run: Any) -> Iterator[str]:
    study = run.study
    how = {
        "fractional": "divided among the places of their listings",
        "whole": "counted once in each cluster where they have a listing",
    }[study.counting.method]
    kept = {"drop": "left out", "keep": "counted in the world's totals"}[study.counting.unlocated]
    yield f"Records were {how}; listings without a place that can be used were {kept}."
    if study.normalises:
        weighed = " weighed by citations and" if study.counting.weight == "citations" else ""
        yield (
            f"Counts of {_listed(study.normalised_kinds)} were{weighed} normalised: each field of"
            " each year has the same total ⟦waltman2015⟧."
        )
    if study.counting.totals:
        yield f"The world's totals of {_listed(study.counting.totals)} were given."
    columns = study.score.of or [f"the share of {kind}" for kind in study.kinds]
    yield f"Clusters were ranked by {_user(score_in_words(columns, study.score))}."
    for resolved in resolve_indicators(study.indicators):
        indicator, about = resolved.indicator, resolved.indicator.about
        more = {"source": about.source}
        if indicator.origin != OWN:  # those of gclust are in its documentation
            more = {"formula": about.formula, **more}
        given = "; ".join(f"{key}: {_user(value)}" for key, value in more.items() if value)
        summary = _user(indicator.summary.rstrip(".") or f"an indicator of {indicator.origin}")
        yield f"{_user(resolved.entry.heading)}: {summary}" + (f" ({given})." if given else ".")
    yield (
        f"They are named after at most {study.names.most} of their heaviest cities ⟦geonames⟧,"
        f" each with at least {100 * study.names.least_share:g} per cent of their weight."
    )


def _footprints(study: Any) -> Iterator[str]:
    sizes, method = study.sizes(study.footprint), study.footprint.method
    of = {"members": "all locations", "cores": "the core locations"}[study.footprint.of]
    concave = f"with edges up to {sizes['edge_km']:g} km"
    if sizes["ratio"] is not None:
        concave = f"with a ratio of {sizes['ratio']:g}"
    yield {
        "discs": f"Footprints join discs of {sizes['radius_km']:.4g} km round {of}.",
        "concave": f"Footprints are concave hulls of {of} {concave}.",
        "convex": f"Footprints are convex hulls of {of}.",
        "alpha": (
            f"Footprints are alpha shapes ⟦edelsbrunner1983⟧ of {of} with a radius of"
            f" {sizes['alpha_km']:.4g} km."
        ),
        "cells": (
            f"Footprints are the cells of {sizes['cell_km']:.4g} km of an equal-area grid that"
            f" hold {of}."
        ),
        "raster": f"Footprints are the cells of the population raster that hold {of}.",
        "contour": "Footprints are the contours.",
    }[method]
    if study.population.raster is not None:
        yield (
            "Inhabitants are those of the raster's cells, by the part of each cell inside the"
            " footprint; intensities are per million of them."
        )


def _uncertainty(found: Any) -> Iterator[str]:
    if found is None:
        return
    given = f" {found.assumption}" if found.assumption else ""
    yield (
        f"The uncertainty of ranks was measured by {_user(found.draws_in_words)}; rank sets hold"
        " the true ranks of these clusters jointly with probability"
        f" {found.study.uncertainty.level:g}{given} ⟦mogstad2024⟧."
    )
    yield _user(found.superpopulation)


def _comparison(found: Any) -> Iterator[str]:
    if found is None:
        return
    yield f"{_user(found.labels[0])} and {_user(found.labels[1])} were compared by place."
    if found.decomposed and found.factors:
        yield (
            f"Changes were decomposed into contributions of {_listed(found.factors)} by Shapley"
            " values ⟦shapley1953⟧."
        )
