"""Results: a run in memory, and the one writer and reader of result folders."""
