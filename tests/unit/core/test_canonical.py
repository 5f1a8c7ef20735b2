"""Golden vectors of canonical JSON and of digests. A change of any is a new TAG, and pays for work again."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchspec.core.canonical import (
    TAG,
    CanonicalError,
    RequestIdentity,
    body_digest,
    canonical,
    default_custom_id,
    keeps_key_order,
    shard_digest,
)
from batchspec.core.model import BodyDigest

CHAT = "/v1/chat/completions"
SMALL = "mistral-small-latest"
ROOT = Path(__file__).parents[3]

# (body, its canonical form, the digest of the request with it for CHAT and SMALL)
GOLDEN: dict[str, tuple[object, bytes, str]] = {
    "empty": ({}, b"{}", "8dd990aeac0527f78d46691909673b8a"),
    "keys sorted at every depth": (
        {"b": 1, "a": {"d": None, "c": [True, False]}},
        b'{"a":{"c":[true,false],"d":null},"b":1}',
        "2f1bd53bd3e1cbec8c324b0daa4908d8",
    ),
    "an integer": ({"t": 1}, b'{"t":1}', "f18174febecd07dd03313e5b05874ce4"),
    "an integral float": ({"t": 1.0}, b'{"t":1}', "f18174febecd07dd03313e5b05874ce4"),
    "minus zero": ({"t": -0.0}, b'{"t":0}', "3a5c273dd9943f81b7d5ef27d8a9cb13"),
    "a fraction": ({"t": 0.1}, b'{"t":0.1}', "23daeb8aa775d913cbd8389e8debb2c7"),
    "2**53": ({"t": 2.0**53}, b'{"t":9007199254740992}', "d4fb6fa518c6b66228a2d254bcd5c85e"),
    "a float beyond 2**53": ({"t": 2.0**53 + 2}, b'{"t":9007199254740994.0}', "dfd59bebe7bb68b3cd8144b2b9b6cb42"),
    "1e16": ({"t": 1e16}, b'{"t":1e+16}', "86211095ec64a8c71733577a0b3741c9"),
    "10**16": ({"t": 10**16}, b'{"t":10000000000000000}', "9701555841dda627ffd9db1fa0d90257"),
    "an integer beyond 64 bits": (
        {"t": 12345678901234567890123},
        b'{"t":12345678901234567890123}',
        "360bc60a987af154eb2261109ebbbc49",
    ),
    "the smallest and a large float": (
        {"t": 5e-324, "u": 1.5e300},
        b'{"t":5e-324,"u":1.5e+300}',
        "1578dfd049b558d0bef8e743dc966859",
    ),
    "text unchanged, only what must be is escaped": (
        {"t": 'é\u2028\x00"\\/\x7f𝄞'},
        b'{"t":"\xc3\xa9\xe2\x80\xa8\\u0000\\"\\\\/\x7f\xf0\x9d\x84\x9e"}',
        "64dd23e135ea752dca31b858abb8082d",
    ),
    # By UTF-16 units, as other canonical forms sort, U+1D11E would come before U+FB00.
    "keys by code point": (
        {"é": 1, "z": 2, "𝄞": 3, "ﬀ": 4},
        '{"z":2,"é":1,"ﬀ":4,"𝄞":3}'.encode(),
        "9b31a656c92904aea2f34cd4fca2818a",
    ),
    "a response schema keeps its order": (
        {
            "z": 1,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "n",
                    "schema": {"type": "object", "properties": {"z": {"b": 1, "a": 2}, "a": {}}},
                },
            },
        },
        (
            b'{"response_format":{"json_schema":{"name":"n","schema":{"type":"object",'
            b'"properties":{"z":{"b":1,"a":2},"a":{}}}},"type":"json_schema"},"z":1}'
        ),
        "fcb5bb91f2d4485c54425a7b3f0ba799",
    ),
    "a tool's parameters keep their order": (
        {"tools": [{"type": "function", "function": {"parameters": {"z": 1, "a": [{"y": 1, "b": 2}]}, "name": "f"}}]},
        b'{"tools":[{"function":{"name":"f","parameters":{"z":1,"a":[{"y":1,"b":2}]}},"type":"function"}]}',
        "74f7a73ade259a08e620bea2efdf8a21",
    ),
}


@pytest.mark.parametrize(("body", "text", "request_digest"), GOLDEN.values(), ids=GOLDEN)
def test_golden_vectors_of_bodies_and_requests(body: object, text: bytes, request_digest: str) -> None:
    assert canonical(body) == text
    assert body_digest(text) == hashlib.sha256(text).digest()
    assert RequestIdentity(CHAT, SMALL).digest(body_digest(text)).hex() == request_digest


def test_a_request_digest_follows_the_published_formula() -> None:
    body = hashlib.sha256(b'{"temperature":1}').digest()
    head = b'["/v1/chat/completions","mistral-small-latest",3,7]'
    expected = hashlib.sha256(b"batchspec/1\x00" + head + b"\x00" + body).digest()[:16]
    assert TAG == b"batchspec/1"
    assert RequestIdentity(CHAT, SMALL, revision=3, replicate=7).digest(BodyDigest(body)) == expected


def test_golden_vectors_of_what_else_makes_a_request_another_one() -> None:
    body = body_digest(canonical({"messages": [{"role": "user", "content": "Grüße\u2028"}], "temperature": 1.0}))
    assert body.hex() == "ee699cb157875ed126b04431b02a4d8413ccba1ca3e34881518191370b21b119"
    assert RequestIdentity(CHAT, SMALL).digest(body).hex() == "34fdc3b4957d80cf0d684178473fb369"
    assert RequestIdentity(CHAT, SMALL, revision=1).digest(body).hex() == "c6d1d7a14e7c3f911dbec5bfb20b756e"
    assert RequestIdentity(CHAT, SMALL, replicate=1).digest(body).hex() == "a72502ef496fd351e38f56bc5c00a65b"
    assert RequestIdentity("/v1/embeddings", SMALL).digest(body).hex() == "6eadfb069a5ea0477fbd2eccbe309141"
    assert RequestIdentity(CHAT, "ministral-8b-latest").digest(body).hex() == "b7c2064e72e25c848ee28eacd7c27161"


def test_golden_vector_of_a_shard_whatever_the_order_of_its_requests() -> None:
    body = body_digest(canonical({"messages": [{"role": "user", "content": "Grüße\u2028"}], "temperature": 1.0}))
    requests = [RequestIdentity(CHAT, SMALL, replicate=number).digest(body) for number in range(3)]
    assert shard_digest(CHAT, SMALL, requests) == "3accce94060d34dc89157fbb82a0d7fd"
    assert shard_digest(CHAT, SMALL, reversed(requests)) == "3accce94060d34dc89157fbb82a0d7fd"
    assert shard_digest(CHAT, "ministral-8b-latest", requests) != "3accce94060d34dc89157fbb82a0d7fd"
    assert shard_digest(CHAT, SMALL, requests[1:]) != "3accce94060d34dc89157fbb82a0d7fd"


def test_a_default_custom_id_is_made_of_the_body_alone() -> None:
    assert default_custom_id(body_digest(b"{}")) == "44136fa355b3678a1146ad16"


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_digests_are_the_same_under_any_hash_seed(seed: str) -> None:
    program = (
        "from batchspec.core.canonical import *\n"
        "body = {name: {str(n): [n, {'k': name}] for n in range(20)} for name in ('tools', 'é', 'b', 'a', '𝄞')}\n"
        "body['response_format'] = {'json_schema': {'schema': {'z': 1, 'a': {'y': 1, 'b': 2}}}}\n"
        f"print(RequestIdentity({CHAT!r}, {SMALL!r}).digest(body_digest(canonical(body))).hex())\n"
    )
    environ = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    told = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "f0e06e6b68dfd0ae4950a20b3dbe68fc"


@pytest.mark.parametrize(
    ("pointer", "kept"),
    [
        (("response_format", "json_schema", "schema"), True),
        (("response_format", "json_schema", "schema", "properties", "a"), True),
        (("response_format", "json_schema"), False),
        (("completion_args", "response_format", "json_schema", "schema"), True),
        (("bbox_annotation_format", "json_schema", "schema"), True),
        (("document_annotation_format", "json_schema", "schema", 3), True),
        (("tools", 0, "function", "parameters"), True),
        (("tools", 12, "function", "parameters", "x", 0), True),
        (("tools", "0", "function", "parameters"), False),
        (("tools", 0, "function"), False),
        (("messages", 0, "tools", 0, "function", "parameters"), False),
        ((), False),
    ],
)
def test_key_order_counts_inside_json_schemas_only(pointer: tuple[str | int, ...], kept: bool) -> None:
    assert keeps_key_order(pointer) is kept
    expected = b'{"b":1,"a":[{"d":1,"c":2}]}' if kept else b'{"a":[{"c":2,"d":1}],"b":1}'
    assert canonical({"b": 1, "a": [{"d": 1, "c": 2}]}, pointer) == expected


def test_a_tuple_is_a_list_and_true_is_not_one() -> None:
    assert canonical((1, True, 1.0, False)) == b"[1,true,1,false]"


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"a": [0, math.nan]}, ("a", 1), "nan is not a JSON number"),
        ({"a": math.inf}, ("a",), "inf is not a JSON number"),
        ({"a": {"b": -math.inf}}, ("a", "b"), "-inf is not a JSON number"),
        ({"a": "\ud800"}, ("a",), "lone surrogate"),
        ({"a": {"\udfff": 1}}, ("a",), "lone surrogate"),
        ({"a": {1: 2}}, ("a",), "the key 1 is not text"),
        ({"a": {None: 2}}, ("a",), "the key None is not text"),
        ({"a": b"x"}, ("a",), "a bytes is not a JSON value"),
        ([{1, 2}], (0,), "a set is not a JSON value"),
        ([object()], (0,), "a object is not a JSON value"),
        ({"n": 10**5000}, ("n",), "too large a number"),
        ({"n": -(2**1024)}, ("n",), "too large a number"),
    ],
)
def test_what_json_lacks_is_refused_with_its_place(body: object, pointer: tuple[object, ...], words: str) -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical(body)
    assert words in str(caught.value)
    assert caught.value.pointer == pointer


def test_a_refused_value_is_placed_from_where_it_stands_in_the_body() -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical([math.nan], ("messages", 0))
    assert caught.value.pointer == ("messages", 0, 0)


def test_a_value_nested_without_end_is_refused_and_not_a_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CanonicalError, match="nested too deeply"):
        canonical({"a": deep})
