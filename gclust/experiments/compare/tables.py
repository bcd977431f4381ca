"""Tables of a comparison, assembled from its two runs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.compare.attribution import Attribution, on_steps, score_step
from gclust.experiments.compare.carried_ids import Carried
from gclust.experiments.compare.hybrid_studies import HybridStudies
from gclust.experiments.compare.result import Comparison
from gclust.experiments.compare.scenarios import ScenarioResult
from gclust.ranking.lineage import carried_ids
from gclust.results.run import Run
from gclust.units import UNIT

OF_RUN = ("cluster_id", "name", "rank", "score")
OF_RELATION = ("share_of_a", "share_of_b", "common_of_a", "common_of_b")
HALF = 0.5
"""Share of a matched cluster's weight below which the table has a note."""
TYPES = {"cluster_id": "Int64", "name": "string", "rank": "Int64", "score": "float64"}


def assemble(
    hybrids: HybridStudies,
    runs: tuple[Run, Run],
    labels: tuple[str, str],
    lineage: pd.DataFrame,
    common: tuple[float, float],
    attribution: Attribution | None,
    carried: Carried | None = None,
) -> Comparison:
    """Assemble the result of a comparison of two runs.

    Parameters
    ----------
    hybrids : HybridStudies
    runs : (Run, Run)
    labels : (str, str)
    lineage : DataFrame
        From `gclust.ranking.lineage.lineage`.
    common : (float, float)
        Share of the listings of either run that the other has too.
    attribution : Attribution, optional
        Given only if changes are decomposed.
    carried : Carried, optional
        Ids of a's clusters from an earlier comparison; their own by default.
    """
    ends = [run.ranking.set_index("cluster_id").sort_index() for run in runs]
    scores = [end["score"].to_numpy(float) for end in ends]
    step = score_step([*scores, *(attribution.scores if attribution else [])])
    carried = carried or Carried(np.arange(len(ends[0])), len(ends[0]))
    ids = carried_ids(lineage, carried.ids, len(ends[1]), carried.next_id)
    one, two = _side(ends[0], carried.ids, step), _side(ends[1], ids, step)
    table = _changes(lineage, one, two)
    factors: tuple[str, ...] = ()
    decomposition = coalitions = pd.DataFrame()
    if attribution is not None:
        factors = attribution.factors
        changes = attribution.decomposition(step).assign(missing_in=attribution.missing_in())
        changes.index = pd.Index(carried.ids[attribution.pairs["a"]], dtype="int64")
        table = table.join(changes, on="id")
        decomposition = _long(table, factors)
        coalitions = _coalitions(attribution, changes.index, table, step)
    return Comparison(
        a=hybrids.a,
        b=hybrids.b,
        labels=labels,
        factors=factors,
        differences=hybrids.differences,
        table=table,
        lineage=_lineage(lineage, one, two),
        decomposition=decomposition,
        coalitions=coalitions,
        common=common,
        next_id=max(carried.next_id, int(ids.max(initial=-1)) + 1),
        decomposed=attribution is not None,
    )


def with_common(
    lineage: pd.DataFrame, common: pd.DataFrame, ends: tuple[ScenarioResult, ScenarioResult]
) -> pd.DataFrame:
    """Add to a lineage the share of each cluster's weight that both runs have in common.

    Parameters
    ----------
    lineage : DataFrame
        From `gclust.ranking.lineage.lineage`.
    common : DataFrame
        ``a, b, weight``: weight at the same coordinates in both runs, by cluster.
    ends : (ScenarioResult, ScenarioResult)

    Returns
    -------
    DataFrame
        With ``common_of_a, common_of_b``: share of the weight of either cluster, 0 to 1.
    """
    keyed = common.astype({"a": "Int64", "b": "Int64"})
    table = lineage.merge(keyed, on=["a", "b"], how="left")
    units = table.pop("weight").fillna(0).to_numpy(np.float64)
    for side, end in zip(("a", "b"), ends, strict=True):
        total = end.locations["units"].groupby(end.clusters).sum()
        weight = table[side].map(total.astype("float64")).to_numpy(np.float64, na_value=np.nan)
        with np.errstate(invalid="ignore"):
            table[f"common_of_{side}"] = np.nan_to_num(units / weight)
    return table


def _note(row: pd.Series) -> str:
    """Return what speaks against a match: less than half of a cluster's weight is in common."""
    if pd.isna(row["share_of_a"]):
        return ""
    found = [
        f"less than half of {one}'s weight lies in {other}'s cluster"
        for one, other in (("a", "b"), ("b", "a"))
        if row[f"share_of_{one}"] < HALF
    ]
    if min(row["common_of_a"], row["common_of_b"]) < HALF:
        found.append("less than half of the listings are the same")
    return "; ".join(found)


def _side(ranking: pd.DataFrame, ids: NDArray[np.int64], step: Fraction) -> pd.DataFrame:
    """Return the clusters of a run with their ids and the columns that tables show."""
    side = ranking.reset_index()[list(OF_RUN)].astype(TYPES)
    side["score"] = on_steps(side["score"], step)
    side.insert(0, "id", ids)
    return side


def _picked(side: pd.DataFrame, at: pd.Series, columns: list[str], ending: str) -> pd.DataFrame:
    """Return the rows of a run's clusters at ``at``, with missing values where it is missing."""
    rows = side[columns].reindex(at.fillna(-1).astype("int64")).set_index(at.index)
    return rows.add_suffix(ending)


def _changes(lineage: pd.DataFrame, one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    on = lineage[lineage["continues"]]
    # A cluster that does not continue is listed with the relation that has most of its listings.
    weight = lineage["weight_of_a"] + lineage["weight_of_b"]
    heavy = lineage.loc[weight.sort_values(ascending=False, kind="stable").index]
    left = heavy[~heavy["a"].isin(on["a"]) & heavy["a"].notna()].drop_duplicates("a")
    new = heavy[~heavy["b"].isin(on["b"]) & heavy["b"].notna()].drop_duplicates("b")
    rows = pd.concat([on, left.assign(b=pd.NA), new.assign(a=pd.NA)], ignore_index=True)
    rows = rows.astype({"a": "Int64", "b": "Int64"})
    ids = _picked(one, rows["a"], ["id"], "")["id"].astype("Int64")
    table = pd.DataFrame(
        {"id": ids.fillna(_picked(two, rows["b"], ["id"], "")["id"]), "event": rows["event"]}
    ).astype({"id": "int64", "event": "string"})
    sides = [
        _picked(side, rows[which], list(OF_RUN), f"_{which}").astype(
            {f"{name}_{which}": kind for name, kind in TYPES.items()}
        )
        for which, side in (("a", one), ("b", two))
    ]
    table = pd.concat([table, *sides], axis=1)
    matched = rows["a"].notna() & rows["b"].notna()
    for name in OF_RELATION:
        table[name] = rows[name].where(matched).astype("float64")
    table["note"] = pd.Series([_note(row) for _, row in table.iterrows()], dtype="string")
    table["rank_change"] = table["rank_a"] - table["rank_b"]
    table["score_change"] = table["score_b"] - table["score_a"]
    return table.sort_values(["rank_b", "rank_a", "id"], ignore_index=True, na_position="last")


def _lineage(lineage: pd.DataFrame, one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    columns = ["id", "cluster_id", "name", "rank"]
    sides = [
        _picked(side, lineage[which], columns, f"_{which}").astype(
            {f"id_{which}": "Int64"}
            | {f"{name}_{which}": TYPES[name] for name in columns if name != "id"}
        )
        for which, side in (("a", one), ("b", two))
    ]
    weights = {side: lineage[f"weight_of_{side}"] / UNIT for side in ("a", "b")}
    relations = lineage[["event", "continues"]].assign(
        **{f"weight_of_{side}": weight for side, weight in weights.items()},
        **{name: lineage[name] for name in OF_RELATION},
    )
    return pd.concat([*sides, relations], axis=1)


def _long(table: pd.DataFrame, factors: tuple[str, ...]) -> pd.DataFrame:
    """Return the decomposition as a long table with a row for each cluster and factor."""
    tables = [
        pd.DataFrame(
            {
                "id": table["id"],
                "name": table["name_b"],
                "factor": pd.Series(factor, index=table.index, dtype="string"),
                "rank": table[f"rank_{factor}"],
                "score": table[f"score_{factor}"],
            }
        )
        for factor in factors
    ]
    if not tables:
        empty = {"id": "int64", "name": "string", "factor": "string"}
        types = {**empty, "rank": "float64", "score": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    long = pd.concat(tables).dropna(subset=["score"])
    return long.sort_index(kind="stable").reset_index(drop=True)


def _coalitions(
    attribution: Attribution, ids: pd.Index, table: pd.DataFrame, step: Fraction
) -> pd.DataFrame:
    names = table.set_index("id")["name_b"]
    tables = []
    for coalition, found in attribution.found.items():
        clusters = pd.DataFrame(
            {
                factor: pd.Series("b" if factor in coalition else "a", index=found.index)
                for factor in attribution.factors
            },
            dtype="string",
        )
        clusters["id"], clusters["name"] = ids, names.reindex(ids).to_numpy()
        clusters = clusters.assign(**found).assign(score=on_steps(found["score"], step))
        tables.append(clusters[clusters["rank"].notna()])
    return pd.concat(tables, ignore_index=True)
