"""A study: what to compute, the order of the stages, and the folder of a run."""
