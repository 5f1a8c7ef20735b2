from __future__ import annotations

import inspect
import socket
import ssl
import types

import pytest
import requests.exceptions
import urllib3.exceptions

from batchspec.mistral.faults import (
    BROKEN_OFF,
    CONNECT_TIMEOUT,
    FOREIGN,
    NO_CONNECTION,
    PROXY,
    READ_TIMEOUT,
    TABLE,
    UNFORESEEN,
    UNKNOWN_NAME,
    UNTRUSTED,
    UNUSABLE,
    read_fault,
)

ROOTS = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


def exceptions_of(module: types.ModuleType) -> list[type[Exception]]:
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception)
        and not issubclass(found, Warning)
        and found.__module__ == module.__name__
        and found not in ROOTS
    ]


@pytest.mark.parametrize("kind", exceptions_of(requests.exceptions) + exceptions_of(urllib3.exceptions))
def test_every_exception_of_the_libraries_has_its_row(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    rows = [fault for fault, kinds in TABLE if issubclass(kind, kinds)]
    assert rows[0] not in (UNFORESEEN, UNUSABLE)


def test_the_most_telling_layer_decides() -> None:
    pool = urllib3.HTTPConnectionPool("h")
    connection = urllib3.connection.HTTPConnection("h")
    refused = urllib3.exceptions.NewConnectionError(connection, "x")
    unknown = urllib3.exceptions.NameResolutionError("h", connection, socket.gaierror())
    proxied = urllib3.exceptions.ProxyError("x", refused)
    untrusted = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError())

    def wrapped(reason: Exception) -> requests.exceptions.ConnectionError:
        return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))

    assert read_fault(wrapped(refused)) is NO_CONNECTION
    assert read_fault(wrapped(unknown)) is UNKNOWN_NAME
    assert read_fault(wrapped(proxied)) is PROXY
    assert read_fault(wrapped(untrusted)) is UNTRUSTED
    assert read_fault(wrapped(urllib3.exceptions.ConnectTimeoutError())) is CONNECT_TIMEOUT
    assert read_fault(requests.exceptions.ReadTimeout()) is READ_TIMEOUT
    assert read_fault(wrapped(urllib3.exceptions.ProtocolError("x", ConnectionResetError()))) is BROKEN_OFF
    assert read_fault(OSError("no such bundle")) is UNUSABLE
    pool.close()


def test_every_fault_is_a_sentence_in_plain_words() -> None:
    for fault, kinds in TABLE:
        assert fault.sentence
        assert kinds
        assert fault.passing or fault.hint
