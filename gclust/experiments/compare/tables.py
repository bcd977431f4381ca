"""The tables of a comparison."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.compare.attribution import Attribution, on_steps, score_step
from gclust.experiments.compare.carried_ids import Carried
from gclust.experiments.compare.mixtures import HybridStudies
from gclust.experiments.compare.result import Comparison
from gclust.ranking.lineage import carried_ids
from gclust.results.run import Run

OF_RUN = ("cluster_id", "name", "rank", "score")
TYPES = {"cluster_id": "Int64", "name": "string", "rank": "Int64", "score": "float64"}


def assemble(
    between: HybridStudies,
    runs: tuple[Run, Run],
    labels: tuple[str, str],
    traced: pd.DataFrame,
    common: tuple[float, float],
    followed: Attribution | None,
    carried: Carried | None = None,
) -> Comparison:
    """Put together what a comparison shows; see `Comparison`.

    Parameters
    ----------
    between : Between
    runs : (Run, Run)
    labels : (str, str)
    traced : DataFrame
        From `gclust.ranking.lineage.lineage`.
    common : (float, float)
        Share of the listings of either that the other has too.
    followed : Followed, optional
        If changes are decomposed.
    carried : Carried, optional
        Ids that a's clusters carry from an earlier comparison; their own by default.
    """
    ends = [run.ranking.set_index("cluster_id").sort_index() for run in runs]
    scores = [end["score"].to_numpy(float) for end in ends]
    step = score_step([*scores, *(followed.scores if followed else [])])
    carried = carried or Carried(np.arange(len(ends[0])), len(ends[0]))
    ids = carried_ids(traced, carried.ids, len(ends[1]), carried.next_id)
    one, two = _side(ends[0], carried.ids, step), _side(ends[1], ids, step)
    table = _changes(traced, one, two)
    factors: tuple[str, ...] = ()
    decomposition = coalitions = pd.DataFrame()
    if followed is not None:
        factors = followed.factors
        parts = followed.parts(step).assign(missing_in=followed.missing_in())
        parts.index = pd.Index(carried.ids[followed.pairs["a"]], dtype="int64")
        table = table.join(parts, on="id")
        decomposition = _long(table, factors)
        coalitions = _coalitions(followed, parts.index, table, step)
    return Comparison(
        a=between.a,
        b=between.b,
        labels=labels,
        factors=factors,
        differences=between.differences,
        table=table,
        lineage=_lineage(traced, one, two),
        decomposition=decomposition,
        coalitions=coalitions,
        common=common,
        next_id=max(carried.next_id, int(ids.max(initial=-1)) + 1),
        decomposed=followed is not None,
    )


def _side(ranking: pd.DataFrame, ids: NDArray[np.int64], step: Fraction) -> pd.DataFrame:
    """A run's clusters, in the order of their ids: what tables tell of each."""
    side = ranking.reset_index()[list(OF_RUN)].astype(TYPES)
    side["score"] = on_steps(side["score"], step)
    side.insert(0, "id", ids)
    return side


def _picked(side: pd.DataFrame, at: pd.Series, columns: list[str], ending: str) -> pd.DataFrame:
    """Rows of a side, missing ones where ``at`` is missing."""
    rows = side[columns].reindex(at.fillna(-1).astype("int64")).set_index(at.index)
    return rows.add_suffix(ending)


def _changes(traced: pd.DataFrame, one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    on = traced[traced["continues"]]
    # What does not continue is told by the relation in which it has most of its listings.
    heavy = traced.sort_values("weight", ascending=False, kind="stable")
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
    table["rank_change"] = table["rank_a"] - table["rank_b"]
    table["score_change"] = table["score_b"] - table["score_a"]
    return table.sort_values(["rank_b", "rank_a", "id"], ignore_index=True, na_position="last")


def _lineage(traced: pd.DataFrame, one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    columns = ["id", "cluster_id", "name", "rank"]
    sides = [
        _picked(side, traced[which], columns, f"_{which}").astype(
            {f"id_{which}": "Int64"}
            | {f"{name}_{which}": TYPES[name] for name in columns if name != "id"}
        )
        for which, side in (("a", one), ("b", two))
    ]
    told = traced[["event", "continues", "weight", "share_of_a", "share_of_b"]]
    return pd.concat([*sides, told], axis=1)


def _long(table: pd.DataFrame, factors: tuple[str, ...]) -> pd.DataFrame:
    """The parts with a row for each cluster and factor."""
    parts = [
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
    if not parts:
        empty = {"id": "int64", "name": "string", "factor": "string"}
        types = {**empty, "rank": "float64", "score": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    long = pd.concat(parts).dropna(subset=["score"])
    return long.sort_index(kind="stable").reset_index(drop=True)


def _coalitions(
    followed: Attribution, ids: pd.Index, table: pd.DataFrame, step: Fraction
) -> pd.DataFrame:
    names = table.set_index("id")["name_b"]
    rows = []
    for coalition, found in followed.found.items():
        part = pd.DataFrame(
            {
                factor: pd.Series("b" if factor in coalition else "a", index=found.index)
                for factor in followed.factors
            },
            dtype="string",
        )
        part["id"], part["name"] = ids, names.reindex(ids).to_numpy()
        part = part.assign(**found).assign(score=on_steps(found["score"], step))
        rows.append(part[part["rank"].notna()])
    return pd.concat(rows, ignore_index=True)
