"""The text of an answer, endpoint by endpoint: as documented where the body is, and none where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS

CHAT, EMBEDDINGS, FIM = "/v1/chat/completions", "/v1/embeddings", "/v1/fim/completions"
MODERATIONS, CHAT_MODERATIONS = "/v1/moderations", "/v1/chat/moderations"
CLASSIFICATIONS, CHAT_CLASSIFICATIONS = "/v1/classifications", "/v1/chat/classifications"
OCR, CONVERSATIONS, TRANSCRIPTIONS = "/v1/ocr", "/v1/conversations", "/v1/audio/transcriptions"


def text_of(endpoint: str, body: object) -> str | None:
    return endpoint_at(endpoint).answer_text(body)


@pytest.mark.parametrize("endpoint", [CHAT, FIM])
@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([{"message": {"content": "hi"}}, {"message": {"content": "no"}}], "hi"),
        ([{"message": {"content": ""}}], ""),
        (
            [{"message": {"content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "a"}, {"type": "image_url"}, "odd", {"text": "b"}, {"type": "text", "text": 1},
            ]}}],
            "ab",
        ),
        ([{"message": {"content": []}}], ""),
        ([{"message": {"content": None, "tool_calls": []}}], None),
        ([{"message": None}], None),
        ([{}], None),
        ([None], None),
        ([], None),
        ({"0": 1}, None),
        (None, None),
    ],
)  # fmt: skip
def test_of_a_completion_it_is_the_first_choices(endpoint: str, choices: object, expected: str | None) -> None:
    assert text_of(endpoint, {"choices": choices}) == expected


def test_vectors_have_none() -> None:
    assert text_of(EMBEDDINGS, {"data": [{"embedding": [0.1]}], "text": "no"}) is None


@pytest.mark.parametrize("endpoint", [MODERATIONS, CHAT_MODERATIONS])
@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([{"categories": {"pii": False}, "category_scores": {"law": 0.1, "pii": 0.4, "health": 0.2}}], "pii"),
        ([{"category_scores": {"law": 0.1}}, {"category_scores": {"pii": 0.9}}], "law"),
        ([{"category_scores": {"b": 0, "a": 0}}], "a"),
        ([{"category_scores": {"b": "0.9", "a": 0.1, "c": True, "d": None}}], "a"),
        ([{"category_scores": {}}], None),
        ([{"category_scores": ["a"]}], None),
        ([{}], None),
        ([], None),
        (None, None),
    ],
)
def test_of_a_moderation_it_is_the_top_category_of_the_first_text(
    endpoint: str, results: object, expected: str | None
) -> None:
    assert text_of(endpoint, {"results": results}) == expected


@pytest.mark.parametrize("endpoint", [CLASSIFICATIONS, CHAT_CLASSIFICATIONS])
@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([{"queue": {"scores": {"billing": 0.2, "delivery": 0.7}}}], "delivery"),
        ([{"queue": {"scores": {"a": 1}}}, {"queue": {"scores": {"b": 1}}}], "a"),
        (
            [{"queue": {"scores": {"billing": 0.9, "other": 0.1}}, "mood": {"scores": {"calm": 0.2, "cross": 0.8}}}],
            "queue: billing, mood: cross",
        ),
        ([{"queue": {"scores": {}}, "mood": {"scores": {"calm": 1}}}], "calm"),
        ([{"queue": {"scores": {}}}], None),
        ([{"queue": 1}], None),
        ([{}], None),
        ("odd", None),
    ],
)
def test_of_a_classification_it_is_the_top_label_of_each_target(
    endpoint: str, results: object, expected: str | None
) -> None:
    assert text_of(endpoint, {"results": results}) == expected


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([{"index": 0, "markdown": "# One"}, {"index": 1, "markdown": "two\n"}], "# One\n\ntwo\n"),
        ([{"markdown": ""}, {"markdown": "x"}, {"markdown": None}, "odd"], "\n\nx"),
        ([{"index": 0}], None),
        ([], None),
        (None, None),
    ],
)
def test_of_a_document_it_is_the_pages_with_a_blank_line_between(pages: object, expected: str | None) -> None:
    assert text_of(OCR, {"pages": pages}) == expected


@pytest.mark.parametrize(("text", "expected"), [("Hello.", "Hello."), ("", ""), (None, None), (3, None)])
def test_of_a_recording_it_is_what_was_said(text: object, expected: str | None) -> None:
    assert text_of(TRANSCRIPTIONS, {"text": text, "segments": []}) == expected


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([{"type": "message.output", "content": "Hi."}], "Hi."),
        ([{"content": "An entry without a type is a message."}], "An entry without a type is a message."),
        (
            [
                {"type": "tool.execution", "name": "web_search", "arguments": "{}", "content": "no"},
                {"type": "message.output", "content": [
                    {"type": "text", "text": "As "},
                    {"type": "tool_reference", "tool": "web_search", "title": "t"},
                    {"type": "text", "text": "found."},
                ]},
                {"type": "function.call", "name": "f", "arguments": "{}"},
                {"type": "message.output", "content": "Done."},
            ],
            "As found.\n\nDone.",
        ),
        ([{"type": "function.call", "name": "f", "arguments": "{}"}], None),
        ([{"type": "message.output", "content": None}], None),
        ([], None),
        (None, None),
    ],
)  # fmt: skip
def test_of_a_conversation_it_is_what_the_model_said(outputs: object, expected: str | None) -> None:
    assert text_of(CONVERSATIONS, {"outputs": outputs}) == expected


KEYS = ["choices", "message", "content", "results", "category_scores", "scores", "pages", "markdown", "text", "outputs"]
KEYS += ["type", "queue"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["text", "message.output"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(body=JSON)
def test_no_body_at_all_is_an_error(endpoint: str, body: object) -> None:
    assert isinstance(text_of(endpoint, body), str | None)
