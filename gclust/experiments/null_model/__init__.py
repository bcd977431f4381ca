"""The null model: organisations placed at random, and whether clusters exceed chance."""
