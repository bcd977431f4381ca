"""Examples of public names whose docstrings have none; `tests/test_site.py` runs them.

``study`` is `gclust.datasets.example_study()`, ``run`` a run of it.
"""

from __future__ import annotations

OF_SECTION = """
>>> import gclust
>>> gclust.{name}({given}).{key}
{shown}
"""
SECTIONS = {
    "Density": ('kinds=["patent"]', "kinds", "('patent',)"),
    "Clusters": ("eps_km=10, min_samples=500", "eps_km", "10.0"),
    "HierarchyClusters": ("min_cluster_size=500", "selection", "'eom'"),
    "ContourClusters": ("bandwidth_km=5", "kernel", "'gaussian'"),
    "Merge": ('rule="one-sided"', "max_gap_km", "5.0"),
    "Footprint": ('method="concave", edge_km=8', "edge_km", "8.0"),
    "Names": ("most=2", "least_share", "0.1"),
    "Counting": ('method="whole"', "unlocated", "'drop'"),
    "Score": ('combine="geometric"', "combine", "'geometric'"),
    "Population": ('raster="ghs_pop.tif"', "unit", "'count'"),
    "Members": ("on=True", "least_share", "0.05"),
    "Intensity": ("usual=True", "wanted", "True"),
    "Places": ('given="metros.gpkg", name="eFUA_name"', "name", "'eFUA_name'"),
    "Outputs": ("panel=True, ties=True", "crosswalks", "('panel', 'ties')"),
}
OF_PLOT = """
>>> import gclust
>>> axes = gclust.plot.{name}({given})
>>> gclust.plot.save(axes, "{name}.png")
"""
PLOTS = {
    "intensity": "run",
    "bump": "gclust.compare(run, run)",
    "rank_sets": "gclust.uncertainty(study)",
    "score_intervals": "gclust.uncertainty(study)",
    "heat_map": 'sweep, "n_clusters"',
    "k_distance": "sweep",
}
EXAMPLES = {
    f"gclust.{name}": OF_SECTION.format(name=name, given=given, key=key, shown=shown)
    for name, (given, key, shown) in SECTIONS.items()
} | {f"gclust.plot.{name}": OF_PLOT.format(name=name, given=given) for name, given in PLOTS.items()}
EXAMPLES |= {
    "gclust.plot.save": """
        >>> import gclust
        >>> gclust.plot.save(gclust.plot.map(run), "map.pdf", title="Three towns")
    """,
    "gclust.Run": """
        >>> import gclust
        >>> run = gclust.run(gclust.datasets.example_study())
        >>> run.ranking["name"].iloc[0]
        'Grenoble'
    """,
    "gclust.read_run": """
        >>> import gclust
        >>> done = gclust.run(study, "my-run")
        >>> gclust.read_run("my-run").ranking["name"].iloc[0]
        'Grenoble'
    """,
    "gclust.read_study": """
        >>> import gclust
        >>> gclust.read_study(gclust.datasets.example_study()).clusters.eps_km
        5.0
    """,
    "gclust.Verification": """
        >>> import gclust
        >>> done = gclust.run(study, "checked")
        >>> bool(gclust.verify("checked").files["same"].all())
        True
    """,
    "gclust.centroid_geocodes": """
        >>> import gclust
        >>> found = gclust.centroid_geocodes(run)
        >>> "only_by_geocode" in found
        True
    """,
    "gclust.Sweep": """
        >>> import gclust
        >>> sweep = gclust.sweep(study, eps_km=[4, 5], min_samples=[100])
        >>> len(sweep.table)
        2
    """,
    "gclust.Comparison": """
        >>> import gclust
        >>> gclust.compare(run, run).table["rank_change"].abs().sum().item()
        0
    """,
    "gclust.Uncertainty": """
        >>> import gclust
        >>> found = gclust.uncertainty(study)
        >>> list(found.table[["rank_set_low", "rank_set_high"]].iloc[0])
        [1, 2]
    """,
    "gclust.Part": """
        >>> import gclust
        >>> part = gclust.sweep(
        ...     study, eps_km=[4, 5], min_samples=[100], out="parts/1", shard=(1, 2)
        ... )
        >>> part.path.name
        '1'
    """,
    "gclust.datasets.gii_world": """
        >>> import gclust
        >>> world = gclust.datasets.gii_world(2023)
    """,
    "gclust.datasets.fetch": """
        >>> import gclust
        >>> folder = gclust.datasets.fetch("us")  # doctest: +SKIP
    """,
    "gclust.datasets.prepare_us": """
        >>> import gclust
        >>> study = gclust.datasets.prepare_us("us-listings")  # doctest: +SKIP
    """,
    "gclust.indicators.Indicator": """
        >>> from gclust.indicators import indicator
        >>> @indicator(name="records", needs=(), looks_at=())
        ... def records(clusters, listings, *, kind="patent"):
        ...     return clusters[f"{kind}_count"]
    """,
    "gclust.testing.geodesic_km": """
        >>> from gclust.testing import geodesic_km
        >>> float(geodesic_km(0, 0, 0, 1).round(3))
        111.319
    """,
    "gclust.testing.distances_km": """
        >>> from gclust.testing import distances_km
        >>> distances_km([0, 0], [0, 1]).round(3)
        array([[  0.   , 111.195],
               [111.195,   0.   ]])
    """,
    "gclust.testing.wrapped": """
        >>> from gclust.testing import wrapped
        >>> wrapped([0.0], [190.0])
        array([-170.])
    """,
    "gclust.testing.dbscan_oracle": """
        >>> from gclust.testing import dbscan_oracle
        >>> labels, core = dbscan_oracle([0, 0, 0], [0, 0.01, 5], eps_km=2, min_samples=2)
        >>> labels
        array([ 0,  0, -1])
    """,
}
