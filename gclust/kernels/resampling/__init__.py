"""Random numbers by counter: Poisson weights and random points."""
