"""Data files of the package, and the script that makes them (``build``)."""
