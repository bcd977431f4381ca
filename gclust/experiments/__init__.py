"""Experiments that run a study many times: sweep, compare, uncertainty and tune."""
