"""Works that a report cites, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable

TITLE = "gclust: innovation clusters in geocoded addresses, found and ranked"
"""Title of the software, as in ``CITATION.cff``."""

GCLUST = """@software{gclust,
  title = {%s},
  author = {{The gclust developers}},
  version = {%s},
  license = {BSD-3-Clause}
}"""

WORKS = {
    "ester1996": """@inproceedings{ester1996,
  title = {A density-based algorithm for discovering clusters in large spatial databases with
    noise},
  author = {Ester, Martin and Kriegel, Hans-Peter and Sander, J{\\"o}rg and Xu, Xiaowei},
  booktitle = {Proceedings of the Second International Conference on Knowledge Discovery and
    Data Mining (KDD-96)},
  pages = {226--231},
  year = {1996}
}""",
    "campello2013": """@inproceedings{campello2013,
  title = {Density-based clustering based on hierarchical density estimates},
  author = {Campello, Ricardo J. G. B. and Moulavi, Davoud and Sander, J{\\"o}rg},
  booktitle = {Advances in Knowledge Discovery and Data Mining (PAKDD 2013)},
  pages = {160--172},
  year = {2013},
  doi = {10.1007/978-3-642-37456-2_14}
}""",
    "malzer2020": """@inproceedings{malzer2020,
  title = {A hybrid approach to hierarchical density-based cluster selection},
  author = {Malzer, Claudia and Baum, Marcus},
  booktitle = {2020 IEEE International Conference on Multisensor Fusion and Integration for
    Intelligent Systems (MFI)},
  pages = {223--228},
  year = {2020}
}""",
    "alcacer2016": """@article{alcacer2016,
  title = {Zooming in: a practical manual for identifying geographic clusters},
  author = {Alc{\\'a}cer, Juan and Zhao, Minyuan},
  journal = {Strategic Management Journal},
  volume = {37},
  number = {1},
  pages = {10--21},
  year = {2016}
}""",
    "silverman1986": """@book{silverman1986,
  title = {Density Estimation for Statistics and Data Analysis},
  author = {Silverman, Bernard W.},
  publisher = {Chapman and Hall},
  year = {1986}
}""",
    "hyndman1996": """@article{hyndman1996,
  title = {Computing and graphing highest density regions},
  author = {Hyndman, Rob J.},
  journal = {The American Statistician},
  volume = {50},
  number = {2},
  pages = {120--126},
  year = {1996}
}""",
    "edelsbrunner1983": """@article{edelsbrunner1983,
  title = {On the shape of a set of points in the plane},
  author = {Edelsbrunner, Herbert and Kirkpatrick, David G. and Seidel, Raimund},
  journal = {IEEE Transactions on Information Theory},
  volume = {29},
  number = {4},
  pages = {551--559},
  year = {1983}
}""",
    "mogstad2024": """@article{mogstad2024,
  title = {Inference for Ranks with Applications to Mobility across Neighbourhoods and Academic
    Achievement across Countries},
  author = {Mogstad, Magne and Romano, Joseph P. and Shaikh, Azeem M. and Wilhelm, Daniel},
  journal = {The Review of Economic Studies},
  volume = {91},
  year = {2024}
}""",
    "shapley1953": """@incollection{shapley1953,
  title = {A value for n-person games},
  author = {Shapley, Lloyd S.},
  booktitle = {Contributions to the Theory of Games II},
  publisher = {Princeton University Press},
  pages = {307--317},
  year = {1953}
}""",
    "geonames": """@misc{geonames,
  title = {GeoNames geographical database},
  author = {{GeoNames}},
  howpublished = {https://www.geonames.org},
  note = {Creative Commons Attribution 4.0}
}""",
}  # fmt: skip


def bibtex(keys: Iterable[str], version: str) -> str:
    """Return works as BibTeX, those of gclust first.

    Parameters
    ----------
    keys : iterable of str
        Keys of `WORKS`.
    version : str
        The version of gclust that made the run.
    """
    return "\n\n".join([GCLUST % (TITLE, version), *(WORKS[key] for key in keys)])
