"""Plots and maps as files, and tables for the terminal, made from result tables."""
