"""Counts requests by mistral-common's encoding of chats, tools, fill-in-the-middle and embeddings.

The library and its vocabularies are loaded when the first request is counted, for a second or two, and not before.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

from batchspec.core.metering import Counted
from batchspec.core.token_estimate import estimate_input
from batchspec.tokens.families import Tokeniser, family_of

Body = Mapping[str, object]


def is_installed() -> bool:
    """Tell whether the extra `tokens` is there."""
    return importlib.util.find_spec("mistral_common") is not None


class MistralCounter:
    """Counts tokens as the models do, where the library can; elsewhere by the plain rule. Fills `TokenCounter`."""

    def __init__(self) -> None:
        self._loaded: dict[Tokeniser, Any] = {}

    def count(self, endpoint: str, model: str, body: Body) -> Counted | None:
        """Return a request's tokens; None where it holds what no text tells the tokens of."""
        estimate = estimate_input(endpoint, body)
        # What is not all text is not given to the library, which might fetch an image to measure it.
        if estimate is None:
            return None
        family = family_of(model)
        encoder = _ENCODERS.get(endpoint)
        if family is None or encoder is None:
            return Counted(estimate, exact=False)
        tokens = self._encoded(encoder, family.tokeniser, body)
        return Counted(estimate, exact=False) if tokens is None else Counted(tokens, family.own)

    def _encoded(self, encoder: Any, tokeniser: Tokeniser, body: Body) -> int | None:
        """Return the tokens of a body; None where the library does not take it, such as a key that is new to it."""
        try:
            if tokeniser not in self._loaded:
                self._loaded[tokeniser] = _load(tokeniser)
            loaded = self._loaded[tokeniser]
            if loaded is None:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tokens: int = encoder(loaded, body)
        except Exception:  # noqa: BLE001 - whatever it is that the library cannot encode, the plain rule estimates
            return None
        return tokens


def _load(tokeniser: Tokeniser) -> Any:
    """Return a tokeniser; None where the library has no reader for its vocabulary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mistral_common.tokens.tokenizers.mistral import MistralTokenizer  # noqa: PLC0415 - it takes a second

        try:
            if tokeniser is Tokeniser.TEKKEN_3:
                return MistralTokenizer.v3(is_tekken=True)
            return MistralTokenizer.v7() if tokeniser is Tokeniser.SENTENCEPIECE_7 else MistralTokenizer.v3()
        except ImportError:
            return None


def _chat(tokenizer: Any, body: Body) -> int:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest  # noqa: PLC0415

    request = ChatCompletionRequest.model_validate({"messages": body["messages"], "tools": body.get("tools")})
    return len(tokenizer.encode_chat_completion(request).tokens)


def _fim(tokenizer: Any, body: Body) -> int:
    from mistral_common.protocol.fim.request import FIMRequest  # noqa: PLC0415

    request = FIMRequest(prompt=body["prompt"], suffix=body.get("suffix"))
    return len(tokenizer.encode_fim(request).tokens)


def _embeddings(tokenizer: Any, body: Body) -> int:
    given = body.get("input", body.get("inputs"))
    texts = given if isinstance(given, list) else [given]
    encode = tokenizer.instruct_tokenizer.tokenizer.encode
    return sum(len(encode(text, bos=True, eos=True)) for text in texts)


_ENCODERS = {
    "/v1/chat/completions": _chat,
    "/v1/fim/completions": _fim,
    "/v1/embeddings": _embeddings,
}
