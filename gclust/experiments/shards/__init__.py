"""Sweeps and bootstraps in shards: parts that many machines compute and `gclust gather` joins."""
