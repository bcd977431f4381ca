"""Web server of the tuner: a Bokeh server with access control, for a few browser windows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from socket import socket
from typing import TYPE_CHECKING, Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from bokeh.settings import settings
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import HTTPError, OutputTransform, RequestHandler

from gclust.errors import StudyError
from gclust.experiments.tune.gate import ARGUMENT, Gate

if TYPE_CHECKING:
    from bokeh.document import Document

ADDRESS = "127.0.0.1"
"""Address where the server listens, which only this machine can reach."""

MOST_WINDOWS = 8
MOST_BODY_BYTES = 1 << 16
"""Largest body of a request in bytes; no request of the page has a body."""

IDLE_SECONDS = 60
"""Time in seconds after which a connection without a request is closed."""

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every response: no other page shows this one in a frame or learns its address."""

FORWARD = (
    '<!DOCTYPE html><meta http-equiv="refresh" content="0; url=/"><title>gclust tune</title>\n'
)

TOO_MANY = (
    f"gclust tune is open in {MOST_WINDOWS} windows, the most that it serves:"
    " close one, then reload this one."
)
SENTENCES = {404: "There is nothing at this address.", 503: TOO_MANY}


def listen(port: int) -> list[socket]:
    """Listen at a port of this machine, 0 for a free one; StudyError if it cannot be opened."""
    try:
        return bind_sockets(port, ADDRESS)
    except OSError as error:
        raise StudyError(
            f"port {port} cannot be opened ({error.strerror}); expected a free port;"
            " give another one, or 0 for any that is free"
        ) from error


def make_server(
    open_page: Callable[[Document], None], sockets: list[socket], title: str
) -> tuple[BaseServer, str]:
    """Create a server without starting it; return it and the page's address with the token.

    ``open_page`` is called with the document of each window that opens; ``title`` is the title of
    the page until its document sets another.
    """
    settings.resources.set_value("server")  # overrides the environment
    # Closed windows need no message.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    gate = Gate(ADDRESS, sockets[0].getsockname()[1])
    tornado = GatedTornado(Application(FunctionHandler(open_page)), gate, title)
    http = HTTPServer(tornado, max_body_size=MOST_BODY_BYTES, idle_connection_timeout=IDLE_SECONDS)
    http.add_sockets(sockets)
    return BaseServer(IOLoop.current(), tornado, http), gate.address


class GatedTornado(BokehTornado):
    """Bokeh server that answers only requests that pass the gate and that the page needs.

    ``windows`` are those with a websocket that is open or about to open.
    """

    def __init__(self, application: Application, gate: Gate, title: str) -> None:
        super().__init__(
            {"/": application},
            extra_websocket_origins=[gate.host],
            absolute_url=gate.origin,
            transforms=[SafeHeaders],
            # Addresses contain the token, and refused requests may be many.
            log_function=lambda handler: None,  # noqa: ARG005
        )
        self.gate = gate
        self.windows: set[Window] = set()
        self._page = {"title": title}
        self._socket = {
            "application_context": self.applications["/"],
            "bokeh_websocket_path": "/ws",
        }

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return the handler of a request; Tornado calls this before it reads the body."""
        refusal = self.gate.refusal(request)
        if refusal is not None:
            return self._refuse(request, 403, refusal)
        if request.path == "/":
            if ARGUMENT in request.query_arguments:
                return self.get_handler_delegate(request, Entry)
            return self.get_handler_delegate(request, Front, self._page)
        if request.path == "/ws":
            return self.get_handler_delegate(request, Window, self._socket)
        if request.path.startswith("/static/") or request.path == "/favicon.ico":
            return super().find_handler(request, **kwargs)
        return self._refuse(request, 404, SENTENCES[404])

    @cached_property
    def bundle(self) -> Any:
        """Scripts of the page, collected only once because this is slow."""
        return bundle_for_objs_and_resources(None, self.resources())

    def check_replaceable(self) -> None:
        """Refuse another window if the largest number of windows is open already.

        Windows are counted, not Bokeh's sessions: a session outlives its window by seconds, so
        a few reloads would use up the limit.
        """
        if len(self.windows) >= MOST_WINDOWS:
            raise HTTPError(503)

    def _refuse(self, request: HTTPServerRequest, status: int, sentence: str) -> Any:
        refusal = {"status": status, "sentence": sentence}
        return self.get_handler_delegate(request, Refusal, refusal)


class SafeHeaders(OutputTransform):
    """Output transform that adds headers to every response, for protection from other sites."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: ARG002
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the protective headers; Tornado calls this with the head of every response."""
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


class Plain(RequestHandler):
    """Handler that answers errors with one sentence, without HTML."""

    application: GatedTornado

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002
        """Answer an error with one sentence; Tornado calls this for every error."""
        self.say(SENTENCES.get(status_code, f"{status_code}: {self._reason}."))

    def say(self, sentence: str) -> None:
        """Answer with one sentence as plain text, which browsers do not cache."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(f"{sentence}\n")


class Refusal(Plain):
    """Handler that refuses every request with a sentence."""

    def initialize(self, status: int, sentence: str) -> None:
        """Store the status and the sentence of the refusal; Tornado calls this first."""
        self._status, self._sentence = status, sentence

    def prepare(self) -> None:
        """Send the refusal before Tornado looks up the method of the request, such as GET."""
        self.send_error(self._status)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002
        """Answer with the sentence of the refusal; Tornado calls this for every error."""
        self.set_status(self._status)  # also of a method that Tornado does not know
        self.say(self._sentence)


class Entry(Plain):
    """Handler that stores the token of the address in a cookie."""

    def get(self) -> None:
        """Set the cookie, and redirect to the address without the token."""
        gate = self.application.gate
        self.set_cookie(gate.cookie, gate.token, httponly=True, samesite="Strict")
        self.set_header("Cache-Control", "no-store")
        if self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A link of another site led here, of a notebook's terminal for example. Browsers send
            # no strict cookie after such a redirect, but they do after this page.
            self.finish(FORWARD)
        else:
            self.redirect("/", status=303)


class Front(Plain):
    """Handler that sends the page, empty until a websocket fills it.

    Bokeh's own handler creates a document for every request. This one keeps nothing, so requests
    without a websocket use no memory, however many there are.
    """

    def initialize(self, title: str) -> None:
        """Store the title of the page; Tornado calls this first."""
        self._title = title

    def get(self) -> None:
        """Send the page, with the id of the session that its websocket will open."""
        server = self.application
        server.check_replaceable()
        signing = {"secret_key": server.secret_key, "signed": server.sign_sessions}
        session = generate_jwt_token(
            generate_session_id(**signing), expiration=server.session_token_expiration, **signing
        )
        item = RenderItem(token=session, elementid="tuner", use_for_title=True)
        self.set_header("Cache-Control", "no-store")
        self.finish(html_page_for_render_items(server.bundle, {}, [item], self._title))


class Window(Plain, WSHandler):
    """Websocket handler of one browser window."""

    async def prepare(self) -> None:
        """Count the window, or refuse it before the websocket is accepted."""
        self.application.check_replaceable()
        self.application.windows.add(self)
        await WSHandler.prepare(self)

    def check_origin(self, origin: str) -> bool:
        """Return whether pages of an origin may open the websocket: only the tuner's own may."""
        return origin == self.application.gate.origin

    def open(self) -> None:
        """Open the Bokeh session of the window."""
        try:
            super().open()
        except BaseException:
            self.application.windows.discard(self)  # Tornado calls no `on_close` here
            raise

    def on_finish(self) -> None:
        """Stop counting the window if no websocket was opened."""
        if self.get_status() != 101:
            self.application.windows.discard(self)

    def on_close(self) -> None:
        """Stop counting the window."""
        self.application.windows.discard(self)
        super().on_close()
