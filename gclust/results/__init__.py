"""Results: a run in memory, and the writer and reader of all result folders."""
