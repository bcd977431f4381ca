"""Who may use the tuner: a browser that was given its address, for the tuner's own page."""

from __future__ import annotations

import base64
import hmac
import json
import re
import socket
import zlib
from contextlib import ExitStack

import pytest
from click.testing import CliRunner
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from gclust.cli import main
from gclust.experiments.tune.gate import Gate
from tests.tuner_served import UPGRADE, Served, eventually, refused

PATHS = [
    "/",
    "/ws",
    "/metadata",
    "/autoload.js?bokeh-autoload-element=there",
    "/static/js/bokeh.min.js",
    "/static/nothing.js",
    "/favicon.ico",
    "/nothing",
    "//",
    "/%2e%2e/",
]


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.close()


@pytest.mark.parametrize("upgrade", [{}, UPGRADE], ids=["page", "websocket"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_served_without_the_token(served, path, upgrade):
    for cookie in (None, "", "a=b", f"{served.gate.cookie}=", f"{served.gate.cookie}=wrong"):
        with served.open_request(path, Cookie=cookie, **upgrade) as answer:
            assert "whole address" in refused(answer)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_no_method_is_served_without_the_token(served, method):
    for path in ("/", f"/?token={served.gate.token}"):
        status, _ = served.request(path, method=method, Cookie=None)
        assert status == 403


def test_a_wrong_token_and_a_right_one_elsewhere_are_refused(served):
    token = served.gate.token
    wrong = ["", "wrong", token[:-1], token + "a", token.swapcase(), "%C3%A9", "%00", "%ff"]
    for path in [
        *(f"/?token={each}" for each in wrong),
        f"/?token={token}&token=b",
        f"/?token=b&token={token}",
        f"/?Token={token}",
        f"/static/js/bokeh.min.js?token={token}",
        f"/ws?token={token}",
        f"/metadata?token={token}",
    ]:
        with served.open_request(path, Cookie=None) as answer:
            assert "whole address" in refused(answer), path
    with served.open_request(f"/ws?token={token}", Cookie=None, **UPGRADE) as answer:
        refused(answer)


def test_the_cookie_of_another_port_is_refused(served):
    other, own = Gate("127.0.0.1", served.port - 1), served.gate
    assert other.cookie != own.cookie
    for cookie in (f"{other.cookie}={own.token}", f"{own.cookie}={other.token}"):
        for upgrade in ({}, UPGRADE):
            path = "/ws" if upgrade else "/"
            with served.open_request(path, Cookie=cookie, **upgrade) as answer:
                refused(answer)
    # Beside the right one it does no harm.
    assert served.request(Cookie=f"{other.cookie}={other.token}; {served.cookie}")[0] == 200


def test_at_the_port_of_browsers_the_address_has_none():
    gate = Gate("127.0.0.1", 80)
    assert gate.address == f"http://127.0.0.1/?token={gate.token}"
    for host, is_refused in [("127.0.0.1", False), ("127.0.0.1:5006", True), (None, True)]:
        headers = HTTPHeaders({} if host is None else {"Host": host})
        line = RequestStartLine("GET", f"/?token={gate.token}", "HTTP/1.0")
        request = HTTPServerRequest(start_line=line, headers=headers)
        assert (gate.refusal(request) is not None) == is_refused


def test_what_the_environment_says_of_origins_does_not_matter(served, monkeypatch):
    monkeypatch.setenv("BOKEH_ALLOW_WS_ORIGIN", "evil.example")
    with served.window() as answer:
        assert answer.status == 101
    with served.window(Origin="http://evil.example") as answer:
        assert "No other page" in refused(answer)


def test_tokens_are_long_and_of_one_start():
    tokens = {Gate("127.0.0.1", 5006).token for _ in range(50)}
    assert len(tokens) == 50
    assert {len(each) for each in tokens} == {43}


def test_tokens_are_compared_in_constant_time(served, monkeypatch):
    compared = []

    def compare(a, b):
        compared.append(a)
        return original(a, b)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    served.request("/?token=one", Cookie=f"{served.gate.cookie}=two")
    assert compared == [b"one", b"two"]


def other_hosts(port):
    return [
        f"evil.example:{port}",
        f"localhost:{port}",
        f"[::1]:{port}",
        f"0.0.0.0:{port}",
        f"127.0.0.2:{port}",
        f"127.1:{port}",
        f"127.0.0.1.:{port}",
        f"127.0.0.1:{port}.evil.example",
        f"127.0.0.1.evil.example:{port}",
        f"evil.example@127.0.0.1:{port}",
        f"127.0.0.1:{port}, evil.example",
        f"127.0.0.1:{port + 1}",
        "127.0.0.1",
        "",
    ]


@pytest.mark.parametrize("number", range(14))
def test_another_host_is_refused_whatever_it_knows(served, number):
    host = other_hosts(served.port)[number]
    for path in (*PATHS, f"/?token={served.gate.token}"):
        for upgrade in ({}, {**UPGRADE, "Origin": f"http://{host}"}):
            with served.open_request(path, Host=host, **upgrade) as answer:
                # What is no host at all, Tornado refuses itself.
                assert answer.status == 400 or "alone" in refused(answer)
    assert served.windows == 0


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n", b"GET http://HOST/ HTTP/1.1\r\n"])
@pytest.mark.parametrize("hosts", [[], [b"evil.example"], [b"HOST", b"evil.example"]])
def test_a_host_that_is_missing_or_given_twice_is_refused(served, head, hosts):
    own = served.gate.host.encode()
    lines = [head, *(b"Host: %s\r\n" % each for each in hosts), b"Connection: close\r\n"]
    lines.append(b"Cookie: %s\r\n\r\n" % served.cookie.encode())
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(b"".join(lines).replace(b"HOST", own))
        answer = connection.recv(1 << 16)
    assert re.match(rb"HTTP/1\.[01] 40[03] ", answer), answer


def test_a_foreign_origin_is_refused_by_page_and_websocket(served):
    host, port = served.gate.host, served.port
    for origin in (
        "http://evil.example",
        f"http://evil.example:{port}",
        f"http://localhost:{port}",
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"https://{host}",
        f"http://{host}.evil.example",
        f"http://{host}, http://evil.example",
        "null",
    ):
        for path in (*PATHS, f"/?token={served.gate.token}"):
            with served.open_request(path, Origin=origin) as answer:
                assert "No other page" in refused(answer)
        with served.window(Origin=origin) as answer:
            refused(answer)
    for origin in (None, "", served.gate.origin):
        assert served.request(Origin=origin)[0] == 200
    with served.window() as answer:
        assert answer.status == 101
    with served.window(Origin=None) as answer:
        assert answer.status == 101
    eventually(lambda: served.windows == 0)


def test_the_address_gives_a_cookie_and_leads_to_the_page_without_the_token(served):
    path = served.address.removeprefix(served.gate.origin)
    for cookie in (None, f"{served.gate.cookie}=of an earlier start"):
        with served.open_request(path, Cookie=cookie) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/"
            assert "no-store" in answer.headers["Cache-Control"]
            set_cookie = answer.headers["Set-Cookie"]
            assert served.gate.token not in answer.read().decode()
    name_value, *rest = set_cookie.split("; ")
    assert name_value == served.cookie
    assert str(served.port) in served.gate.cookie
    assert set(rest) == {"HttpOnly", "Path=/", "SameSite=Strict"}
    status, text = served.request(Cookie=name_value)
    assert status == 200
    assert "<title>Towns</title>" in text
    # An address of an earlier start, in a browser that has the cookie.
    with served.open_request("/?token=wrong") as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_no_response_holds_the_token_but_the_cookie(served):
    _, text = served.request()
    session = re.search(r'"token":"([\w.-]+)"', text)[1]
    held = json.loads(base64.urlsafe_b64decode(session + "=" * (-len(session) % 4)))
    payload = held.pop("__bk__zlib_", "")
    payload = zlib.decompress(base64.urlsafe_b64decode(payload + "==")) if payload else b""
    for each in (text, json.dumps(held), payload.decode()):
        assert served.gate.token not in each


def test_every_response_keeps_out_of_frames(served):
    stack = ExitStack()
    with stack:
        answers = [
            served.open_request(),
            served.open_request("/static/js/bokeh.min.js"),
            served.open_request("/static/nothing.js"),
            served.open_request("/favicon.ico"),
            served.open_request("/nothing"),
            served.open_request("/metadata"),
            served.open_request("/autoload.js?bokeh-autoload-element=there"),
            served.open_request("/ws"),
            served.open_request(method="POST"),
            served.open_request(f"/?token={served.gate.token}"),
            served.open_request(f"/?token={served.gate.token}", Sec_Fetch_Site="cross-site"),
            served.open_request(Cookie=None),
            served.open_request(Host="evil.example"),
            *(served.window() for _ in range(9)),
        ]
        seen = [stack.enter_context(each) for each in answers]
        assert {each.status for each in seen} == {101, 200, 303, 400, 403, 404, 405, 503}
        for each in seen:
            assert each.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
            assert each.headers["X-Frame-Options"] == "DENY"
            assert each.headers["X-Content-Type-Options"] == "nosniff"
    version = re.search(r"/static/js/bokeh\.min\.js\?v=\w+", served.request()[1])[0]
    with served.open_request(version) as answer:
        etag = answer.headers["Etag"]
    with served.open_request(version, If_None_Match=etag) as answer:
        assert (answer.status, answer.headers["X-Frame-Options"]) == (304, "DENY")
    eventually(lambda: served.windows == 0)


def test_a_page_that_is_not_there_is_a_sentence(served):
    for path in ("/nothing", "/metadata", "/autoload.js?bokeh-autoload-element=there"):
        with served.open_request(path) as answer:
            refused(answer, 404)
    status, text = served.request(method="POST")
    assert (status, text) == (405, "405: Method Not Allowed.\n")


def test_the_command_listens_at_no_other_address():
    for option in ("--address", "--host", "--ip"):
        done = CliRunner().invoke(main, ["tune", "study.toml", option, "0.0.0.0"])
        assert (done.exit_code, "No such option" in done.output) == (2, True)
