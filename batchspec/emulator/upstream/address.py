"""Where the upstream server is: its URL read once, refused where two readers could take it for two things.

Plain http is allowed, since local models have no certificates; a key goes over it only to this machine or to a private
network.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from batchspec.emulator.refusals import EmulatorError

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<prefix>(?:/[A-Za-z0-9._~-]+)*)/?",
    re.ASCII | re.IGNORECASE,
)
_PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".home.arpa", ".localhost")


class Address(NamedTuple):
    """The checked parts: `prefix` is empty or begins with a slash, and ends neither with one nor with `/v1`."""

    encrypted: bool
    host: str
    port: int | None
    prefix: str

    def path_of(self, endpoint: str) -> str:
        """Return the path of an endpoint there, such as /v1/embeddings."""
        return self.prefix + endpoint

    @property
    def shown(self) -> str:
        """The address as people know it."""
        port = "" if self.port is None else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.encrypted else ''}://{host}{port}{self.prefix}"


def read_address(url: str, *, keyed: bool = False) -> Address:
    """Read a URL; `keyed` where a key will be sent to it.

    Raises EmulatorError, which never shows the URL: it may hold a password.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise _refused("it is not of the form http://host[:port][/prefix], without a user, a query or a fragment")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise _refused("its port is not between 1 and 65535")
    host = found["host"].lower().strip("[]")
    segments = found["prefix"].split("/")
    if ".." in host or "." in segments or ".." in segments:
        raise _refused("its host or its path holds `..`")
    if ":" in host and _ip(host) is None:
        raise _refused("its host is not a name or an address")
    encrypted = found["scheme"].lower() == "https"
    if keyed and not encrypted and not _is_private(host):
        raise _refused("plain http would show the key to everyone on the way: it goes so to private hosts only")
    prefix = found["prefix"].removesuffix("/v1")
    return Address(encrypted, host, port, prefix)


def _is_private(host: str) -> bool:
    address = _ip(host)
    if address is not None:
        return address.is_loopback or address.is_private
    return "." not in host or host.endswith(_PRIVATE_ENDINGS)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(why: str) -> EmulatorError:
    return EmulatorError(
        "--upstream is not an address of a server",
        why=why,
        hint="give http://host[:port][/prefix] or https://…; a key for it goes into BATCHSPEC_UPSTREAM_KEY",
    )
