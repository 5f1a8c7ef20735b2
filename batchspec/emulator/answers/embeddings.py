"""Emulated embeddings: unit vectors of the size asked for, the same for the same text, unlike for unlike texts.

They carry no meaning: texts that mean the same are as far apart as any two.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from functools import lru_cache

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import usage
from batchspec.emulator.answers.tokens import count_tokens, prompt_tokens

_DEFAULT_DIMENSION = 1024
_LARGEST_DIMENSION = 16_384
_DIGITS = 6
_DTYPES = ("float", "int8", "uint8", "binary", "ubinary")
_FORMATS = ("float", "base64")


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/embeddings; raises AnswerError."""
    body, model = asked.body, asked.model
    texts = fields.texts(body, "input" if "input" in body else "inputs")
    dimension = fields.whole(body, "output_dimension", 1, _LARGEST_DIMENSION) or _DEFAULT_DIMENSION
    dtype = fields.one_of(body, "output_dtype", _DTYPES) or "float"
    encoding = fields.one_of(body, "encoding_format", _FORMATS) or "float"
    fields.members(body, "metadata")
    data: list[object] = []
    for index, text in enumerate(texts):
        vector = unit_vector(f"{model}\0{text}", dimension)
        shown = vector if dtype == encoding == "float" else _converted(vector, dtype, encoding)
        data.append({"object": "embedding", "embedding": shown, "index": index})
    tokens = prompt_tokens("/v1/embeddings", body, sum(map(count_tokens, texts)))
    return {
        "id": asked.id,
        "object": "list",
        "data": data,
        "model": model,
        "usage": usage(tokens, 0),
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
