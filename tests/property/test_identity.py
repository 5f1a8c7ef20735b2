"""Laws of identity: what is the same request stays the same through every file, order and writer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.canonical import (
    Pointer,
    RequestIdentity,
    body_digest,
    canonical,
    default_custom_id,
    keeps_key_order,
    shard_digest,
)
from batchspec.core.json_text import encode, parse
from batchspec.core.lines import (
    as_inline_request,
    read_request_line,
    read_request_lines,
    read_told,
    request_line,
    request_lines,
    request_of_inline,
    told_of,
)
from batchspec.core.model import BodyDigest, RequestDigest

# Digits in rows are common, and orjson reads integers beyond 64 bits as floats.
TEXT = st.text(max_size=8) | st.integers(10**18, 10**25).map(str) | st.sampled_from(["\u2028", '"\\', "\x00"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**54), 2**54).map(float)
    | TEXT
)
KEYS = TEXT | st.sampled_from(["tools", "function", "parameters", "response_format", "json_schema", "schema"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
SCHEMAS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=4)
ORDERED = st.one_of(
    SCHEMAS.map(lambda schema: {"response_format": {"json_schema": {"schema": schema}}}),
    st.lists(SCHEMAS, max_size=2).map(lambda all_: {"tools": [{"function": {"parameters": each}} for each in all_]}),
)
BODIES = st.builds(lambda one, two: {**one, **two}, st.dictionaries(KEYS, VALUES, max_size=4), ORDERED | st.just({}))
IDS = st.text(min_size=1, max_size=12) | TEXT.filter(bool)


def shuffled(value: object, turn: int, pointer: Pointer = ()) -> object:
    """Return a value whose keys stand in another order wherever their order does not count."""
    if isinstance(value, list):
        return [shuffled(item, turn, (*pointer, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    items = [(key, shuffled(item, turn, (*pointer, key))) for key, item in value.items()]
    if not keeps_key_order(pointer):
        items = items[turn % len(items) :] + items[: turn % len(items)] if items else items
        items.reverse()
    return dict(items)


def whole_floats(value: object) -> object:
    """Return a value whose small integers are floats."""
    if isinstance(value, list):
        return [whole_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: whole_floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53 else value


@given(value=BODIES)
def test_the_canonical_form_holds_the_value_and_is_its_own_canonical_form(value: object) -> None:
    text = canonical(value)
    assert parse(text) == value
    assert canonical(parse(text)) == text


@given(value=BODIES, turn=st.integers(0, 5))
def test_the_order_of_keys_and_the_type_of_whole_numbers_do_not_count(value: object, turn: int) -> None:
    assert canonical(shuffled(value, turn)) == canonical(value)
    assert canonical(whole_floats(value)) == canonical(value)


@given(schema=SCHEMAS.filter(lambda schema: len(schema) > 1))
def test_the_order_of_keys_counts_inside_a_response_schema(schema: Mapping[str, object]) -> None:
    def asked(properties: Mapping[str, object]) -> bytes:
        return canonical({"response_format": {"json_schema": {"schema": {"properties": properties}}}})

    turned = dict(reversed(list(schema.items())))
    assert asked(turned) != asked(schema)
    assert canonical({"metadata": turned}) == canonical({"metadata": dict(schema)})


@given(value=BODIES)
def test_another_writers_json_has_the_same_canonical_form(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert canonical(parse(text.encode("utf-8"))) == canonical(value)
    assert canonical(parse(encode(value))) == canonical(value)


@given(one=BODIES, two=BODIES)
def test_two_bodies_have_one_form_only_if_they_are_equal(one: object, two: object) -> None:
    # Python takes true for 1 and 1e16 for 10**16; neither is the same JSON.
    if canonical(one) == canonical(two):
        assert one == two


@given(custom_id=IDS, body=BODIES)
def test_a_line_leads_back_to_its_custom_id_and_to_the_digest_of_its_body(custom_id: str, body: object) -> None:
    line = request_line(custom_id, canonical(body))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    read = read_request_line(line)
    assert read == (custom_id, body_digest(canonical(body)))
    # Also as another program would write it.
    rewritten = json.dumps({"body": body, "custom_id": custom_id}).encode()
    assert read_request_line(rewritten) == read


@given(rows=st.lists(st.tuples(IDS, BODIES), max_size=5))
def test_what_is_told_of_lines_is_what_reading_them_finds(rows: list[tuple[str, object]]) -> None:
    bodies = [canonical(body) for _, body in rows]
    data = b"".join(request_lines([custom_id for custom_id, _ in rows], bodies))
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    custom_ids, digests = read_told(told_of([custom_id for custom_id, _ in rows], list(map(body_digest, bodies))))
    assert list(zip(custom_ids, digests, strict=True)) == list(read_request_lines(lines))
    assert len(lines) == len(rows)


@given(custom_id=IDS, body=BODIES)
def test_an_inline_request_says_which_request_it_is_and_sends_the_same_bytes(custom_id: str, body: object) -> None:
    identity = RequestIdentity("/v1/chat/completions", "m")
    digest = identity.digest(body_digest(canonical(body)))
    inline = as_inline_request(request_line(custom_id, canonical(body)), digest)
    read = read_request_line(inline)
    assert request_of_inline(read.custom_id) == digest == identity.digest(read.body)
    assert inline.endswith(b',"body":' + canonical(body) + b"}")


@given(custom_id=IDS)
def test_only_an_inline_custom_id_is_taken_for_one(custom_id: str) -> None:
    told = request_of_inline(custom_id)
    assert told is None or told.hex() == custom_id


PARTS = st.tuples(
    st.text(max_size=6), st.text(max_size=6), st.integers(0, 99), st.integers(0, 99), st.binary(max_size=4)
)


@given(one=PARTS, two=PARTS)
def test_requests_are_the_same_only_if_everything_that_counts_is(
    one: tuple[str, str, int, int, bytes], two: tuple[str, str, int, int, bytes]
) -> None:
    def digest(parts: tuple[str, str, int, int, bytes]) -> RequestDigest:
        endpoint, model, revision, replicate, body = parts
        identity = RequestIdentity(endpoint, model, revision=revision, replicate=replicate)
        assert identity.digest(body_digest(body)) == identity.digest(body_digest(body))
        return identity.digest(body_digest(body))

    assert (digest(one) == digest(two)) is (one == two)
    assert len(digest(one)) == 16


@given(digests=st.lists(st.binary(min_size=16, max_size=16).map(RequestDigest), unique=True))
def test_a_shard_is_the_set_of_its_requests(digests: list[RequestDigest]) -> None:
    whole = shard_digest("e", "m", digests)
    assert shard_digest("e", "m", sorted(digests, reverse=True)) == whole
    assert shard_digest("e", "m", [*digests, RequestDigest(b"one more request")]) != whole
    assert all(shard_digest("e", "m", digests[:cut]) != whole for cut in range(len(digests)))


@given(body=st.binary(max_size=8))
def test_a_default_custom_id_fits_wherever_a_custom_id_does(body: bytes) -> None:
    told = default_custom_id(BodyDigest(body_digest(body)))
    assert (len(told), told.isascii(), told.isalnum()) == (24, True, True)
