"""Write every number and name of the text, as it is printed, from the files of the results."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import gclust

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "duckdb", "pyarrow", "shapely", "geopandas")
SHOWN_OF_SUM = 16


def percent(share: float, digits: int = 1) -> str:
    """Write a share of one in per cent."""
    return f"{100 * share:.{digits}f}"


def span(low: float, high: float) -> str:
    """Write a range, or one number where both ends are the same."""
    return f"{low:,g}" if low == high else f"{low:,g}–{high:,g}"


def of_run(info: dict) -> dict:
    """Return what a run read, and what of it lies in clusters, by kind."""
    years = {each["kind"]: each["years"] for each in info["resolved_study"]["sources"]}
    found = {}
    for source in info["sources"]:
        kind = source["kind"]
        records = info["counts"]["records"][kind]
        inside = source["rows"] - source["outside_years"]
        found[kind] = {
            "years": span_of_years(*years[kind]),
            "rows": f"{inside:,}",
            "total": f"{records['world']:,.0f}",
            "billions": f"{records['world'] / 1e6:.1f}",  # of thousands
            "in_clusters": percent(records["in_clusters"] / records["world"]),
            "rejected": f"{source['rejected']:,}",
            "rejected_percent": percent(source["rejected"] / inside, 2),
        }
    return found | {"clusters": str(info["clusters"])}


def span_of_years(first: int, last: int) -> str:
    """Write years without a separator of thousands."""
    return f"{first}–{last}"


def of_ranking(ranking: pd.DataFrame, info: dict) -> dict:
    """Return who leads, and by how much."""
    study = info["resolved_study"]
    first, second, third = (named(row) for _, row in ranking.head(3).iterrows())
    kinds = [each["kind"] for each in study["sources"]]
    leaders = {kind: ranking.loc[ranking[f"{kind}_rank"].idxmin(), "name"] for kind in kinds}
    score = ranking["score"]
    return {
        "eps": f"{study['clusters']['eps_km']:g}",
        "min_samples": f"{study['clusters']['min_samples']:,g}",
        "locations": f"{info['counts']['locations']['all']:,}",
        "in_clusters": f"{info['counts']['locations']['in_clusters']:,}",
        "noise_percent": percent(
            info["counts"]["locations"]["noise"] / info["counts"]["locations"]["all"]
        ),
        "first": first,
        "second": second,
        "third": third,
        "lead": f"{score.iloc[0] / score.iloc[1]:.1f}",
        "leaders": leaders,
        "last": named(ranking.iloc[-1]),
        "half": str(int((score.cumsum() < score.sum() / 2).sum()) + 1),
    }


def named(row: pd.Series) -> dict:
    """Return a cluster's name, score and shares."""
    shares = {key: f"{row[key]:.1f}" for key in row.index if key.endswith("_share")}
    return {"name": row["name"], "score": f"{row['score']:.1f}", **shares}


def of_uncertainty(table: pd.DataFrame, info: dict, study: dict, rows: int) -> dict:
    """Return how sure ranks are."""
    alone = table["rank_set_low"] == table["rank_set_high"]
    width = table["rank_set_high"] - table["rank_set_low"]
    widest = table.loc[width.head(rows).idxmax()]
    n = len(table)
    return {
        "draws": f"{info['draws']:,}",
        "level": f"{100 * info['level']:g}",
        "cv": percent(study["uncertainty"]["cv"]["research"], 0),
        "alone": str(int(alone.sum())),
        "leading": str(int(alone.astype(int).cumprod().sum())),
        "pairs": str(n * (n - 1) // 2),
        "open_pairs": str(info["pairs_not_told_apart"]),
        "open_percent": percent(2 * info["pairs_not_told_apart"] / n / (n - 1)),
        "widest": {
            "name": widest["name"],
            "rank": str(widest["rank"]),
            "set": span(widest["rank_set_low"], widest["rank_set_high"]),
        },
        "width_first": f"{width.head(rows).mean() + 1:.1f}",
        "width_rest": f"{width.iloc[rows:].mean() + 1:.1f}",
    }


def of_sweep(sweep: gclust.Sweep, ranking: pd.DataFrame, drawn: pd.DataFrame, rows: int) -> dict:
    """Return how much the result depends on the parameters."""
    table, (eps, least) = sweep.table, sweep.baseline
    same = (table["eps_km"] == eps) & (table["min_samples"] == least)
    others = table[~same]
    counts = {
        "clusters": table,
        "clusters_by_eps": table[table["min_samples"] == least],
        "clusters_by_min_samples": table[table["eps_km"] == eps],
    }
    shown = ranking.head(rows)
    ranks = [ranks_of(sweep, key) for key in shown["cluster_id"]]
    frail = min(range(len(ranks)), key=lambda i: len(ranks[i]))
    firm = [len(each) == len(table) and each.max() <= rows for each in ranks]
    sets = shown.merge(drawn, on="cluster_id")
    widths = sets["rank_set_high"] - sets["rank_set_low"]
    wider = [each.max() - each.min() > width for each, width in zip(ranks, widths, strict=True)]
    largest = sweep.plateaus.iloc[0] if len(sweep.plateaus) else None
    return {
        "pairs": str(len(table)),
        "eps": span(table["eps_km"].min(), table["eps_km"].max()),
        "min_samples": span(table["min_samples"].min(), table["min_samples"].max()),
        **{key: span(t["n_clusters"].min(), t["n_clusters"].max()) for key, t in counts.items()},
        "ari": f"{others['ari'].min():.2f}–{others['ari'].max():.2f}",
        "jaccard": f"{others['jaccard'].min():.2f}–{others['jaccard'].max():.2f}",
        "clustered": f"{percent(table['clustered_share'].min(), 0)}–"
        f"{percent(table['clustered_share'].max(), 0)}",
        "first_first": str(int((ranks[0] == 1).sum())),
        "firm": str(sum(firm)),
        "wider": str(sum(wider)),
        "frail": {"name": shown["name"].iloc[frail], "found": str(len(ranks[frail]))},
        "plateaus": str(len(sweep.plateaus)),
        "on_plateau": bool(table.loc[same, "plateau"].iloc[0]),
        "largest": None
        if largest is None
        else {
            "pairs": str(largest["pairs"]),
            "clusters": span(largest["least_clusters"], largest["most_clusters"]),
            "ari": f"{largest['least_ari']:.2f}",
            "eps": span(largest["least_eps_km"], largest["most_eps_km"]),
            "min_samples": span(largest["least_min_samples"], largest["most_min_samples"]),
        },
    }


def ranks_of(sweep: gclust.Sweep, cluster_id: int) -> pd.Series:
    """Return the ranks of a cluster for the pairs of parameters that find it."""
    return sweep.rank_of(cluster_id).melt()["value"].dropna()


def of_comparison(found: gclust.Comparison, info: dict, rows: int) -> dict:
    """Return what has changed since the earlier period, and why."""
    table = found.table
    both = table[table["rank_change"].notna()]
    kept = both[(both["rank_b"] <= rows) & (both["event"] == "kept")].sort_values("rank_b")
    events = {key: str(info["events"].get(key, 0)) for key in ("kept", "merged", "split")}
    events |= {key: str(info["events"].get(key, 0)) for key in ("born", "gone")}
    new = (table["event"] == "born") & (table["rank_b"] <= rows)
    return {
        **events,
        "matched": str(len(both)),
        "same_rank": str(int((both["rank_change"] == 0).sum())),
        "new_among_first": str(int(new.sum())),
        "by_data": f"{both['rank_data'].abs().mean():.1f}",
        "by_kinds": f"{both['rank_kinds'].abs().mean():.1f}",
        "common": percent(info["common_share_of_b"], 0),
        "up": change(kept, kept["rank_change"].max()),
        "down": change(kept, kept["rank_change"].min()),
    }


def changes(found: gclust.Comparison, rows: int) -> list[list[str]]:
    """Return the table of the ranks that the first clusters had and have, and why."""
    both = found.table[found.table["rank_change"].notna() & (found.table["rank_b"] <= rows)]
    return [
        [
            row["name_b"],
            *(f"{row[key]:g}" for key in ("rank_a", "rank_b")),
            *(signed(row[key]) for key in ("rank_data", "rank_kinds")),
        ]
        for _, row in both.sort_values("rank_b").iterrows()
    ]


def change(shown: pd.DataFrame, by: float) -> dict | None:
    """Return the first cluster whose rank has changed by so much; none for no change."""
    if not by:
        return None
    row = shown[shown["rank_change"] == by].iloc[0]
    return {
        "name": row["name_b"],
        "was": f"{row['rank_a']:g}",
        "now": f"{row['rank_b']:g}",
        "by_data": signed(row["rank_data"]),
        "by_kinds": signed(row["rank_kinds"]),
    }


def signed(places: float) -> str:
    """Write places of a ranking with their sign."""
    return f"{places:+g}".replace("-", "−") if places else "0"


def table_rows(results: Path, sweep: gclust.Sweep, rows: int) -> list[list[str]]:
    """Return the table of the first clusters."""
    ranking = pd.read_csv(results / "later" / "ranking.csv").head(rows)
    sets = pd.read_csv(results / "uncertainty" / "uncertainty.csv").set_index("cluster_id")
    lines = []
    for _, row in ranking.iterrows():
        key = row["cluster_id"]
        drawn = sets.loc[key]
        lines.append(
            [
                f"{row['rank']}",
                row["name"],
                *(f"{row[f'{kind}_share']:.1f}" for kind in ("patent", "research", "deal")),
                f"{row['score']:.1f}",
                f"{drawn['score_low']:.1f}–{drawn['score_high']:.1f}",
                span(drawn["rank_set_low"], drawn["rank_set_high"]),
                ranks_in_sweep(sweep, key),
            ]
        )
    return lines


def ranks_in_sweep(sweep: gclust.Sweep, key: int) -> str:
    """Return the best and the worst rank over all pairs, and how many find the cluster."""
    ranks = ranks_of(sweep, key)
    every = f" ({len(ranks)})" if len(ranks) < len(sweep.table) else ""
    return span(ranks.min(), ranks.max()) + every


def of_record(later: dict, sources: list[dict], files: int) -> dict:
    """Return what is needed to compute all of it again."""
    libraries = {name: later["libraries"][name] for name in LIBRARIES}
    tools = {name: version(name) for name in ("snakemake", "typst")}
    versions = {"gclust": later["gclust"], "Python": later["execution"]["python"]}
    ranking = later["outputs"]["ranking.csv"]["sha256"]
    sums = [[each["name"], each["sha256"]] for each in sources] + [["ranking.csv", ranking]]
    return {
        "files": str(files),
        "versions": [list(each) for each in (versions | libraries | tools).items()],
        "sums": [[name, f"{digest[:SHOWN_OF_SUM]}…"] for name, digest in sums],
        "shown": str(SHOWN_OF_SUM),
    }


def read(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(results: Path, sources: list[dict], rows: int) -> dict:
    """Return all numbers of the text."""
    later, earlier = (read(results / name / "run.json") for name in ("later", "earlier"))
    ranking = pd.read_csv(results / "later" / "ranking.csv")
    sweep = gclust.read_sweep(results / "sweep")
    drawn = pd.read_csv(results / "uncertainty" / "uncertainty.csv")
    folder = results / "comparison"
    compared = gclust.read_comparison(folder)
    ratio = {
        kind: later["counts"]["records"][kind]["world"] / each["world"]
        for kind, each in earlier["counts"]["records"].items()
    }
    return {
        "rows": str(rows),
        "later": of_run(later),
        "earlier": of_run(earlier),
        "growth": {kind: f"{each:.2f}" for kind, each in ratio.items()},
        **of_ranking(ranking, later),
        "uncertainty": of_uncertainty(
            drawn,
            read(results / "uncertainty" / "uncertainty.json"),
            later["resolved_study"] | study_sections(results / "uncertainty.toml"),
            rows,
        ),
        "sweep": of_sweep(sweep, ranking, drawn, rows),
        "comparison": of_comparison(compared, read(folder / "comparison.json"), rows),
        "changes": changes(compared, rows),
        "table": table_rows(results, sweep, rows),
        "record": of_record(later, sources, read(results / "verified.json")["files"]),
    }


def study_sections(path: Path) -> dict:
    """Read the sections of a study."""
    import tomllib

    return tomllib.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    folder, sources, rows, out = sys.argv[1:]
    found = numbers(Path(folder), read(Path(sources)), int(rows))
    Path(out).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
