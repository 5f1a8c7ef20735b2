"""The plain rule counts what is text, near what the provider has published, and says where it cannot count."""

from __future__ import annotations

import pytest

from batchspec.core.token_estimate import estimate_input, text_tokens

CHAT = "/v1/chat/completions"
PICTURE = {"type": "image_url", "image_url": "https://example.com/a.png"}


def said(*texts: str) -> dict[str, object]:
    roles = ("system", "user") if len(texts) == 2 else ("user", "assistant", "user")
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("日本", 2)])
def test_a_token_is_four_bytes_begun(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


@pytest.mark.parametrize(
    ("body", "published"),
    [
        (said("What is the best French cheese?"), 10),
        (said("What is the best French pastry?"), 11),
        (said("Extract the books information.", "I recently read To Kill a Mockingbird by Harper Lee."), 21),
        (
            said("What is the capital of France?", "The Capital of France is **Paris**.", "Translate that to French."),
            26,
        ),
    ],
)
def test_the_rule_is_within_a_third_of_published_counts(body: dict[str, object], published: int) -> None:
    tokens = estimate_input(CHAT, body)
    assert tokens is not None
    assert abs(tokens - published) <= published / 3


@pytest.mark.parametrize(
    ("endpoint", "body", "tokens"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "four"}, {"text": "four"}]}]}, 4),
        (CHAT, {"messages": [{"role": "user", "content": "four"}], "tools": [{"a": 1}]}, 6),
        (CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"a": 1}]}]}, 5),
        (CHAT, {"messages": [{"role": "assistant", "content": [{"thinking": [{"text": "four"}]}]}]}, 3),
        ("/v1/fim/completions", {"prompt": "def", "suffix": "return a+b"}, 8),
        ("/v1/embeddings", {"input": ["four", "five!"]}, 7),
        ("/v1/embeddings", {"input": "four"}, 3),
        ("/v1/moderations", {"input": "four"}, 3),
        ("/v1/chat/moderations", {"input": [{"role": "user", "content": "four"}]}, 3),
        ("/v1/chat/moderations", {"input": [[{"role": "user", "content": "four"}]] * 2}, 6),
        ("/v1/chat/classifications", {"input": {"messages": [{"role": "user", "content": "four"}]}}, 3),
        ("/v1/conversations", {"inputs": "four", "instructions": "four"}, 6),
        ("/v1/conversations", {"inputs": [{"role": "user", "content": "four"}, {"result": "four"}]}, 6),
    ],
)
def test_each_endpoint_is_counted_by_its_texts(endpoint: str, body: dict[str, object], tokens: int) -> None:
    assert estimate_input(endpoint, body) == tokens


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, PICTURE]}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"image_url": "https://example.com/a.png"}]}]}),
        (CHAT, {"messages": "no list"}),
        (CHAT, {}),
        ("/v1/embeddings", {"input": [1]}),
        ("/v1/ocr", {"document": {"file_id": "x"}}),
        ("/v1/audio/transcriptions", {"file_url": "https://example.com/a.mp3"}),
    ],
)
def test_what_no_text_tells_the_tokens_of_is_not_counted(endpoint: str, body: dict[str, object]) -> None:
    assert estimate_input(endpoint, body) is None
