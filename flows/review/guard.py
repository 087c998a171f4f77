"""Who may use the page: this machine alone, or who has the token; and no other site in his browser.

Drafts are hostile input. So no script runs that is not ours, and nothing is loaded from elsewhere.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ANY = ("0.0.0.0", "::", "[::]")
LONGEST = 1 << 20
"""Bytes of a form."""
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Where the page is served, and the secrets of this process."""

    host: str
    port: int
    token: str = ""
    """What a first request must bring where others can reach the page; empty on this machine alone."""
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def at(cls, host: str, port: int) -> "Access":
        return cls(host, port, "" if host in LOOPBACK else secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        where = "127.0.0.1" if self.host in ANY else self.host
        return f"http://{where}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def cookie(self) -> str:
        """Cookies do not tell ports apart, so their names do."""
        return f"review-{self.port}"

    def form_token(self, session: str) -> str:
        """What forms of this session must carry."""
        return hmac.new(self.secret, f"form {session}".encode(), sha256).hexdigest()

    def session(self) -> str:
        """A new session: a random name with a seal that only this process can make."""
        name = secrets.token_urlsafe(18)
        return f"{name}.{self._seal(name)}"

    def is_session(self, cookie: str) -> bool:
        name, _, seal = cookie.partition(".")
        return hmac.compare_digest(seal.encode(), self._seal(name).encode())

    def _seal(self, name: str) -> str:
        return hmac.new(self.secret, f"session {name}".encode(), sha256).hexdigest()

    def is_ours(self, host: str) -> bool:
        """Whether a request names us: a foreign name that was made to point here (DNS rebinding) is not ours."""
        if self.host in ANY:  # by which name we are reached cannot be known; the token has to do
            return urlsplit(f"//{host}").port == self.port
        names = LOOPBACK if self.host in LOOPBACK else (self.host,)
        return host.lower() in {f"{name}:{self.port}" for name in names}


class Guard:
    """Refuses what is not allowed before any page sees it, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        request, access = Request(scope), self._access
        cookie = _cookie(request.headers, access.cookie)
        session = cookie if access.is_session(cookie) else ""
        refused = self._refused(request, session)
        answer: ASGIApp = refused or self._app
        if refused is None and not session:
            session = access.session()
            with_cookie = _setting(send, f"{access.cookie}={session}; Path=/; HttpOnly; SameSite=Strict")
            if "token" in request.query_params:  # so that it stays in no address bar and no history
                answer = RedirectResponse("/", 303)
        else:
            with_cookie = send
        scope["session_id"], scope["form_token"] = session, access.form_token(session)
        await answer(scope, receive, _with_headers(with_cookie))

    def _refused(self, request: Request, session: str) -> Response | None:
        access, headers = self._access, request.headers
        if not access.is_ours(headers.get("host", "")):
            return PlainTextResponse(f"This page is at {access.host}:{access.port} and answers to no other name.", 421)
        if access.token and not session and not _same(request.query_params.get("token", ""), access.token):
            return PlainTextResponse("Open the address that `orchestrator review` printed, with its token.", 401)
        if request.method in ("GET", "HEAD"):
            return None
        if not session or not _from_here(headers):
            return PlainTextResponse("This form was not sent from this page; reload it and send it again.", 403)
        if not headers.get("content-length", "").isdecimal() or int(headers["content-length"]) > LONGEST:
            return PlainTextResponse("This form is too long.", 413)
        return None


def _from_here(headers: Headers) -> bool:
    """Browsers say where a form was sent from. What says nothing is no browser of ours."""
    origin = headers.get("origin")
    return origin is not None and origin == f"http://{headers['host']}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _setting(send: Send, cookie: str) -> Send:
    def put(headers: MutableHeaders) -> None:
        headers.append("set-cookie", cookie)

    return _changing(send, put)


def _with_headers(send: Send) -> Send:
    return _changing(send, lambda headers: headers.update(HEADERS))


def _changing(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return changed
