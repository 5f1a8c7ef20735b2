"""The emulated answers, by endpoint: pure and deterministic, made of the request alone, and saying what they are.

No clock, no randomness, no file of its own: ids and times come from a hash of endpoint, model and body. A further
endpoint is one answerer and one line in `ANSWERERS`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from batchspec.core.json_text import encode_read
from batchspec.emulator.answers import (
    chat,
    classifications,
    conversations,
    embeddings,
    fim,
    moderations,
    ocr,
    transcriptions,
)
from batchspec.emulator.answers.asked import Asked, Attachment, Files, no_files
from batchspec.emulator.answers.errors import AnswerError

__all__ = ["ANSWERERS", "AnswerError", "Attachment", "Files", "answer"]

Answerer = Callable[[Asked], dict[str, object]]
"""Makes the response body of a request; raises AnswerError for a body that it refuses."""

ANSWERERS: dict[str, Answerer] = {
    "/v1/chat/completions": chat.answer,
    "/v1/embeddings": embeddings.answer,
    "/v1/fim/completions": fim.answer,
    "/v1/moderations": moderations.answer,
    "/v1/chat/moderations": moderations.answer_chat,
    "/v1/ocr": ocr.answer,
    "/v1/classifications": classifications.answer,
    "/v1/chat/classifications": classifications.answer_chat,
    "/v1/conversations": conversations.answer,
    "/v1/audio/transcriptions": transcriptions.answer,
}

_FILE_ID = re.compile(rb'"file_id":"([^"\\]+)"')


def answer(endpoint: str, model: str, body: Mapping[str, object], files: Files = no_files) -> dict[str, object]:
    """Return the response body for a request, always the same for the same request.

    `files` looks up the files that the body names by id; a file counts by its content, so that uploading it again
    changes no answer. Raises AnswerError for a body that the endpoint would refuse, and KeyError for an endpoint not
    in ANSWERERS.
    """
    text = encode_read(body)
    if b'"file_id"' in text:
        text = _FILE_ID.sub(lambda found: _by_content(found, files), text)
    seed = hashlib.sha256(f"{endpoint}\0{model}\0".encode() + text).digest()
    return ANSWERERS[endpoint](Asked(model=model, body=body, seed=seed, files=files))


def _by_content(found: re.Match[bytes], files: Files) -> bytes:
    file = files(found[1].decode())
    return found[0] if file is None else f'"file_id":"{file.digest}"'.encode()
