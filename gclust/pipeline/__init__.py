"""The stages of a run and their order: read, form, merge and count, describe, score."""
