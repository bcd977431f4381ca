"""What pages of other origins can do with the tuner's server, in a headless Chromium."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.chromium import Browser, find_chromium
from tests.tuner_served import Served

# Settles to what became of a request, of a page or of a websocket.
OUTCOME = """
const page = (path, options) => fetch(path, options).then(
  async (answer) => `${answer.status} ${answer.type} ${await answer.text()}`, () => 'refused')
const websocket = (address, session) => new Promise((settle) => {
  const socket = new WebSocket(address, ['bokeh', session])
  socket.onopen = () => settle('open'); socket.onerror = () => settle('refused')
})
const session = btoa('{"session_id": "mine", "session_expiry": 99999999999}').replaceAll('=', '')
"""


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(
        find_chromium(),
        tmp_path_factory.mktemp("browser"),
        "--host-resolver-rules=MAP evil.example 127.0.0.1",
        "--disable-site-isolation-trials",  # frames of all sites are reported
    )
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def elsewhere():
    """Another server of this machine: its port, and the pages that it shows."""
    pages: dict[str, str] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            found = pages.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], pages
    server.shutdown()
    server.server_close()


def resolved(browser, script):
    """Value that a promise of the page resolves to."""
    browser.evaluate(
        f"void (async () => {{ {OUTCOME} window.resolved = null; window.resolved = {script} }})()"
    )
    return browser.wait_for("window.resolved")


def show(browser, address):
    browser.open("about:blank", 900, 600)
    browser.wait_for("location.href === 'about:blank'")
    browser.open(address, 900, 600)
    browser.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")


RANKING = "Bokeh.documents[0].get_model_by_name('ranking').text.includes('the ranking')"


def enter(browser, served):
    """Open the printed address, as the user does, and wait for the page."""
    show(browser, served.address)
    browser.wait_for(RANKING)


def test_the_printed_address_works_and_leaves_the_address_bar(browser, served):
    show(browser, served.page)
    assert "open the whole address" in browser.evaluate("document.body.innerText")
    enter(browser, served)
    assert browser.evaluate("location.href") == served.page
    assert browser.evaluate("document.cookie") == ""
    assert browser.evaluate("document.title") == "Towns · gclust tune"
    history = browser.call("Page.getNavigationHistory")["entries"]
    assert [each["url"] for each in history if "token" in each["url"]] == []
    # From then on the address without the token works in this browser, and the button too.
    show(browser, served.page)
    browser.wait_for(RANKING)
    before = len(served.pressed)
    browser.evaluate(
        "void [...document.querySelectorAll('*')].flatMap((each) =>"
        " [...(each.shadowRoot?.querySelectorAll('button') ?? [])])[0].click()"
    )
    browser.wait_for(f"{RANKING} && true")
    end = threading.Event()
    for _ in range(500):
        if len(served.pressed) > before or end.wait(0.02):
            break
    assert len(served.pressed) == before + 1


def test_a_link_of_another_site_leads_to_the_page(browser, served, elsewhere):
    port, pages = elsewhere
    pages["/link"] = f"<a href='{served.address}'>the tuner</a>"
    # To browsers localhost is another site than 127.0.0.1.
    show(browser, f"http://localhost:{port}/link")
    browser.evaluate("document.querySelector('a').click()")
    browser.wait_for(f"location.href === '{served.page}' && {RANKING}")


def test_a_page_under_another_name_reads_and_presses_nothing(browser, served):
    enter(browser, served)
    show(browser, "about:blank?")
    made, pressed = len(served.documents), len(served.pressed)
    host, token = f"evil.example:{served.port}", served.gate.token
    for path in ("/", f"/?token={token}"):
        show(browser, f"http://{host}{path}")
        assert browser.evaluate("location.host") == host
        shown = browser.evaluate("document.body.innerText")
        assert shown.startswith(f"This page is served at {served.page} alone")
        # What a page of that name could do, even one that knew the token.
        browser.evaluate(f"document.cookie = '{served.cookie}'")
        for path in ("/", f"/?token={token}", "/static/js/bokeh.min.js", "/metadata"):
            assert resolved(browser, f"await page('{path}')").startswith("403")
        assert resolved(browser, f"await websocket('ws://{host}/ws', session)") == "refused"
    assert (len(served.documents), len(served.pressed)) == (made, pressed)


def test_a_page_of_another_port_reads_and_opens_nothing(browser, served, elsewhere):
    port, pages = elsewhere
    pages["/page"] = "<title>another</title>"
    enter(browser, served)
    host = served.gate.host
    # One site to browsers, for all that they have different ports: the cookie goes with it.
    for name in ("127.0.0.1", "localhost"):
        show(browser, f"http://{name}:{port}/page")
        made = len(served.documents)
        include = "{credentials: 'include'}"
        assert resolved(browser, f"await page('{served.page}', {include})") == "refused"
        assert resolved(browser, f"await page('{served.address}', {include})") == "refused"
        assert resolved(browser, f"await websocket('ws://{host}/ws', session)") == "refused"
        assert len(served.documents) == made


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_frame_of_another_origin_stays_empty(browser, served, elsewhere, name):
    port, pages = elsewhere
    enter(browser, served)
    for number, address in enumerate((served.page, served.address)):
        made = len(served.documents)
        pages[f"/frame-{number}"] = (
            f"<iframe src='{address}' onload='window.loaded = true'></iframe>"
        )
        show(browser, f"http://{name}:{port}/frame-{number}")
        browser.wait_for("window.loaded")
        browser.evaluate("window.loaded = false")
        frames = browser.call("Page.getFrameTree")["frameTree"]["childFrames"]
        assert [each["frame"]["url"] for each in frames] == ["chrome-error://chromewebdata/"]
        assert len(served.documents) == made


def test_pictures_of_another_page_do_not_lock_the_user_out(browser, served, elsewhere):
    port, pages = elsewhere
    enter(browser, served)
    pages["/flood"] = (
        "<script>window.done = 0; for (let i = 0; i < 300; i++) { const image = new Image();"
        f"image.onerror = image.onload = () => window.done++; image.src = '{served.page}?' + i }}"
        "</script>"
    )
    made = len(served.documents)
    show(browser, f"http://127.0.0.1:{port}/flood")
    browser.wait_for("window.done === 300")
    assert len(served.documents) == made
    enter(browser, served)
