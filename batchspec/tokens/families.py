"""Which tokeniser a model has, by its name: facts of the tokenisers that mistral-common brings along.

A name that stands here whole has that very tokeniser. Of the others, which begin so, the library brings no file: they
are counted by the one that agrees with every count that the provider's documentation publishes for their kind.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Tokeniser(Enum):
    """A tokeniser that comes with the library: a vocabulary, and a way to lay out a chat."""

    TEKKEN_3 = "tekken, version 3"
    SENTENCEPIECE_3 = "sentencepiece, version 3"
    SENTENCEPIECE_7 = "sentencepiece, version 7"


class Family(NamedTuple):
    """A model's tokeniser, and whether it is its very own."""

    tokeniser: Tokeniser
    own: bool


_OWN = {
    "open-mistral-nemo": Tokeniser.TEKKEN_3,
    "open-mistral-nemo-2407": Tokeniser.TEKKEN_3,
    "ministral-3b-2410": Tokeniser.TEKKEN_3,
    "ministral-8b-2410": Tokeniser.TEKKEN_3,
    "pixtral-12b-2409": Tokeniser.TEKKEN_3,
    "mistral-embed": Tokeniser.SENTENCEPIECE_3,
    "mistral-embed-2312": Tokeniser.SENTENCEPIECE_3,
    "mistral-small-2409": Tokeniser.SENTENCEPIECE_3,
    "mistral-large-2407": Tokeniser.SENTENCEPIECE_3,
    "codestral-2405": Tokeniser.SENTENCEPIECE_3,
    "open-mixtral-8x22b": Tokeniser.SENTENCEPIECE_3,
    "open-mixtral-8x22b-2404": Tokeniser.SENTENCEPIECE_3,
    "mistral-large-2411": Tokeniser.SENTENCEPIECE_7,
}
_LIKE = (
    ("codestral-2", Tokeniser.SENTENCEPIECE_3),
    ("codestral-latest", Tokeniser.SENTENCEPIECE_3),
    ("mistral-small-", Tokeniser.TEKKEN_3),
    ("mistral-medium-", Tokeniser.TEKKEN_3),
    ("mistral-large-", Tokeniser.TEKKEN_3),
    ("ministral-", Tokeniser.TEKKEN_3),
    ("magistral-", Tokeniser.TEKKEN_3),
    ("devstral-", Tokeniser.TEKKEN_3),
    ("pixtral-", Tokeniser.TEKKEN_3),
    ("voxtral-", Tokeniser.TEKKEN_3),
)
_TUNED = "ft:"


def family_of(model: str) -> Family | None:
    """Return a model's tokeniser; None where no tokeniser is known to be near."""
    if model.startswith(_TUNED):
        # ft:<model>:<owner>:<date>:<job>, and ft:classifier:<model>:… for one that classifies
        parts = model.removeprefix(_TUNED).split(":")
        named = next((part for part in parts if part != "classifier"), "")
        found = family_of(named)
        return None if found is None else Family(found.tokeniser, own=False)
    own = _OWN.get(model)
    if own is not None:
        return Family(own, own=True)
    return next((Family(tokeniser, own=False) for start, tokeniser in _LIKE if model.startswith(start)), None)
