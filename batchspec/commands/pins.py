"""Which models specs use, under the lock and by what the provider tells: for plans, and for `lock --check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchspec.core.errors import BatchspecError, Interrupted
from batchspec.core.model import AGENT_PREFIX
from batchspec.core.model_cards import ModelCard, ModelCatalogue, is_fixed, stands_for
from batchspec.core.model_lock import ModelLock
from batchspec.core.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInUse:
    """A model as specs ask for it, and as it is sent. `specs` are the names of those that do.

    `stands_for` is what the name stands for at the provider now, None where that is not known. `listed` is whether the
    provider lists what is sent; None where it was not asked. A `deprecation` is a day, YYYY-MM-DD.
    """

    asked: str
    sent: str
    specs: tuple[str, ...]
    stands_for: str | None = None
    listed: bool | None = None
    deprecation: str | None = None
    replacement: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether the lock says what is sent."""
        return self.asked != self.sent

    @property
    def drifted(self) -> bool:
        """Whether the alias has come to stand for another model than the one that it is pinned to."""
        return self.pinned and self.stands_for not in (None, self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsInUse:
    """The models of some specs. `uncovered` are aliases that a lock which is there does not know.

    `failure` says why the provider, which was asked, did not tell.
    """

    models: tuple[ModelInUse, ...] = ()
    uncovered: tuple[str, ...] = ()
    failure: str | None = None


def models_in_use(specs: Iterable[Spec], lock: ModelLock, catalogue: ModelCatalogue | None) -> ModelsInUse:
    """Return the models of specs, by at most one call to the provider, whose failure is told and not raised."""
    asking = names_of(specs)
    cards: Sequence[ModelCard] | None = None
    failure = None
    if catalogue is not None and asking:
        try:
            cards = catalogue.models(patient=False)
        except Interrupted:
            raise
        except BatchspecError as error:
            failure = error.summary
    there = bool(lock.pins or lock.unpinned)
    return ModelsInUse(
        models=tuple(_in_use(asked, names, lock, cards) for asked, names in sorted(asking.items())),
        uncovered=lock.missing(asking) if there else (),
        failure=failure,
    )


def names_of(specs: Iterable[Spec]) -> Mapping[str, tuple[str, ...]]:
    """Return the specs that ask for each model, by what they call it; agents are no models."""
    asking: dict[str, list[str]] = {}
    for spec in specs:
        for model in spec.models:
            if not model.startswith(AGENT_PREFIX):
                asking.setdefault(spec.pins.get(model, model), []).append(spec.name)
    return {asked: tuple(sorted(names)) for asked, names in asking.items()}


def _in_use(asked: str, specs: tuple[str, ...], lock: ModelLock, cards: Sequence[ModelCard] | None) -> ModelInUse:
    sent = lock.sent(asked)
    pin = lock.pins.get(asked)
    if cards is None:
        return ModelInUse(
            asked=asked,
            sent=sent,
            specs=specs,
            deprecation=None if pin is None else pin.deprecation,
            replacement=None if pin is None else pin.replacement,
        )
    now = stands_for(asked, cards)
    card = next((each for each in cards if each.id == sent), None)
    return ModelInUse(
        asked=asked,
        sent=sent,
        specs=specs,
        stands_for=now.model if not is_fixed(asked) or card is not None else None,
        listed=any(sent == each.id or sent in each.aliases for each in cards),
        deprecation=now.deprecation if card is None else card.deprecation,
        replacement=now.replacement if card is None else card.replacement,
    )
