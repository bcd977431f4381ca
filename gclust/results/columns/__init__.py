"""Every column of every table of every result folder, with its unit and formula: the one source.

The data dictionary of a folder (`gclust.results.datapackage`), the readers of its tables and the
reference are made from it. In names, ``<kind>`` stands for a kind of record, ``<column>`` for a
column of the score, ``<factor>`` for a factor of a comparison.
"""
