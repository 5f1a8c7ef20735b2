"""The emulated answers, by endpoint: pure and deterministic, made of the request alone, and saying what they are.

No clock, no randomness, no file: ids and times come from a hash of endpoint, model and body. A further endpoint is
one module with one answerer and one line in `ANSWERERS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from batchspec.core.json_text import encode
from batchspec.emulator.answers import chat, embeddings
from batchspec.emulator.answers.errors import AnswerError

__all__ = ["ANSWERERS", "AnswerError", "answer"]

Answerer = Callable[[str, Mapping[str, object], bytes], dict[str, object]]
"""Takes the model, the body and the request's hash (32 bytes); raises AnswerError for a body that it refuses."""

ANSWERERS: dict[str, Answerer] = {
    "/v1/chat/completions": chat.answer,
    "/v1/embeddings": embeddings.answer,
}


def answer(endpoint: str, model: str, body: Mapping[str, object]) -> dict[str, object]:
    """Return the response body for a request, always the same for the same request.

    Raises AnswerError for a body that the endpoint would refuse, and KeyError for an endpoint not in ANSWERERS.
    """
    answerer = ANSWERERS[endpoint]
    head = f"{endpoint}\0{model}\0".encode()
    return answerer(model, body, hashlib.sha256(head + encode(body)).digest())
