"""Data files of the package, and the script ``build`` that makes them."""
