"""The one table from the exceptions of requests, urllib3 and http.client to what happened, in plain words.

Their own texts are never shown: they hold addresses of objects and whatever was in the request.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import requests.exceptions as of_requests
import urllib3.exceptions as of_urllib3


class Fault(NamedTuple):
    """Why no whole answer came. `passing`: the same call may work if it is made again."""

    sentence: str
    passing: bool
    hint: str | None = None


FOREIGN: tuple[type[Exception], ...] = (
    of_requests.RequestException,
    of_urllib3.HTTPError,
    of_urllib3.ProxySchemeUnsupported,
    http.client.HTTPException,
    OSError,
)
"""Everything that an exchange may raise because of the network or the libraries."""

_CHECK_NETWORK = "check the network and MISTRAL_BASE_URL, then run again"
_CHECK_PROXY = "check HTTPS_PROXY and NO_PROXY"
_REPORT = "check MISTRAL_BASE_URL and the proxy settings; if they are right, this is a bug worth reporting"

UNTRUSTED = Fault(
    "its TLS certificate cannot be trusted",
    False,
    "where a proxy inspects TLS, name its certificate with REQUESTS_CA_BUNDLE; check the machine's date",
)
PROXY = Fault("the proxy did not connect", True, _CHECK_PROXY)
BAD_PROXY = Fault("the address of the proxy is malformed", False, _CHECK_PROXY)
UNKNOWN_NAME = Fault("its name cannot be resolved", True, _CHECK_NETWORK)
NO_CONNECTION = Fault("it takes no connection", True, _CHECK_NETWORK)
CONNECT_TIMEOUT = Fault("no connection was made in time", True, _CHECK_NETWORK)
READ_TIMEOUT = Fault("no answer came in time", True)
TLS = Fault("the TLS connection failed", True, _CHECK_NETWORK)
CUT_SHORT = Fault("the answer was cut short", True)
GARBLED = Fault("the answer could not be decompressed", True)
BROKEN_OFF = Fault("the connection broke off before the answer", True)
IMPOSSIBLE = Fault("the request could not be made", False, _REPORT)
TOO_SLOW = Fault("it was too slow to answer", True)
TOO_LARGE = Fault("the answer is larger than any that the API gives", False, "check MISTRAL_BASE_URL")
UNUSABLE = Fault("the connection could not be set up", False, "check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE")
UNFORESEEN = Fault("the exchange failed", False, _REPORT)

# The first row that fits any layer of an exception decides, so what is specific stands first.
TABLE: tuple[tuple[Fault, tuple[type[BaseException], ...]], ...] = (
    (UNTRUSTED, (ssl.SSLCertVerificationError, ssl.CertificateError)),
    (BAD_PROXY, (of_requests.InvalidProxyURL, of_urllib3.ProxySchemeUnknown, of_urllib3.ProxySchemeUnsupported)),
    (PROXY, (of_requests.ProxyError, of_urllib3.ProxyError)),
    (UNKNOWN_NAME, (of_urllib3.NameResolutionError, socket.gaierror)),
    (NO_CONNECTION, (of_urllib3.NewConnectionError, ConnectionRefusedError)),
    (CONNECT_TIMEOUT, (of_requests.ConnectTimeout, of_urllib3.ConnectTimeoutError)),
    (READ_TIMEOUT, (of_requests.Timeout, of_urllib3.ReadTimeoutError, TimeoutError)),
    (TLS, (of_requests.SSLError, of_urllib3.SSLError, ssl.SSLError)),
    (
        CUT_SHORT,
        (
            of_requests.ChunkedEncodingError,
            of_urllib3.IncompleteRead,
            of_urllib3.InvalidChunkLength,
            of_urllib3.ResponseNotChunked,
            http.client.IncompleteRead,
        ),
    ),
    (GARBLED, (of_requests.ContentDecodingError, of_urllib3.DecodeError)),
    (
        IMPOSSIBLE,
        (
            of_requests.URLRequired,
            of_requests.MissingSchema,
            of_requests.InvalidSchema,
            of_requests.InvalidURL,
            of_requests.InvalidHeader,
            of_requests.InvalidJSONError,
            of_requests.HTTPError,
            of_requests.StreamConsumedError,
            of_requests.TooManyRedirects,
            of_requests.RetryError,
            of_requests.UnrewindableBodyError,
            of_urllib3.HostChangedError,
            of_urllib3.LocationValueError,
            of_urllib3.TimeoutStateError,
            of_urllib3.BodyNotHttplibCompatible,
            of_urllib3.InvalidHeader,
            of_urllib3.UnrewindableBodyError,
            of_urllib3.ResponseError,
        ),
    ),
    (
        BROKEN_OFF,
        (
            of_requests.ConnectionError,
            of_urllib3.ProtocolError,
            of_urllib3.HeaderParsingError,
            of_urllib3.TimeoutError,
            of_urllib3.PoolError,
            http.client.HTTPException,
            ConnectionError,
        ),
    ),
    (UNFORESEEN, (of_requests.RequestException, of_urllib3.HTTPError)),
    (UNUSABLE, (OSError,)),
)


def read_fault(error: BaseException) -> Fault:
    """Return what an exception of FOREIGN means, from the most telling of the exceptions inside it."""
    layers = tuple(_layers(error))
    for fault, kinds in TABLE:
        if any(isinstance(layer, kinds) for layer in layers):
            return fault
    return UNFORESEEN


def _layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it carries; urllib3 puts them into arguments, `reason` and the cause."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        layer = waiting.pop()
        if isinstance(layer, BaseException) and id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            waiting += [*layer.args, getattr(layer, "reason", None), layer.__cause__]
