"""Parameter sweeps: runs of a study at each pair of eps_km and min_samples."""
