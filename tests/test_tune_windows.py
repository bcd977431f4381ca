"""How many windows the tuner serves, and what floods of requests leave behind."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from tests.tuner_served import UPGRADE, Served, eventually, refused


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.close()


def test_windows_have_places_and_the_rest_is_refused_at_once(served):
    with ExitStack() as stack:
        for _ in range(8):
            assert stack.enter_context(served.window()).status == 101
        begun = time.monotonic()
        with served.window() as answer:
            assert "8 windows" in refused(answer, 503)
        with served.open_request() as answer:
            assert "8 windows" in refused(answer, 503)
        assert time.monotonic() - begun < 2
        assert served.request("/static/js/bokeh.min.js")[0] == 200
    eventually(lambda: served.request()[0] == 200)
    with served.window() as answer:
        assert answer.status == 101


def test_many_requests_at_once_get_no_more_places(served):
    eventually(lambda: served.windows == 0)
    with ExitStack() as stack:
        sockets = []
        for _ in range(30):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            lines = {**served.shake(), "Host": served.gate.host, "Cookie": served.cookie}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            connection.sendall(f"GET /ws HTTP/1.1\r\n{head}\r\n".encode())
            sockets.append(connection)
        got = [connection.recv(12) for connection in sockets]
    assert got.count(b"HTTP/1.1 503") == 22
    eventually(lambda: served.windows == 0)


def test_reloads_and_failed_handshakes_take_no_places(served):
    for _ in range(40):
        with served.window() as answer:
            assert answer.status == 101
    for _ in range(20):
        assert served.request("/ws")[0] == 400
        assert served.request("/ws", **{**UPGRADE, "Connection": "close"})[0] == 400
        assert served.request("/ws", **{**UPGRADE, "Sec-WebSocket-Version": "99"})[0] in (400, 426)
        assert served.request("/ws", method="POST", body=b"")[0] == 405
        with served.open_request("/ws", **UPGRADE) as answer:  # a websocket of no session
            assert answer.status == 101
    eventually(lambda: served.windows == 0)


def test_a_flood_of_pages_without_websockets_leaves_nothing(served):
    made, sessions = len(served.documents), served.sessions
    for _ in range(200):
        assert served.request()[0] == 200
        assert served.request(Cookie=None)[0] == 403
    assert len(served.documents) == made
    assert served.sessions <= sessions
    with served.window() as answer:
        assert answer.status == 101
        eventually(lambda: len(served.documents) == made + 1)


def test_a_long_body_is_refused_unread(served):
    for headers in ({}, {"Cookie": None}):
        try:
            status, _ = served.request(method="POST", body=bytes(1 << 20), **headers)
        except (ConnectionError, BrokenPipeError):  # closed while it was sent
            continue
        assert status == 400
    assert served.request()[0] == 200
