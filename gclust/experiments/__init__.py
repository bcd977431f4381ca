"""Experiments run a study many times: sweep, compare, uncertainty, tune."""
