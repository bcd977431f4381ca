"""Fixed-point numbers for weights and fractional counts.

Sums of integers do not depend on their order, so results are bitwise identical
for any number of threads, any order of rows and any engine.
"""

UNIT = 232_792_560
"""Number of units in a weight of one: the least common multiple of 1 to 22, so that
fractions of a record with up to 22 listings are exact."""

LARGEST_TOTAL = 3.9e10
"""The largest total weight that fits into 64 bits in these units."""
