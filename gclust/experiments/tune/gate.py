"""Access control of the tuner: serves only its own page, to browsers with its secret address.

Any page of any website can send requests to a server on the user's own machine, and a website
whose name is mapped to this machine (DNS rebinding) can also read the answers. Tornado's manual
warns of this under ``tornado.web.Application``; Jupyter Server takes the same measures.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

ARGUMENT = "token"
"""Name of the token in the query of the address."""

PLAIN_PORT = 80
"""The port that browsers leave out of an address."""


class Gate:
    """Checks that a request must pass before any handler sees it.

    ``address`` is the numerical IPv4 address at which the server listens. Names such as
    ``localhost`` are refused: only a number cannot be mapped to another machine. ``host`` and
    ``origin`` are the only ones that are served. ``token`` is the secret of this server, 256 bits.
    All ports of a machine share their cookies, so the name of the ``cookie`` with the token
    contains the port.
    """

    def __init__(self, address: str, port: int) -> None:
        self.host = address if port == PLAIN_PORT else f"{address}:{port}"
        self.origin = f"http://{self.host}"
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"gclust-tune-{port}"

    @property
    def address(self) -> str:
        """The full address of the page, with the token."""
        return f"{self.origin}/?{ARGUMENT}={self.token}"

    def refusal(self, request: HTTPServerRequest) -> str | None:
        """Return the reason for refusing a request, or None if the request may be answered."""
        if request.headers.get("Host", "").lower() != self.host:
            return f"This page is served at {self.origin}/ alone, and under no other name."
        if request.headers.get("Origin", "") not in ("", self.origin):
            return "No other page may use this server."
        if not (self.has_token(request) or self._has_cookie(request)):
            return (
                "This address lacks the token of this gclust tune:"
                " open the whole address that it printed, with all that follows the question mark."
            )
        return None

    def has_token(self, request: HTTPServerRequest) -> bool:
        """Return whether a request is for the page and has the token in its address."""
        given = request.query_arguments.get(ARGUMENT, [])
        is_page = request.method == "GET" and request.path == "/"
        return is_page and len(given) == 1 and self._is_token(given[0])

    def _has_cookie(self, request: HTTPServerRequest) -> bool:
        cookie = request.cookies.get(self.cookie)
        return cookie is not None and self._is_token(cookie.value.encode())

    def _is_token(self, given: bytes) -> bool:
        """Return whether a value is the token, in a time that does not depend on the token."""
        return hmac.compare_digest(given, self.token.encode())
