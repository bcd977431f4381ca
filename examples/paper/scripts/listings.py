"""Write the listings: one Parquet file for each kind, with coordinates, weight and year."""

import sys

from gclust.datasets.us import prepare_us

if __name__ == "__main__":
    folder, first, last = sys.argv[1:]
    print(prepare_us(folder, patent_years=range(int(first), int(last) + 1)).describe())
