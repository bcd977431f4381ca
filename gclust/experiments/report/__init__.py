"""The report of a run and of the experiments on it, as one HTML file."""
