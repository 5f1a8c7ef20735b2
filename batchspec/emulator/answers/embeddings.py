"""Emulated embeddings: unit vectors of the size asked for, the same for the same text, unlike for unlike texts.

They carry no meaning: texts that mean the same are as far apart as any two.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping
from functools import lru_cache

from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.tokens import count_tokens

_DEFAULT_DIMENSION = 1024
_LARGEST_DIMENSION = 16_384
_DIGITS = 6
_DTYPES = ("float", "int8", "uint8", "binary", "ubinary")
_FORMATS = ("float", "base64")


def answer(model: str, body: Mapping[str, object], seed: bytes) -> dict[str, object]:
    """Answer /v1/embeddings; raises AnswerError."""
    texts = _texts(body)
    dimension = _dimension(body)
    dtype = _one_of(body, "output_dtype", _DTYPES)
    encoding = _one_of(body, "encoding_format", _FORMATS)
    data: list[object] = []
    for index, text in enumerate(texts):
        vector = unit_vector(f"{model}\0{text}", dimension)
        shown = vector if dtype == encoding == "float" else _converted(vector, dtype, encoding)
        data.append({"object": "embedding", "embedding": shown, "index": index})
    tokens = sum(map(count_tokens, texts))
    return {
        "id": f"emulated-{seed.hex()[:24]}",
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
    }


def unit_vector(text: str, dimension: int) -> list[float]:
    """Return a vector of length 1, its components rounded to six digits.

    Two components at a time lie on a circle, at an angle that one byte of the text's hash picks of 256: so every
    vector has the same length, and none needs arithmetic of its own.
    """
    cosines, sines, odd = _circle(dimension)
    angles = hashlib.shake_256(text.encode("utf-8")).digest(dimension // 2 + 1)
    pairs = angles[: dimension // 2]
    vector = [*map(cosines.__getitem__, pairs), *map(sines.__getitem__, pairs)]
    if dimension % 2:
        vector.append(odd if angles[-1] < 128 else -odd)
    return vector


@lru_cache(maxsize=64)
def _circle(dimension: int) -> tuple[list[float], list[float], float]:
    radius = math.sqrt(2 / dimension)
    angles = [2 * math.pi * (step + 0.5) / 256 for step in range(256)]
    cosines = [round(radius * math.cos(angle), _DIGITS) for angle in angles]
    sines = [round(radius * math.sin(angle), _DIGITS) for angle in angles]
    return cosines, sines, round(1 / math.sqrt(dimension), _DIGITS)


def _converted(vector: list[float], dtype: str, encoding: str) -> list[float] | list[int] | str:
    """Return the vector as whole numbers (127 is the largest component there can be), as bits, or as base64."""
    if dtype == "float":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
    if dtype in {"int8", "uint8"}:
        radius = math.sqrt(2 / len(vector))
        shift = 128 if dtype == "uint8" else 0
        numbers = [max(-128, min(127, round(127 * value / radius))) + shift for value in vector]
    else:
        shift = 0 if dtype == "ubinary" else -128
        bits = "".join("1" if value > 0 else "0" for value in vector)
        numbers = [int(bits[at : at + 8].ljust(8, "0"), 2) + shift for at in range(0, len(bits), 8)]
    if encoding == "base64":
        return base64.b64encode(bytes(number % 256 for number in numbers)).decode("ascii")
    return numbers


def _texts(body: Mapping[str, object]) -> list[str]:
    given = body.get("input", body.get("inputs"))
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise AnswerError("`input` must be a text, or a list of texts that is not empty")
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) != len(given):
        raise AnswerError("every item of `input` must be a text")
    return texts


def _dimension(body: Mapping[str, object]) -> int:
    given = body.get("output_dimension")
    if given is None:
        return _DEFAULT_DIMENSION
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given <= _LARGEST_DIMENSION:
        raise AnswerError(f"`output_dimension` must be a whole number from 1 to {_LARGEST_DIMENSION}")
    return given


def _one_of(body: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    given = body.get(name, allowed[0])
    if given is None:
        return allowed[0]
    if not isinstance(given, str) or given not in allowed:
        raise AnswerError(f"`{name}` must be one of {', '.join(allowed)}")
    return given
