"""The stages of a run: read listings, form clusters, merge and count, describe, score."""
