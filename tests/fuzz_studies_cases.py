"""Random studies for `tests.fuzz_studies`: wrong in many ways, some of them right."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gclust.study.clustering_methods import CLUSTERING_METHODS
from gclust.study.indicators import IndicatorEntry
from gclust.study.schema import SECTIONS
from gclust.study.sections import Source

INDICATORS = ("count", "per_km2", "growth", "hhi", "diversity", "top_partner", "balance", "no such")
ODD_TEXTS = (
    "", " ", "\n", "a\nb", "\x1b[31mred\x1b[0m", "[red]markup[/red]", "\x00", "\x7f\x9b2J", "$x^2$",
    "\\frac{", "{}", "{0}", "%s", "=1+1", "ü" * 300, "x" * 5000, "../..", "/", ".", "..", "~",
    "/dev/null", "/proc/self/mem", "nowhere.csv", "empty.csv", "noise.parquet", "folder.csv",
    "people.tif", "*", "**/*", "[", "patent.csv", "publication.csv", "'; DROP TABLE x; --", '"',
    "\u202egnp.exe", "\u2028", "con", "NaN", "none", "\ufeff", "a/b", "a\\b", "http://x/y.csv",
    "s3://bucket/key.parquet", "patent.csv\n", "Infinity", "-1", "patent", "publication", "dbscan",
)  # fmt: skip
ODD_NUMBERS = (
    "0", "-0", "1", "-1", "2", "3", "5", "10", "1e-300", "1e308", "-1e308", "5e-324", "nan", "inf",
    "-inf", "1e400", "9" * 19, "-" + "9" * 19, "9" * 400, "9" * 5000, "0x" + "f" * 5000, "0.1",
    "1e15", "4.6e10", "0o17", "1_000", "0.5", "20037.5", "1e4", "1e6", "2147483648", "-2147483649",
    "0.9999999", "1.0000001", "0b1" + "0" * 200,
)  # fmt: skip
OTHERS = (
    "true", "false", "[]", "{}", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "[[]]",
    "[1, 'a']", "[1, 2]", "[2015, 2019]", "[2019, 2015]", "{ a = 1 }", "{ a = { b = [] } }",
    "['patent']", "['patent', 'patent']", "[nan]", "[1, 2, 3]", "{ patent = 1.0 }",
    "{ patent = nan }", "{ patent = -1 }", "{ lat = 'lon', lon = 'lat' }", "{ lat = 'record' }",
    "{ record = 'record', weight = 'lat' }", "[{ method = 'convex' }]",
    "[{}]", "[{ raster = '/' }]",
    "'''a\nb'''", "['patent_share']", "['patent_per_million', 'total']", "[0.0]", "[1e308]",
)  # fmt: skip


@dataclass
class Case:
    """What is given to a command."""

    words: list[str]
    content: bytes | None
    """Of ``study.toml``; None for a folder of that name."""
    is_whole: bool

    def write(self, folder: Path) -> None:
        """Write the study into a folder."""
        if self.content is None:
            (folder / "study.toml").mkdir()
        else:
            (folder / "study.toml").write_bytes(self.content)

    def __str__(self) -> str:
        content = None if self.content is None else self.content[:1500].decode("latin-1")
        return f"gclust {self.words}\n{content}"


def make_case(seed: int) -> Case:
    """Return the case of a seed."""
    rng = random.Random(seed)
    text = study(rng)
    content: bytes | None = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.25:
        content = rng.choice(SPOILS)(rng, text)
    return Case(words(rng), content, is_whole=rng.random() < 0.02)


def words(rng: random.Random) -> list[str]:
    """The words of a command line."""
    command = rng.choices(["run", "sweep", "uncertainty", "compare"], [12, 1, 1, 1])[0]
    line = [command, "study.toml"]
    if command == "compare":
        line.append("study.toml")
    line += ["--threads", "1"]
    if rng.random() < 0.6:
        line += ["-o", rng.choice(OUTS)]
    if rng.random() < 0.1:
        line.append("--overwrite")
    if rng.random() < 0.1 and command != "sweep":
        line += ["--top", rng.choice(["0", "-1", "1", str(10**30), "x\x1b[31m", "nan"])]
    if rng.random() < 0.02:
        line += [rng.choice(["--\x1b[31m", "more\nwords", "-x", "--threads=0", "--threads=a"])]
    return line


OUTS = [
    "out", "out", "out", "out", "deep/er/out", "a\nb", "\x1b[31mred", "[red]x[/red]", "[ab]*", "..",
    "", ".", "folder.csv", "patent.csv", "patent.csv/out", "/", "/proc/out", "/dev/null", "x" * 300,
    "x" * 240, "é" * 120, os.fsdecode(b"\xff\xfe"), "-", "study.toml", "~",
]  # fmt: skip


def study(rng: random.Random) -> str:
    """A study that is right but for some of its values."""
    sections: dict[str, dict[str, str]] = {
        "study": {"name": '"three towns"'},
        "clusters": {"eps_km": "10.0", "min_samples": "20"},
        "sweep": {"eps_km": "[8.0, 10.0]", "min_samples": "[20, 25]"},
        "uncertainty": {"draws": "60"},
    }
    kinds = ["patent", "publication"]
    sources = [{"kind": f'"{kind}"', "path": f'"{kind}.csv"'} for kind in kinds]
    indicators: list[dict[str, str]] = []
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3, 5])):
        spoil(rng, sections, sources, indicators)
    blocks = [table(f"[{name}]", keys) for name, keys in sections.items()]
    blocks += [table("[[sources]]", keys) for keys in sources]
    blocks += [table("[[indicators]]", keys) for keys in indicators]
    if rng.random() < 0.1:
        rng.shuffle(blocks)
    return "\n".join(blocks)


def spoil(
    rng: random.Random,
    sections: dict[str, dict[str, str]],
    sources: list[dict[str, str]],
    indicators: list[dict[str, str]],
) -> None:
    """Change one value, add or remove one."""
    where = rng.random()
    if where < 0.25:
        keys = rng.choice(sources)
        names = [each.name for each in fields(Source)]
    elif where < 0.35:
        indicators.append({"name": f'"{rng.choice(INDICATORS)}"'})
        keys = indicators[-1]
        names = [*(each.name for each in fields(IndicatorEntry)), "k", "least"]
    else:
        section = rng.choice(list(SECTIONS))
        kind: Any = SECTIONS[section]
        if section == "clusters":
            method = rng.choice(list(CLUSTERING_METHODS))
            kind = CLUSTERING_METHODS[method]
            if method != "dbscan":
                least = {"hdbscan": "min_cluster_size", "contour": "threshold"}[method]
                sections["clusters"] = {"method": f'"{method}"', least: "20"}
        keys = sections.setdefault(section, {})
        names = [each.name for each in fields(kind)]
    name = rng.choice(names) if rng.random() < 0.95 else rng.choice([*ODD_TEXTS, "epskm", "pathh"])
    if rng.random() < 0.1:
        keys.pop(name, None)
    else:
        options = sections_options(rng, name)
        keys[name] = rng.choice(options) if options and rng.random() < 0.4 else value(rng)


def sections_options(rng: random.Random, name: str) -> list[str]:
    """Values that a key may well have."""
    for kind in (*SECTIONS.values(), *CLUSTERING_METHODS.values()):
        for each in fields(kind):
            if each.name == name and "options" in each.metadata:
                return [json.dumps(option) for option in each.metadata["options"]]
    return []


def value(rng: random.Random) -> str:
    """Any value, as TOML."""
    which = rng.random()
    if which < 0.4:
        return rng.choice(ODD_NUMBERS)
    if which < 0.75:
        return json.dumps(rng.choice(ODD_TEXTS), ensure_ascii=rng.random() < 0.5)
    return rng.choice(OTHERS)


def table(heading: str, keys: dict[str, str]) -> str:
    """A section as TOML."""
    told = [f"{key if key.isidentifier() else json.dumps(key)} = {keys[key]}" for key in keys]
    return "\n".join([heading, *told])


def nested(rng: random.Random, text: str) -> bytes:
    """Nested more deeply than anybody writes."""
    deep = rng.choice([50, 900, 3000, 20000])
    how = rng.choice(
        [
            "\n[sweep]\neps_km = " + "[" * deep + "]" * deep,
            "\n[sweep]\nx = " + "{ a = " * deep + "1" + " }" * deep,
            "\n[" + ".".join(["a"] * deep) + "]\nb = 1",
            "\n[score]\nweights = " + "{ a = " * deep + "1" + " }" * deep,
            "\n" + ".".join(["study"] * deep) + " = 1",
        ]
    )
    return (text.replace("[sweep]", "[swept]") + how).encode()


def cut(rng: random.Random, text: str) -> bytes:
    """Cut off somewhere."""
    return text.encode()[: rng.randrange(len(text))]


def flipped(rng: random.Random, text: str) -> bytes:
    """Some bytes are others."""
    data = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def doubled(rng: random.Random, text: str) -> bytes:
    """A line or everything is there twice."""
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join([*lines[:at], lines[at], *lines[at:]]).encode()


def joined(rng: random.Random, text: str) -> bytes:
    """With something before or behind it."""
    odd = rng.choice(
        [b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\r", b"\x1b[31m", b"a = 1\n", b"#\x07"]
    )
    return odd + text.encode() if rng.random() < 0.5 else text.encode() + odd


def wide(rng: random.Random, text: str) -> bytes:
    """Many of something."""
    many = rng.choice(
        [
            "".join(f"\n[[sources]]\nkind = 'k{n}'\npath = 'patent.csv'" for n in range(30)),
            "\n[counting.totals]\n" + "\n".join(f"k{n} = 1.0" for n in range(3000)),
            "\n[[indicators]]\nname = 'x'" * 500,
            "\n# " + "x" * 10**6,
        ]
    )
    return (text + many).encode()


def nothing(rng: random.Random, text: str) -> bytes | None:
    """No text at all, noise, another encoding, or a folder."""
    noise = bytes(rng.randrange(256) for _ in range(200))
    return rng.choice([b"", b"\n", None, noise, text.encode("utf-16"), b"[study]", b"sources = []"])


SPOILS: list[Callable[[random.Random, str], bytes | None]] = [
    nested, cut, flipped, doubled, joined, wide, nothing,
]  # fmt: skip
