"""Fixed-point numbers for weights and fractional counts.

Sums of integers do not depend on their order, so results are the same to the
bit for any number of threads, any order of rows and any engine.
"""

UNIT = 232_792_560
"""Units of a weight of one: the least common multiple of 1 to 22, so that
fractions of a record with up to 22 listings are exact."""

LARGEST_TOTAL = 3.9e10
"""The largest total weight: its units still fit into 64 bits."""
