"""Typeset a Typst file as PDF, with the fonts that the compiler brings: equal files everywhere."""

import sys
from pathlib import Path

import typst

if __name__ == "__main__":
    text, out = map(Path, sys.argv[1:])
    typst.compile(text, output=out, root=text.resolve().parent, ignore_system_fonts=True)
