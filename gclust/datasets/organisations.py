"""Organisations of simulated records: some are named by a source, the others invented."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.datasets.figures import INVENTED, read_table

Ints = NDArray[np.int64]

_NOUN = {"patent": "company", "publication": "university", "deal": "company"}
_MOST = 60
_BELOW = 0.6  # of the least known share, at most, has an invented organisation of the same cluster


def organisation_shares(edition: int) -> pd.DataFrame:
    """Return the leading organisations of clusters, as named by a source, with their shares.

    Columns ``edition, cluster, kind, organisation, share, share_is, source``; ``share`` in per
    cent of the cluster's records, ``share_is`` says whether it is ``published`` or ``invented``.
    """
    table = read_table("gii_organisations.csv")
    return table[table["edition"] == edition].reset_index(drop=True)


class Organisations:
    """Organisations of the listings of a kind, site by site.

    Parameters
    ----------
    kind : str
    sites : pandas.DataFrame
        ``name, cluster_name, listings`` of each place.
    edition : int
        Edition whose named organisations are taken: each has its share of the listings in all
        places of the cluster, and every other one has less.

    Attributes
    ----------
    names : list of str
        Each once, though cities share names: with repeated entries in a dictionary, Parquet
        files of equal tables differ.
    """

    def __init__(self, kind: str, sites: pd.DataFrame, edition: int) -> None:
        table = organisation_shares(edition)
        table = table[table["kind"] == kind]
        cluster = sites["cluster_name"].to_numpy()
        many = np.clip((sites["listings"].to_numpy() / 300.0) ** 0.6, 1.0, _MOST)
        # Where some are known: the limits of their shares, and what is left for the others.
        self.known: list[tuple[NDArray[np.bool_], float, float]] = []
        self.rest, self.even = np.zeros(len(sites)), np.isin(cluster, table["cluster"])
        for name, group in table.groupby("cluster", sort=False):
            share = group["share"].to_numpy() / 100.0
            # About half of the records have two places, and either may be a known one's.
            ends = np.cumsum(share / (1.5 - 0.5 * share))
            here = cluster == name
            self.rest[here] = ends[-1]
            many[here] = np.ceil((1.0 - ends[-1]) / (_BELOW * share.min()))
            self.known += [(here, low, high) for low, high in pairwise([0.0, *ends])]
        self.many = many.astype(np.int64)
        self.start = np.cumsum(self.many) - self.many
        invented = [
            f"{name} {_NOUN[kind]} {number + 1} {INVENTED}"
            for name, several in zip(sites["name"], self.many, strict=True)
            for number in range(several)
        ]
        every = np.array(invented + table["organisation"].tolist())
        names, code = np.unique(every, return_inverse=True)
        self.names: list[str] = names.tolist()
        self.code, self.known_code = code[: len(invented)], code[len(invented) :]

    def of(self, site: Ints, draw: NDArray[np.float64]) -> Ints:
        """Return the organisation of each listing, from its site and a random number in [0, 1)."""
        many, rest = self.many[site], self.rest[site]
        left = np.maximum((draw - rest) / (1.0 - rest), 0.0)
        # The nth organisation of a place has about 1/n of the first one's listings.
        nth = np.where(self.even[site], left * many, np.power(many + 1.0, left) - 1.0)
        nth = np.minimum(nth.astype(np.int64), many - 1)
        found = self.code[self.start[site] + nth]
        for (here, low, high), which in zip(self.known, self.known_code, strict=True):
            found = np.where(here[site] & (draw >= low) & (draw < high), which, found)
        return found
