"""Write the methods paragraph of `gclust report --methods` for Typst, with its BibTeX."""

import re
import subprocess
import sys
from pathlib import Path

SPECIAL = re.compile(r"([\\#$*_@<>\[\]~`])")


def methods_of(folder: Path) -> tuple[str, str]:
    """Return the paragraph as Typst and the works that it cites as BibTeX."""
    command = ["gclust", "report", "--methods", str(folder / "later")]
    for name in ("uncertainty", "comparison"):
        command += ["--with", str(folder / name)]
    page = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    markdown, _, bibtex = re.split(r"^(?:Markdown|LaTeX|BibTeX)\n-+\n", page, flags=re.M)[1:]
    return typst_of(markdown.strip()), bibtex


def typst_of(markdown: str) -> str:
    """Turn a paragraph with Pandoc's citations into Typst."""
    parts = re.split(r"\[@([a-z0-9]+)\]", markdown)
    texts = [SPECIAL.sub(r"\\\1", re.sub(r"\\(.)", r"\1", each)) for each in parts[::2]]
    cited = [f"#cite(<{key}>)" for key in parts[1::2]]
    return "".join(a + b for a, b in zip(texts, [*cited, "\n"], strict=True))


if __name__ == "__main__":
    results = Path(sys.argv[1])
    paragraph, works = methods_of(results)
    (results / "methods.typ").write_text(paragraph, encoding="utf-8")
    (results / "methods.bib").write_text(works, encoding="utf-8")
