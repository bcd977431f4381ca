"""The tuner in a headless Chromium: what it shows and writes is what runs give."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import gclust
from tests.chromium import Browser, find_chromium
from tests.worlds import study_folder

EXTRA = (
    "[clusters]\neps_km = 10\nmin_samples = 100\n"
    "[sweep]\neps_km = [2, 10, 70]\nmin_samples = [60, 100, 300]\n"
)
DEEP = """
const deep = (root, selector) => [...root.querySelectorAll('*')].flatMap((each) => [
  ...(each.matches(selector) ? [each] : []),
  ...(each.shadowRoot ? deep(each.shadowRoot, selector) : [])])
const model = (name) => Bokeh.documents[0].get_model_by_name(name)
"""


class Tuner:
    """A tuner that serves, and a browser that shows its page."""

    def __init__(self, folder: Path) -> None:
        self.study = study_folder(folder / "wörld", extra=EXTRA)
        text = self.study.read_text(encoding="utf-8")
        titled = text.replace("[study]\n", '[study]\ntitle = "Towns <b>&</b>"\n')
        self.study.write_text(titled, encoding="utf-8")
        self.browser = Browser(find_chromium(), folder / "browser")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "gclust", "tune", self.study, "--no-browser"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Shells that start jobs in the background let them ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert self.server.stdout is not None
        first = self.server.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+/)\?token=[\w-]{43}$", first)
        assert found, first
        self.address, self.page = found[0], found[1]

    def ask(self, script: str):
        return self.browser.evaluate("(() => {" + DEEP + script + "})()")

    def wait(self, script: str):
        return self.browser.wait_for("(() => {" + DEEP + script + "})()")

    def ranking(self, *parameters):
        """Wait for the ranking of a parameter set: columns by name."""
        wanted = json.dumps(list(parameters), separators=(",", ":"))
        data = self.wait(
            "const source = model('ranking');"
            f"if (JSON.stringify(source.tags) !== '{wanted}') return null;"
            "return JSON.stringify(Object.fromEntries("
            "Object.entries(source.data).map(([k, v]) => [k, [...v]])))"
        )
        return json.loads(data)

    def close(self) -> None:
        self.browser.close()
        if self.server.poll() is None:
            self.server.kill()
        self.server.communicate()


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    tuner = Tuner(tmp_path_factory.mktemp("tuner"))
    yield tuner
    tuner.close()


def check(shown, run):
    """The page shows the ranking of a run, to the bit."""
    for column in ("rank", "name", "economies", "score", "patent_share", "publication_share"):
        assert shown[column] == run.ranking[column].tolist(), column


def test_a_slider_moves_the_ranking_to_what_a_run_of_the_written_study_gives(tuner):
    tuner.browser.open(tuner.address, 1280, 800)
    shown = tuner.ranking(10, 100, 5, "mutual", "fractional")
    assert tuner.ask("return location.href") == tuner.page
    check(shown, gclust.run(tuner.study))
    assert shown["moved"] == ["="] * 3
    tuner.wait("return deep(document, '.noUi-handle').length >= 3")
    tuner.ask("deep(document, '.noUi-handle')[0].focus()")
    tuner.browser.key("ArrowRight", 39)
    shown = tuner.ranking(70, 100, 5, "mutual", "fractional")
    assert shown["name"] == ["Munich–Augsburg", "Graz"]
    gone = tuner.wait("return model('gone').text")
    assert "Augsburg (3, now in Munich–Augsburg)" in gone
    tuner.ask("deep(document, 'button').find((b) => b.textContent.includes('Write')).click()")
    message = tuner.wait("return model('written').text")
    written = Path(re.search("<code>(.*)</code>", message)[1])
    assert written == tuner.study.with_name("study-tuned.toml")
    assert tomllib.loads(written.read_text(encoding="utf-8"))["clusters"]["eps_km"] == 70
    check(shown, gclust.run(written))
    # What is seen, not only what is held.
    cells = tuner.wait(
        "const found = deep(document, '.slick-cell').map((e) => e.textContent);"
        "return found.includes('Munich–Augsburg') && found"
    )
    assert "Graz" in cells
    assert tuner.ask("return deep(document, 'b').map((e) => e.textContent)")[0] == "Towns <b>&</b>"


def test_a_click_on_a_heat_map_sets_both_sliders(tuner):
    tuner.wait("return [...model('surface').data.n_clusters].every(Number.isFinite)")
    place = tuner.wait(
        "const plot = Bokeh.index.find_one(model('heat-ari')); const box = plot.frame.bbox;"
        "const at = plot.el.getBoundingClientRect(); plot.el.scrollIntoView();"
        "const seen = plot.el.getBoundingClientRect();"
        "return [seen.left + box.left + box.width / 6, seen.top + box.bottom - box.height / 6]"
    )
    tuner.browser.click(*place)
    shown = tuner.ranking(2, 60, 5, "mutual", "fractional")
    assert tuner.ask("return [model('eps_km').value, model('min_samples').value]") == ["2", "60"]
    study = tuner.study.with_name("clicked.toml")
    text = tuner.study.read_text(encoding="utf-8").replace("eps_km = 10", "eps_km = 2")
    study.write_text(text.replace("min_samples = 100", "min_samples = 60"), encoding="utf-8")
    check(shown, gclust.run(study))
    tuner.ask("deep(document, 'button').find((b) => b.textContent.includes('Back')).click()")
    assert tuner.ranking(10, 100, 5, "mutual", "fractional")["moved"] == ["="] * 3


@pytest.mark.parametrize("width", [1280, 800])
def test_the_page_fits_its_window(tuner, width):
    tuner.browser.resize(width, 800)
    tuner.wait(f"return window.innerWidth === {width}")
    assert tuner.wait(
        "const e = document.documentElement; return e.scrollWidth <= window.innerWidth"
    )
    figures = tuner.wait(
        "const found = deep(document, '.bk-Figure').map((e) => e.getBoundingClientRect());"
        "return found.length === 4 && found.map((r) => [r.left, r.right, r.width])"
    )
    for left, right, wide in figures:
        assert left >= 0
        assert right <= width
        assert wide >= 220
    # A degree of the map is as long across as up.
    x, y = tuner.wait(
        "const m = model('map'); const k = [(m.x_range.end - m.x_range.start) / m.inner_width,"
        "(m.y_range.end - m.y_range.start) / m.inner_height];"
        "return Math.abs(k[0] / k[1] - 1) < 1e-6 && k"
    )
    assert x == pytest.approx(y)


def test_nothing_is_requested_from_another_machine(tuner):
    tuner.ask("return 1")
    host = tuner.page.removeprefix("http://")
    others = [
        each
        for each in tuner.browser.requested
        if not each.startswith((f"http://{host}", f"ws://{host}", "data:"))
    ]
    assert len(tuner.browser.requested) > 3
    assert others == []
    assert tuner.browser.errors == []


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 is this machine on Linux")
def test_it_listens_at_its_own_address_alone(tuner):
    port = int(tuner.page.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_ctrl_c_ends_it(tuner):
    tuner.server.send_signal(signal.SIGINT)
    out, err = tuner.server.communicate(timeout=30)
    assert (tuner.server.returncode, err) == (0, "")
    assert out.endswith("Ended.\n")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(tuner.address, timeout=5)
