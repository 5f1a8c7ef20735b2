"""The requests session: who it is, what it never does (redirects, retries, netrc), and connections under a deadline.

What is said over it is the business of `transport`.
"""

from __future__ import annotations

from typing import Any

import requests
import requests.adapters
import requests.auth
import urllib3
import urllib3.connection

from batchspec import __version__
from batchspec.mistral.base_url import BaseUrl
from batchspec.mistral.deadline import current_deadline
from batchspec.mistral.key import ApiKey


def new_session(base_url: BaseUrl, key: ApiKey) -> requests.Session:
    """Return a session that sends the key with every request; it must only be given addresses of `base_url`."""
    session = _NoRedirectSession()
    # Over plain http the host is this machine, and a proxy from the environment would be shown the key.
    session.trust_env = base_url.encrypted
    session.auth = _BearerAuth(key)
    session.headers.update(
        {
            "User-Agent": f"batchspec/{__version__}",
            "Accept": "application/json",
            # A compressed answer hides how many bytes are still to come.
            "Accept-Encoding": "identity",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _DeadlineAdapter(max_retries=0))
    return session


class _BearerAuth(requests.auth.AuthBase):
    """Sets the header last of all, so that an entry of ~/.netrc cannot replace it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


class _NoRedirectSession(requests.Session):
    """Sees no redirect anywhere; even an unfollowed one would be parsed and prepared by requests."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - requests' signature
        return None


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    """Makes every connection, also one through a proxy, take part in the deadline of its exchange."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,
        proxies: dict[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> urllib3.HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        assert isinstance(pool, urllib3.HTTPConnectionPool)
        pool.ConnectionCls = _HTTPSConnection if pool.scheme == "https" else _HTTPConnection
        return pool


class _HTTPConnection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _take_part(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _take_part(self)
        super().request(*args, **kwargs)


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _take_part(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _take_part(self)
        super().request(*args, **kwargs)


def _take_part(connection: urllib3.connection.HTTPConnection) -> None:
    """Put a connection that is open, be it new or kept, under the deadline of this thread's exchange."""
    deadline = current_deadline()
    if deadline is not None and connection.sock is not None:
        # urllib3 sends the body under the timeout that was meant for connecting, which is short for a busy uplink.
        connection.timeout = deadline.sending_seconds
        connection.sock.settimeout(deadline.sending_seconds)
        deadline.watch(connection.sock)
