"""Benchmarks of gclust: seeded inputs, peers, growth, worst cases, and a suite for asv."""
