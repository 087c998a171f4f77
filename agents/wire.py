"""One HTTP exchange with an endpoint, by the openai SDK over aiohttp: the fastest way there that the SDK can be given.

What is left of the SDK's cost is its own making and copying of options, headers and URLs, which no public argument
avoids; `python bench/teacher.py` shows it beside a bare aiohttp loop.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from agents.endpoint import Endpoint
from agents.troubles import Trouble, retry_after

if TYPE_CHECKING:  # slow to import, and a run whose calls are all stored never needs them
    from httpx2 import AsyncClient
    from openai import AsyncOpenAI

ALLOW_REQUESTS = True
"""False in the tests: then a request to any other machine is an error."""


READ = ("retry-after", "x-ratelimit-", "x-litellm-", "llm_provider-", "x-request-id", "content-type")
"""How the headers begin that are of use."""
_BEARER: Any = {"security": {"bearer_auth": True}}
"""Else the SDK would add the admin key that it finds in the environment."""


@dataclass(frozen=True)
class Answered:
    """An answer of status 200, whatever it holds."""

    content: bytes
    headers: Mapping[str, str]


class Wire:
    """Connections to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._url = endpoint.base_url.rstrip("/")

    async def post(self, path: str, content: bytes) -> Answered:
        """Raises Trouble."""
        options = {**_BEARER, "headers": {"Content-Type": "application/json"}}
        return await self._exchange("post", path, content=content, options=options)

    async def get(self, path: str) -> Answered:
        """Raises Trouble."""
        return await self._exchange("get", path, options=_BEARER)

    async def upload(self, content: bytes, name: str, purpose: str) -> Answered:
        """A file, as the Files API takes it. Raises Trouble."""
        options = {**_BEARER, "headers": {"Content-Type": "multipart/form-data"}}
        files = [("file", (name, content, "application/jsonl"))]
        return await self._exchange("post", "/files", body={"purpose": purpose}, files=files, options=options)

    async def aclose(self) -> None:
        if "client" in self.__dict__:
            await self.client.close()

    async def _exchange(self, verb: str, path: str, **sent: Any) -> Answered:
        self._check_allowed()
        client = self.client  # before the clock starts: the first time, making it takes a while
        import httpx2
        import openai

        try:
            # Without a deadline of our own, an endpoint that sends a byte now and then would hold its place for ever.
            async with asyncio.timeout(self.endpoint.timeout_s):
                # The URL is whole, since the SDK parses a relative one three times.
                found = await getattr(client, verb)(self._url + path, cast_to=httpx2.Response, **sent)
        except openai.APIStatusError as error:
            text = self.endpoint.redacted(error.response.text)
            raise Trouble(error.status_code, text, retry_after=retry_after(error.response.headers)) from None
        except (TimeoutError, openai.APITimeoutError):
            raise Trouble(None, f"no answer within {self.endpoint.timeout_s:g} s", late=True) from None
        except openai.APIConnectionError as error:
            raise Trouble(None, self.endpoint.redacted(f"{error.__cause__ or error}")) from None
        return Answered(self.endpoint.redacted_bytes(found.content), dict(found.headers))

    @cached_property
    def client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        endpoint = self.endpoint
        client = AsyncOpenAI(
            # With an empty key the SDK would look for one that is meant for another endpoint.
            api_key=endpoint.api_key or "none",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=endpoint.timeout_s,
            http_client=_transport()(_proxy(endpoint)),
        )
        client.organization = client.project = None  # from the environment, and nobody else's business
        return client

    def _check_allowed(self) -> None:
        if ALLOW_REQUESTS or self.endpoint.is_loopback:
            return
        test = os.environ.get("PYTEST_CURRENT_TEST", "something outside the tests")
        raise RuntimeError(
            f"{test} was about to send a request to {self.endpoint.base_url}; "
            "give it an endpoint on this machine, or a teacher that sends nothing"
        )


@lru_cache
def _transport() -> "Callable[..., AsyncClient]":
    """The class of HTTP clients that the SDK is given; made late, because its parents are slow to import."""
    import aiohttp
    import httpx2
    from yarl import URL

    class AiohttpClient(httpx2.AsyncClient):
        """httpx2's client with aiohttp beneath `send`, which it spares the merging of what the SDK has merged already.

        It keeps no cookies and follows no redirect: a key goes nowhere but where it was sent.
        """

        def __init__(self, proxy: str | None) -> None:
            # A transport that is never used: the default one would read every certificate of the machine.
            super().__init__(trust_env=False, transport=httpx2.AsyncBaseTransport())
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            cookies = aiohttp.DummyCookieJar()
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)  # the deadline is the wire's own
            # Not `trust_env`, with which it would put a password of ~/.netrc in the place of the key.
            self._session = aiohttp.ClientSession(connector=connector, proxy=proxy, cookie_jar=cookies, timeout=timeout)
            self._url = lru_cache(lambda url: (httpx2.URL(url), URL(url, encoded=True)))

        def build_request(self, method: str, url: Any, **asked: Any) -> httpx2.Request:
            if asked.get("files") or asked.get("params"):
                return super().build_request(method, url, **asked)
            parsed, aimed = self._url(str(url))
            extensions = {"aimed": aimed, "headers": asked["headers"]}
            return httpx2.Request(
                method, parsed, headers=asked["headers"], content=asked.get("content"), extensions=extensions
            )

        async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
            url = request.extensions.get("aimed") or URL(str(request.url), encoded=True)
            headers = request.extensions.get("headers") or request.headers.multi_items()
            content = await request.aread() or None
            try:
                async with self._session.request(
                    request.method, url, data=content, headers=headers, allow_redirects=False
                ) as found:
                    body = await found.read()
            except TimeoutError as error:
                raise httpx2.ReadTimeout(str(error), request=request) from error
            except (aiohttp.ClientError, OSError) as error:
                raise httpx2.NetworkError(f"{error or type(error).__name__}", request=request) from error
            return httpx2.Response(found.status, headers=_kept(found.headers), content=body, request=request)

        async def aclose(self) -> None:
            await self._session.close()
            await super().aclose()

    return AiohttpClient


def _kept(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What anybody reads of them: httpx2 takes each apart and puts it together again.

    Of the content's type no more than its name: a charset that does not exist would stop whoever reads an error.
    """
    kept = [(name.lower(), value) for name, value in headers.items()]
    return [
        (name, value.partition(";")[0] if name == "content-type" else value)
        for name, value in kept
        if name.startswith(READ)
    ]


def _proxy(endpoint: Endpoint) -> str | None:
    """The proxy that the environment names for this endpoint; none can reach this machine itself."""
    url = urlsplit(endpoint.base_url)
    if endpoint.is_loopback or proxy_bypass(url.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
