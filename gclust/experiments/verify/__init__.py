"""Verification: a run is computed again from its study and inputs, and every file compared."""
