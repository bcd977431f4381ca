"""The tuner's server with a small page in the place of a study's, in a thread of the tests."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def refused(answer: http.client.HTTPResponse, status: int = 403) -> str:
    """Check that an answer is one sentence and no page; return the sentence."""
    text = answer.read().decode()
    assert answer.status == status, text
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r"[A-Za-z][^<>\n]+\.\n", text), text
    return text


class Served:
    """A server that runs.

    Attributes
    ----------
    address, page : str
        The address with the token, and without it.
    documents : list
        One for every document that was made.
    pressed : list
        One for every time that the button of a page was pressed.
    """

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.pressed: list[int] = []
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        ready = threading.Event()
        self._loop.call_soon(self._begin, ready)
        self._thread.start()
        assert ready.wait(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _begin(self, ready: threading.Event) -> None:
        from gclust.experiments.tune.server import listen, make_server

        self.server, self.address = make_server(self._open_page, listen(0), "Towns")
        self.server.start()
        self.gate = self.server._tornado.gate
        self.page = f"{self.gate.origin}/"
        self.port = int(self.gate.host.split(":")[1])
        self.cookie = f"{self.gate.cookie}={self.gate.token}"
        ready.set()

    def _open_page(self, document: Any) -> None:
        from bokeh.models import Button, Div

        self.documents.append(document)
        button = Button(label="Write", name="write")
        button.on_click(lambda: self.pressed.append(1))
        document.title = "Towns · gclust tune"
        document.add_root(Div(text="<b id='secret'>the ranking</b>", name="ranking"))
        document.add_root(button)

    def close(self) -> None:
        """End the server."""
        self._loop.call_soon_threadsafe(self.server.unlisten)
        self._loop.call_soon_threadsafe(self.server.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    @property
    def windows(self) -> int:
        """Number of websockets that are open."""
        return len(self.server._tornado.windows)

    @property
    def sessions(self) -> int:
        """Number of Bokeh's sessions."""
        return len(self.server.get_sessions("/"))

    @contextmanager
    def open_request(
        self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str | None
    ) -> Iterator[http.client.HTTPResponse]:
        """Ask as the page itself does, but for some headers (None: without it); hold the answer."""
        sent = {"Host": self.gate.host, "Cookie": self.cookie, **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body)
            yield connection.getresponse()
        finally:
            connection.close()

    def request(self, path: str = "/", **options: Any) -> tuple[int, str]:
        """Status and text of an answer."""
        with self.open_request(path, **options) as answer:
            return answer.status, answer.read().decode()

    def shake(self) -> dict[str, str]:
        """Headers by which the page asks for a websocket, of a session of its own."""
        self._number += 1
        named = json.dumps({"session_id": f"session-{self._number}", "session_expiry": 1 << 40})
        session = base64.urlsafe_b64encode(named.encode()).decode().rstrip("=")
        return {**UPGRADE, "Sec-WebSocket-Protocol": f"bokeh, {session}"}

    def window(self, **headers: str | None) -> Any:
        """Ask for a websocket as the page does, and hold it."""
        return self.open_request("/ws", **{**self.shake(), "Origin": self.gate.origin, **headers})
