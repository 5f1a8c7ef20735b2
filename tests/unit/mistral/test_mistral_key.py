from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import AccessError
from batchspec.mistral.key import ApiKey, read_key

CANARY = "canary-key-4f1d2c3b"


def test_a_key_shows_itself_as_stars_everywhere() -> None:
    key = ApiKey(CANARY)
    assert {repr(key), str(key), f"{key}", f"{key:>40}", f"{key!r}", "%s" % (key,)} == {"***"}  # noqa: UP031
    assert CANARY not in repr([key]) + repr({"key": key})
    assert not hasattr(key, "__dict__")
    assert key.reveal() == CANARY


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_neither_pickled_nor_copied(duplicate: object) -> None:
    assert callable(duplicate)
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        duplicate(ApiKey(CANARY))


def test_blanks_around_a_key_are_dropped() -> None:
    assert read_key({"MISTRAL_API_KEY": f" \t{CANARY}\r\n"}).reveal() == CANARY


@pytest.mark.parametrize("environ", [{}, {"MISTRAL_API_KEY": ""}, {"MISTRAL_API_KEY": " \n"}])
def test_a_missing_key_is_named_with_the_way_to_set_it(environ: dict[str, str]) -> None:
    with pytest.raises(AccessError, match="MISTRAL_API_KEY is not set") as raised:
        read_key(environ)
    assert raised.value.hint is not None
    assert "MISTRAL_API_KEY" in raised.value.hint


@pytest.mark.parametrize("spoiler", [" ", "\n", "\r\nX-Evil: 1", "\x00", "é", "\u2028", "\x7f", "\U0001f511"])
def test_a_malformed_key_is_refused_and_never_shown(spoiler: str) -> None:
    with pytest.raises(AccessError) as raised:
        read_key({"MISTRAL_API_KEY": f"{CANARY}{spoiler}rest-of-it"})
    error = raised.value
    # The test's own frames show its source, so only what the error carries is looked at.
    shown = f"{error}{error.why}{error.hint}{error!r}{vars(error)}" + "".join(traceback.format_exception_only(error))
    assert CANARY not in shown
    assert "rest-of-it" not in shown


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_every_visible_ascii_text_is_a_key_and_comes_back_as_it_was(text: str) -> None:
    assert ApiKey(text).reveal() == text


def test_a_key_that_is_quoted_back_is_hidden() -> None:
    assert ApiKey(CANARY).redact(f"bad key {CANARY}, {CANARY}!") == "bad key ***, ***!"
