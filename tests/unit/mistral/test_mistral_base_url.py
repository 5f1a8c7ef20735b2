from __future__ import annotations

import pytest
import requests
import urllib3.util
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import InvalidInputError
from batchspec.mistral.base_url import BaseUrl, parse_base_url, read_base_url


@pytest.mark.parametrize("environ", [{}, {"MISTRAL_BASE_URL": ""}])
def test_without_the_variable_it_is_the_public_api(environ: dict[str, str]) -> None:
    assert read_base_url(environ).join("/v1/files") == "https://api.mistral.ai/v1/files"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("https://api.example.org", "https://api.example.org/x"),
        ("HTTPS://API.Example.ORG/", "https://api.example.org/x"),
        ("https://gateway.example.org:8443/mistral/eu", "https://gateway.example.org:8443/mistral/eu/x"),
        ("http://localhost:8790", "http://localhost:8790/x"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/x"),
        ("http://127.8.9.10", "http://127.8.9.10/x"),
        ("http://[::1]:8790/", "http://[::1]:8790/x"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/x"),
    ],
)
def test_an_address_is_taken_apart_and_put_together(text: str, joined: str) -> None:
    assert parse_base_url(text).join("/x") == joined


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://api.mistral.ai", "plain http"),
        ("http://10.0.0.1", "plain http"),
        ("http://127.0.0.1.example.org", "plain http"),
        ("http://localhost.example.org", "plain http"),
        ("http://127.1", "plain http"),
        ("http://0x7f000001", "plain http"),
        ("http://[2001:db8::1]", "plain http"),
        ("https://user:secret-pw@api.mistral.ai", "user name"),
        ("https://api.mistral.ai@evil.example", "user name"),
        ("https://api.mistral.ai\\@evil.example", "backslash"),
        ("https:\\\\api.mistral.ai", "backslash"),
        ("https://api.mistral.ai /", "blank"),
        (" https://api.mistral.ai", "blank"),
        ("https://api.mistral.ai\n", "blank"),
        ("https://api.mistral.ai\t", "blank"),
        ("https://api.mistral.ai\x7f", "control"),
        ("https://\u0430pi.mistral.ai", "outside ASCII"),
        ("https://api.mistral.ai/?a=b", "query"),
        ("https://api.mistral.ai/#x", "fragment"),
        ("https://api.mistral.ai/a/../b", "`..`"),
        ("https://api.mistral.ai/./b", "`.`"),
        ("https://api.mistral.ai/%2e%2e", "form"),
        ("https://api.mistral.ai//x", "form"),
        ("https://api.mistral.ai/v1", "/v1"),
        ("https://api.mistral.ai/v1/", "/v1"),
        ("https://api..ai", "host"),
        ("https://[::1::2]", "host"),
        ("https://[1.2.3.4.5]", "host"),
        ("https://-x.example", "form"),
        ("https://api.mistral.ai:0", "port"),
        ("https://api.mistral.ai:65536", "port"),
        ("https://api.mistral.ai:", "form"),
        ("https://", "form"),
        ("https:///v1/files", "form"),
        ("api.mistral.ai", "form"),
        ("//api.mistral.ai", "form"),
        ("ftp://api.mistral.ai", "form"),
        ("file:///etc/passwd", "form"),
        ("https://api.mistral.ai;x", "form"),
    ],
)
def test_a_doubtful_address_is_refused_without_being_shown(text: str, why: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        parse_base_url(text)
    error = raised.value
    assert error.why is not None
    assert why in error.why
    assert error.hint is not None
    assert "MISTRAL_BASE_URL" in error.summary
    assert "evil" not in f"{error}{error.why}{error.hint}"
    assert "secret-pw" not in f"{error}{error.why}{error.hint}"


ADDRESSES = st.from_regex(r"\A(https?|HTTPS)://[a-zA-Z0-9.:@\[\]\\-]{1,30}(/[a-z.%0-9/]{0,10})?\Z")


@given(ADDRESSES)
def test_what_is_accepted_means_the_same_host_to_every_parser(text: str) -> None:
    try:
        base_url: BaseUrl = parse_base_url(text)
    except InvalidInputError:
        return
    prepared = requests.Request("GET", base_url.join("/v1/files")).prepare()
    assert prepared.url == base_url.join("/v1/files")
    seen = urllib3.util.parse_url(prepared.url)
    assert (seen.scheme, seen.host, seen.port) == (base_url.scheme, base_url.host, base_url.port)
    assert seen.auth is None
