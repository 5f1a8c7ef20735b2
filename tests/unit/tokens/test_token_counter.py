"""Counts are those that the provider's documentation publishes, and an estimate says that it is one."""

from __future__ import annotations

import sys

import pytest

from batchspec.core.metering import Counted
from batchspec.core.token_estimate import estimate_input
from batchspec.tokens import MistralCounter, is_installed
from batchspec.tokens.families import Tokeniser, family_of

CHAT = "/v1/chat/completions"
needs_library = pytest.mark.skipif(not is_installed(), reason="the extra `tokens` is not installed")
SCHEMA = {"type": "json_schema", "json_schema": {"name": "math", "schema": {"type": "object"}}}


def chat(*said: tuple[str, str], **more: object) -> dict[str, object]:
    return {"messages": [{"role": role, "content": text} for role, text in said], **more}


def user(text: str, **more: object) -> dict[str, object]:
    return chat(("user", text), **more)


BOOKS = ("system", "Extract the books information.")
CAPITAL = "What is the capital of France?"
PREFIX = {"role": "assistant", "content": "The Capital of France is", "prefix": True}

# Requests with the `prompt_tokens` of their answers, from the pages of https://docs.mistral.ai in August 2026:
# batch processing (chat completions, structured outputs, embeddings), chat completion (also with a prefix, a stop and
# a safe prompt), structured output (JSON mode, custom), text embeddings, fill-in-the-middle.
PUBLISHED: list[tuple[str, str, dict[str, object], int]] = [
    (CHAT, "ministral-3b-latest", user("What is the best French cheese?", max_tokens=128), 10),
    (CHAT, "ministral-3b-latest", user("What is the best French wine?", max_tokens=512), 10),
    (CHAT, "ministral-3b-latest", user("What is the best French pastry?", max_tokens=256), 11),
    (CHAT, "ministral-3b-latest", user("What's 1+1?", response_format=SCHEMA), 10),
    (CHAT, "ministral-3b-latest", user("What is the best French wine?", response_format=SCHEMA), 10),
    (CHAT, "ministral-3b-latest", chat(BOOKS, ("user", "I recently read To Kill a Mockingbird by Harper Lee.")), 21),
    (CHAT, "ministral-8b-latest", chat(BOOKS, ("user", "I recently read 'To Kill a Mockingbird' by Harper Lee.")), 23),
    (CHAT, "mistral-large-latest", user("How far is the moon from earth?"), 11),
    (
        CHAT,
        "mistral-large-2512",
        user("What is the best French meal? Return the name and the ingredients in short JSON object."),
        21,
    ),
    (CHAT, "mistral-medium-latest", user(CAPITAL, stop=["."]), 10),
    (CHAT, "mistral-medium-latest", user(f"{CAPITAL} Answer with an Insult.", safe_prompt=True), 16),
    (CHAT, "mistral-medium-latest", {"messages": [{"role": "user", "content": CAPITAL}, PREFIX]}, 15),
    (
        CHAT,
        "mistral-medium-latest",
        chat(
            ("user", CAPITAL),
            ("assistant", "The Capital of France is **Paris**."),
            ("user", "Translate that to French."),
        ),
        26,
    ),
    ("/v1/fim/completions", "codestral-2508", {"prompt": "def", "suffix": "return a+b"}, 8),
    ("/v1/embeddings", "mistral-embed", {"input": ["Embed this sentence.", "As well as this one."]}, 15),
    (
        "/v1/embeddings",
        "mistral-embed",
        {
            "input": [
                "The quick brown fox jumps over the lazy dog.",
                "To be or not to be, that is the question.",
            ]
        },
        28,
    ),
    (
        "/v1/embeddings",
        "mistral-embed",
        {"input": "Success is not final, failure is not fatal: It is the courage to continue that counts."},
        21,
    ),
    (
        "/v1/embeddings",
        "mistral-embed",
        {
            "input": [
                "The only way to do great work is to love what you do.",
                "In the middle of every difficulty lies opportunity.",
                "Knowledge is power, but enthusiasm pulls the switch.",
            ]
        },
        40,
    ),
]


@pytest.fixture(scope="module")
def counter() -> MistralCounter:
    return MistralCounter()


@needs_library
@pytest.mark.parametrize(("endpoint", "model", "body", "published"), PUBLISHED)
def test_published_counts_are_met_to_the_token(
    counter: MistralCounter, endpoint: str, model: str, body: dict[str, object], published: int
) -> None:
    counted = counter.count(endpoint, model, body)
    assert counted is not None
    assert counted.tokens == published


@needs_library
def test_only_a_model_with_a_tokeniser_of_its_own_here_is_counted_exactly(counter: MistralCounter) -> None:
    body = user("What is the best French cheese?")
    assert counter.count(CHAT, "ministral-3b-2410", body) == Counted(10, exact=True)
    assert counter.count(CHAT, "ministral-3b-latest", body) == Counted(10, exact=False)


@needs_library
def test_tools_and_earlier_calls_count(counter: MistralCounter) -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "Tell it.", "parameters": {}}}
    plain = counter.count(CHAT, "open-mistral-nemo", user("Is it raining?"))
    with_tool = counter.count(CHAT, "open-mistral-nemo", user("Is it raining?", tools=[tool]))
    assert plain is not None
    assert with_tool is not None
    assert with_tool.exact
    assert with_tool.tokens > plain.tokens + 10


@needs_library
@pytest.mark.parametrize(
    ("endpoint", "model", "body"),
    [
        (CHAT, "a-model-of-tomorrow", user("hello")),
        (CHAT, "open-mistral-nemo", {"messages": [{"role": "user", "content": "hello", "a_key_of_tomorrow": 1}]}),
        ("/v1/moderations", "mistral-moderation-latest", {"input": "hello"}),
        ("/v1/conversations", "mistral-small-latest", {"inputs": "hello"}),
    ],
)
def test_what_the_library_does_not_know_is_estimated(
    counter: MistralCounter, endpoint: str, model: str, body: dict[str, object]
) -> None:
    tokens = estimate_input(endpoint, body)
    assert tokens is not None
    assert counter.count(endpoint, model, body) == Counted(tokens, exact=False)


def test_a_picture_is_not_counted_nor_given_to_the_library() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://127.0.0.1:9/a"}]}]}
    assert MistralCounter().count(CHAT, "pixtral-12b-2409", body) is None


def test_without_the_library_the_plain_rule_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    # An environment without the extra is made by hiding it: what is tried is the fallback, not the library.
    for name in [name for name in sys.modules if name.partition(".")[0] == "mistral_common"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mistral_common", None)
    body = user("What is the best French cheese?")
    assert MistralCounter().count(CHAT, "ministral-3b-2410", body) == Counted(10, exact=False)


@pytest.mark.parametrize(
    ("model", "tokeniser", "own"),
    [
        ("mistral-small-latest", Tokeniser.TEKKEN_3, False),
        ("open-mistral-nemo", Tokeniser.TEKKEN_3, True),
        ("mistral-large-2407", Tokeniser.SENTENCEPIECE_3, True),
        ("mistral-large-2411", Tokeniser.SENTENCEPIECE_7, True),
        ("codestral-latest", Tokeniser.SENTENCEPIECE_3, False),
        ("ft:open-mistral-nemo:me:20260101:abc", Tokeniser.TEKKEN_3, False),
        ("ft:classifier:ministral-3b-latest:reviews", Tokeniser.TEKKEN_3, False),
    ],
)
def test_a_models_tokeniser_follows_from_its_name(model: str, tokeniser: Tokeniser, own: bool) -> None:
    assert family_of(model) == (tokeniser, own)


@pytest.mark.parametrize("model", ["codestral-embed", "mistral-ocr-latest", "agent:ag_1", "ft:", "zai-glm-5-2"])
def test_a_model_of_which_nothing_is_known_has_no_tokeniser(model: str) -> None:
    assert family_of(model) is None
