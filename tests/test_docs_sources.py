"""The queries of docs/guides/your_data.md read small tables with the columns of each source."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from pathlib import Path

import pytest

import gclust

PAGE = (Path(__file__).resolve().parents[1] / "docs/guides/your_data.md").read_text("utf-8")
SECTIONS = {
    title: [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    for title, text in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
}


def source_of(title):
    """The one source that a section of the page shows."""
    (study,) = SECTIONS[title]
    (entry,) = study["sources"]
    return entry | ({"years": tuple(entry["years"])} if "years" in entry else {})


def run_of(folder, title):
    entry = source_of(title)
    where = {"sql_paths": (str(folder),)} if "sql" in entry else {}
    if "path" in entry:
        entry["path"] = str(folder / entry["path"])
    study = gclust.Study(
        sources=[gclust.Source(**entry, **where)],
        clusters={"eps_km": 5, "min_samples": 1},
        counting={"unlocated": "keep"},
        study={"max_rejects": 1.0},
    )
    ranking = gclust.run(study, n_jobs=1).ranking
    counts = ranking.set_index("name")[f"{entry['kind']}_count"]
    return {name: round(float(count), 6) for name, count in counts.items()}


def write(folder, name, *rows, sep="\t", newline="\n"):
    text = newline.join(sep.join(row) for row in rows) + newline
    (folder / name).write_bytes(text.encode("utf-8"))


BOSTON, LYON = ("42.3601", "-71.0589"), ("45.7485", "4.8467")


def patentsview(folder):
    write(
        folder, "g_patent.tsv",
        ("patent_id", "patent_type", "patent_date", "patent_title", "wipo_kind", "withdrawn"),
        ("10000001", "utility", "2018-06-19", '"Method, with ""quotes"""', "B2", "0"),
        ("0000002", "utility", "2018-06-19", "Seat", "B2", "0"),
        ("D800001", "design", "2017-10-17", "Chair", "S1", "0"),
        ("9999999", "utility", "2018-06-12", "Withdrawn", "B2", "1"),
        ("8888888", "utility", "2012-06-12", "Before", "B2", "0"),
    )  # fmt: skip
    inventors = [("10000001", "l1"), ("10000001", "l2"), ("0000002", ""), ("0000002", "l1")]
    inventors += [(patent, "l1") for patent in ("D800001", "9999999", "8888888")]
    write(
        folder, "g_inventor_disambiguated.tsv",
        ("patent_id", "inventor_sequence", "inventor_id", "location_id"),
        *((patent, "0", "fl:a_ln:b-1", place) for patent, place in inventors),
    )  # fmt: skip
    write(
        folder, "g_location_disambiguated.tsv",
        ("location_id", "disambig_city", "disambig_state", "disambig_country", "latitude",
         "longitude", "county"),
        ("l1", "Boston", "MA", "US", *BOSTON, "Suffolk"),
        ("l2", "Lyon", "", "FR", *LYON, ""),
    )  # fmt: skip
    return {"Boston": 1.0, "Lyon": 0.5}


def first_filings(folder):
    write(
        folder, "geoc_inv.txt",
        ("appln_id", "patent_office", "filing_date", "lat", "lng", "name_0", "ctry_code"),
        ("1", "EP", "2010-05-04", *LYON, "France", "FR"),
        ("1", "EP", "2010-05-04", *BOSTON, "United States", "US"),
        ("2", "US", "2013-05-04", *BOSTON, "United States", "US"),
        sep=",",
    )  # fmt: skip
    return {"Boston": 0.5, "Lyon": 0.5}


def regpat(folder):
    inventors = [("1", "1 rue X", "FRK26", "FR", "1", "0.5")]
    inventors += [("2", "2 Main St", region, "US", "0.5", "0.5") for region in ("US25", "US33")]
    write(
        folder, "202505_EPO_Inv_reg.txt",
        ("appln_id", "person_id", "address", "reg_code", "ctry_code", "reg_share", "inv_share"),
        *((number, *row) for number in "1234" for row in inventors),
        sep="|",
    )  # fmt: skip
    write(
        folder, "202505_EPO_IPC.txt",
        ("appln_id", "prio_year", "app_year", "IPC"),
        *((number, "2015", "2016", ipc) for number in "1234" for ipc in ("A61K", "A61P")),
        sep="|",
    )  # fmt: skip
    write(
        folder, "regions.csv",
        ("reg_code", "lat", "lon"), ("FRK26", *LYON), ("US25", *BOSTON),
        sep=",",
    )  # fmt: skip
    return {"Boston": 1.0, "Lyon": 2.0}


def openalex(folder):
    places = {"I1": LYON, "I2": BOSTON}
    institutions = [
        {"id": key, "display_name": key, "country_code": "XX", "works_count": 3,
         "geo": {"city": "x", "latitude": float(lat), "longitude": float(lon)}}
        for key, (lat, lon) in places.items()
    ]  # fmt: skip

    def work(number, kind, *authors):
        listed = [{"author": {"id": "A"}, "institutions": [{"id": at, "ror": "r"} for at in author]}
                  for author in authors]  # fmt: skip
        return {"id": f"W{number}", "type": kind, "publication_year": 2020, "authorships": listed}

    works = [work(1, "article", ["I1"], ["I1", "I2"], []), work(2, "book", ["I2"])]
    for name, rows in (("institutions", institutions), ("works", works)):
        (folder / name).mkdir()
        with gzip.open(folder / name / "part_000.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return {"Lyon": 0.5, "Boston": 0.25}


def ror(folder):
    ids = {"https://ror.org/1": LYON, "https://ror.org/2": BOSTON}
    organisations = [
        {"id": key, "locations": [{"geonames_id": 1, "geonames_details": {
            "lat": float(lat), "lng": float(lon), "country_code": "FR", "name": "x"}}]}
        for key, (lat, lon) in ids.items()
    ]  # fmt: skip
    (folder / "ror-data.json").write_text(json.dumps(organisations), encoding="utf-8")
    rows = [("10.1/a", "2020", key) for key in [*ids, "https://ror.org/unknown"]]
    write(folder, "articles.csv", ("doi", "year", "ror"), *rows, sep=",")
    return {"Lyon": 0.333333, "Boston": 0.333333}


def crunchbase(folder):
    head = ("company_permalink", "company_country_code", "company_state_code", "company_city",
            "funding_round_type", "funded_year")  # fmt: skip
    write(
        folder, "crunchbase-rounds.csv", head,
        ("/company/a", "USA", "MA", "boston", "angel", "2012"),
        ("/company/b", "USA", "MA", "Boston", "series-a", "2013"),
        ("/company/c", "USA", "NY", "Boston", "series-a", "2013"),
        ("/company/d", "FRA", "", "Lyon", "angel", "2012"),
        sep=",", newline="\r",
    )  # fmt: skip
    write(
        folder, "cities.csv",
        ("city", "state", "lat", "lon"), ("Boston", "MA", *BOSTON),
        sep=",",
    )  # fmt: skip
    return {"Boston": 2.0}


MADE = {
    "PatentsView": patentsview,
    "The world's first filings": first_filings,
    "OECD REGPAT": regpat,
    "OpenAlex": openalex,
    "ROR": ror,
    "Crunchbase": crunchbase,
}


def test_every_source_of_the_page_is_tried():
    assert list(SECTIONS) == list(MADE)


@pytest.mark.parametrize("title", MADE)
def test_a_source_gives_the_counts_that_its_tables_hold(title, tmp_path):
    expected = MADE[title](tmp_path)
    assert run_of(tmp_path, title) == expected
