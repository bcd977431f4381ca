"""The groups of the page of public names."""

from __future__ import annotations

GROUPS = {
    "Runs and studies": """
        run read_run Run Study read_study verify Verification write_report centroid_geocodes
        intensity_spread leaders show_versions
    """,
    "Sections of a study": """
        Source Density Clusters HierarchyClusters ContourClusters Merge Footprint Names Counting
        Score Population Members Intensity Places Outputs
    """,
    "Clusters of points": "DBSCAN HDBSCAN DensityContour parameter_surface Surface",
    "Sweeps, comparisons, uncertainty": """
        sweep Sweep read_sweep compare Comparison read_comparison uncertainty Uncertainty
        read_uncertainty null_model NullModel read_null_model multinomial_rank_sets gather Part
    """,
    "Localisation": """
        localisation Localisation read_localisation k_density KDensity ellison_glaeser
    """,
    "Indicators": """
        list_indicators indicators.indicator indicators.Indicator indicators.LabelledListings
    """,
    "Figures": """
        plot.map plot.intensity plot.bump plot.rank_sets plot.score_intervals plot.heat_map
        plot.k_distance plot.k_density plot.save
    """,
    "Data": """
        datasets.example_study datasets.simulate datasets.fetch datasets.prepare_us datasets.gii
        datasets.gii_world
    """,
    "Tests of code that uses gclust": """
        testing.great_circle_km testing.geodesic_km testing.distances_km testing.dbscan_oracle
        testing.wrapped testing.assert_same_partition
    """,
}
"""Heading -> public names below it, without ``gclust.``; all others come last."""
