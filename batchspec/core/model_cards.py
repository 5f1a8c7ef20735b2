"""What the provider tells of its models, and which dated model a name stands for. The port that lists them is here too.

A rule for names and cards alone: nothing is remembered here, and no model is known by name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from batchspec.core.model import AGENT_PREFIX

_YEAR_AND_MONTH = re.compile(r"-[2-9][0-9](?:0[1-9]|1[0-2])(?=-|\Z)", re.ASCII)
_LATEST = "-latest"
_FINE_TUNED = "ft:"


class ModelCard(NamedTuple):
    """A model as the provider lists it (`BaseModelCard`): under one of its names, with the others as `aliases`.

    `name` is what the provider calls it whichever name it is listed under. `deprecation` is the day (YYYY-MM-DD) from
    which on it may be gone, and `replacement` what the provider recommends then; None where nothing is told.
    """

    id: str
    name: str | None = None
    aliases: tuple[str, ...] = ()
    deprecation: str | None = None
    replacement: str | None = None


class ModelCatalogue(Protocol):
    """Where the provider's models are listed."""

    def models(self, *, patient: bool = True) -> Sequence[ModelCard]:
        """Return every model that this key may use, with one call; without `patient`, soon or not at all.

        Raises ProviderError or AccessError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a name stands for now: `model`, or None with the reason in `unknown`, for a person."""

    model: str | None
    unknown: str = ""
    deprecation: str | None = None
    replacement: str | None = None


def is_dated(name: str) -> bool:
    """Tell whether a model's name says its year and month, as `mistral-small-2506` does."""
    return _YEAR_AND_MONTH.search(name) is not None


def is_fixed(name: str) -> bool:
    """Tell whether a name cannot come to stand for another model: one with a date, a fine-tuned one, an agent."""
    return is_dated(name) or name.startswith((_FINE_TUNED, AGENT_PREFIX))


def stands_for(name: str, cards: Sequence[ModelCard]) -> Standing:
    """Return which dated model a name stands for, by the provider's cards.

    That is the one that the name's own card is called by; or else the only one with a date among the names that the
    cards put beside it. Where these are several, they must all be names of one model, and the most like `name` is
    taken. A name that is fixed stands for itself.
    """
    card = next((each for each in cards if each.id == name), None)
    if is_fixed(name):
        return _standing(name, card)
    near = [each for each in cards if each is card or name in each.aliases]
    if not near:
        return Standing(model=None, unknown="the provider lists no model of that name")
    by_id = {each.id: each for each in cards}
    if card is not None and card.name in by_id and is_dated(str(card.name)):
        return _standing(str(card.name), by_id[str(card.name)])
    beside = {each.id for each in near} | set(card.aliases if card is not None else ())
    dated = sorted(each for each in beside if is_dated(each) and each in by_id)
    if not dated:
        return Standing(model=None, unknown="the provider tells no dated name of it")
    if not _are_one(dated, by_id):
        listed = " or ".join(f"`{each}`" for each in dated)
        return Standing(model=None, unknown=f"the provider's list lets it stand for {listed}")
    nearest = min(dated, key=lambda each: (-_common(each, name), each))
    return _standing(nearest, by_id[nearest])


def _standing(model: str, card: ModelCard | None) -> Standing:
    if card is None:
        return Standing(model=model)
    return Standing(model=model, deprecation=card.deprecation, replacement=card.replacement)


def _are_one(names: Iterable[str], by_id: dict[str, ModelCard]) -> bool:
    """Tell whether all of these are names of one model: each has all the others beside it."""
    listed = set(names)
    return all(listed <= {name, *by_id[name].aliases} for name in listed)


def _common(model: str, name: str) -> int:
    return len(posixpath.commonprefix([model, name.removesuffix(_LATEST)]))
