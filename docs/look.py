"""Look at pages of the built site in a headless browser, from its files, without a network.

    python docs/look.py build/docs/html [FOLDER]

At 1280 and 400 pixels no page may be wider than the window, no picture may be missing, nothing may
be fetched, and no script may fail. The search must find a word, and the dark colours must be dark.
With FOLDER it writes pictures of all pages there. It needs Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.chromium import Browser, find_chromium

PAGES = (
    "index",
    "tutorial",
    "guides/parameters",
    "gallery/index",
    "gallery/plot_03_sweep_heat_map",
    "method/gii",
    "method/state_of_the_field",
    "how_it_works/performance",
    "reference/commands",
    "reference/generated/study",
    "reference/generated/files",
    "reference/generated/gclust.DBSCAN",
    "algorithm",
    "in_detail/files_read",
)
WIDTHS = (1280, 400)
TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.offsetWidth)
    .filter(e => { for (let p = e; p; p = p.parentElement) {
        const style = getComputedStyle(p);
        if (/auto|scroll|hidden/.test(style.overflowX) || style.position === 'fixed') return false;
    } return true; })
    .map(e => e.tagName + '.' + e.className).slice(0, 5).join(' ')"""
MISSING = "[...document.images].filter(i => !i.naturalWidth && i.src).map(i => i.src).join(' ')"
LOADED = "document.readyState === 'complete'"
BRIGHTNESS = """getComputedStyle(document.body).backgroundColor.match(/\\d+/g)
    .slice(0, 3).reduce((sum, each) => sum + +each, 0)"""


def faults(browser: Browser, site: Path, pictures: Path | None) -> Iterator[str]:
    """Yield what is wrong with the pages, a line for each fault."""
    for width in WIDTHS:
        for page in PAGES:
            path = site / f"{page}.html"
            if not path.is_file():
                yield f"{page}: is not there"
                continue
            browser.open(path.as_uri(), width, 900)
            browser.wait_for(f"location.href.endsWith({page + '.html'!r}) && {LOADED}")
            if wide := browser.evaluate(TOO_WIDE):
                yield f"{page} at {width} pixels: wider than the window: {wide}"
            if missing := browser.evaluate(MISSING):
                yield f"{page}: pictures are missing: {missing}"
            if pictures is not None:
                browser.picture(pictures / f"{page.replace('/', '-')}-{width}.png")


def search_faults(browser: Browser, site: Path) -> Iterator[str]:
    """Yield what is wrong with the search, which must work from files."""
    browser.open(f"{(site / 'search.html').as_uri()}?q=min_samples", 1280, 900)
    try:
        browser.wait_for("document.querySelectorAll('#search-results li').length > 2")
    except AssertionError as error:
        yield f"the search finds nothing: {error}"


def dark_faults(browser: Browser, site: Path) -> Iterator[str]:
    """Yield what is wrong in dark colours."""
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", features=dark)
    browser.open((site / "index.html").as_uri(), 1280, 900)
    browser.wait_for(f"location.href.endsWith('/index.html') && {LOADED}")
    if not browser.evaluate(BRIGHTNESS) < 200:
        yield "dark colours are not dark"


def main() -> None:
    """Look at all pages; end with the faults, if there are any."""
    site = Path(sys.argv[1]).resolve()
    pictures = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(find_chromium(), Path(folder))
        try:
            found = [*faults(browser, site, pictures), *search_faults(browser, site)]
            found += dark_faults(browser, site)
            fetched = [each for each in browser.requested if each.startswith("http")]
            found += [f"something is fetched: {each}" for each in sorted(set(fetched))]
            found += [f"a script fails: {each}" for each in browser.errors]
        finally:
            browser.close()
    if found:
        sys.exit("\n".join(found))
    print(
        f"{len(PAGES)} pages at {len(WIDTHS)} widths, the search and dark colours: as they should"
    )


if __name__ == "__main__":
    main()
