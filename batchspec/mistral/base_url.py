"""Where the API is: MISTRAL_BASE_URL parsed once, and every address built from the checked parts.

It refuses whatever two URL parsers could read differently, and plain HTTP to anything but this machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from batchspec.core.errors import InvalidInputError

VARIABLE = "MISTRAL_BASE_URL"
DEFAULT = "https://api.mistral.ai"

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<prefix>(?:/[A-Za-z0-9._~-]+)*)/?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUrl:
    """The checked parts of the API's address. `prefix` is empty or begins with `/` and does not end with one."""

    scheme: str
    host: str
    port: int | None = None
    prefix: str = ""

    @property
    def place(self) -> str:
        """`host` or `host:port`, as shown to people."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS; without it the host is this machine."""
        return self.scheme == "https"

    def join(self, path: str) -> str:
        """Return the address of an API path, which begins with `/`."""
        return f"{self.scheme}://{self.place}{self.prefix}{path}"


def parse_base_url(text: str) -> BaseUrl:
    """Parse an address. Raises InvalidInputError, which never shows it: it may hold a password or a misplaced key."""
    if problem := _visible_problem(text):
        raise _refused(problem)
    found = _URL.fullmatch(text)
    if found is None:
        raise _refused("it is not of the form https://host[:port][/prefix]")
    host = found["host"].lower()
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise _refused("its port is not between 1 and 65535")
    if ".." in host or (host.startswith("[") and _address(host) is None):
        raise _refused("its host is not a name or an address")
    if found["scheme"].lower() == "http" and not _is_loopback(host):
        raise _refused(
            "plain http is allowed on this machine only (localhost, 127.0.0.1, [::1]); it would show the key"
        )
    _check_prefix(found["prefix"])
    return BaseUrl(scheme=found["scheme"].lower(), host=host, port=port, prefix=found["prefix"])


def read_base_url(environ: Mapping[str, str]) -> BaseUrl:
    """Return the address that MISTRAL_BASE_URL names, or the default where it is unset or empty.

    Raises InvalidInputError.
    """
    return parse_base_url(environ.get(VARIABLE) or DEFAULT)


def _visible_problem(text: str) -> str | None:
    if not text.isascii():
        return "it holds a character outside ASCII"
    if any(character <= " " or character == "\x7f" for character in text):
        return "it holds a blank or a control character"
    if "\\" in text:
        return "it holds a backslash"
    if "@" in text:
        return "it holds a user name or a password"
    if "?" in text or "#" in text:
        return "it holds a query or a fragment"
    return None


def _check_prefix(prefix: str) -> None:
    segments = prefix.split("/")
    if "." in segments or ".." in segments:
        raise _refused("its path holds `.` or `..`")
    if segments[-1].lower() == "v1":
        raise _refused("it ends in /v1, which batchspec adds itself")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{VARIABLE} is not an address of the API",
        why=why,
        hint=f"unset {VARIABLE} to use {DEFAULT}, or give https://host[:port][/prefix]",
    )
