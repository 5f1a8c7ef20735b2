"""Which dated model a name stands for, by what the provider lists."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.model_cards import ModelCard, is_dated, is_fixed, stands_for

SMALL = (
    ModelCard(
        "mistral-small-2506", "mistral-small-2506", ("mistral-small-latest",), "2026-05-31", "mistral-small-2603"
    ),
    ModelCard("mistral-small-latest", "mistral-small-2506", ("mistral-small-2506",)),
)


@pytest.mark.parametrize(
    "name", ["mistral-small-2506", "open-mixtral-8x22b-2404", "mistral-ocr-2505-completion", "voxtral-mini-2507"]
)
def test_a_name_with_year_and_month_is_dated(name: str) -> None:
    assert is_dated(name)
    assert is_fixed(name)


@pytest.mark.parametrize("name", ["mistral-small-latest", "open-mistral-7b", "m-2513", "m-25061", "m-1906", "2506"])
def test_a_name_without_them_is_not(name: str) -> None:
    assert not is_dated(name)


def test_a_fine_tuned_model_and_an_agent_stand_for_themselves() -> None:
    assert is_fixed("ft:open-mistral-7b:587a6b29:20240514:7e773925")
    assert is_fixed("agent:ag_1")
    assert stands_for("agent:ag_1", ()).model == "agent:ag_1"


def test_an_alias_stands_for_what_its_own_card_is_called() -> None:
    found = stands_for("mistral-small-latest", SMALL)
    assert (found.model, found.deprecation, found.replacement) == (
        "mistral-small-2506",
        "2026-05-31",
        "mistral-small-2603",
    )


def test_a_card_of_its_own_is_not_needed() -> None:
    assert stands_for("mistral-small-latest", SMALL[:1]).model == "mistral-small-2506"


def test_the_name_of_a_card_counts_before_an_alias_that_was_left_on_another() -> None:
    old = ModelCard("mistral-small-2503", "mistral-small-2503", ("mistral-small-latest",))
    assert stands_for("mistral-small-latest", (old, *SMALL)).model == "mistral-small-2506"


def test_of_several_names_of_one_model_the_nearest_is_taken() -> None:
    names = ("open-mistral-nemo", "open-mistral-nemo-2407", "mistral-tiny-2407", "mistral-tiny-latest")
    cards = [ModelCard(name, "nemo", tuple(other for other in names if other != name)) for name in names]
    assert stands_for("open-mistral-nemo", cards).model == "open-mistral-nemo-2407"
    assert stands_for("mistral-tiny-latest", cards).model == "mistral-tiny-2407"


def test_of_two_models_neither_is_guessed() -> None:
    cards = [ModelCard("m-2503", None, ("m-latest",)), ModelCard("m-2506", None, ("m-latest",))]
    found = stands_for("m-latest", cards)
    assert found.model is None
    assert "`m-2503` or `m-2506`" in found.unknown


def test_a_name_that_is_not_listed_or_has_no_date_is_not_guessed() -> None:
    assert "no model of that name" in stands_for("m-latest", SMALL).unknown
    undated = stands_for("m", [ModelCard("m", "m", ("m-latest",)), ModelCard("m-latest", "m", ("m",))])
    assert undated.model is None
    assert "no dated name" in undated.unknown


def test_a_dated_name_among_the_aliases_that_is_listed_nowhere_is_not_believed() -> None:
    assert stands_for("m-latest", [ModelCard("m-latest", None, ("m-2506",))]).model is None


NAMES = st.sampled_from(["a-latest", "a-2501", "a-2502", "b-latest", "b-2501", "a", "b"])
CARDS = st.lists(
    st.builds(
        ModelCard,
        id=NAMES,
        name=st.none() | NAMES,
        aliases=st.lists(NAMES, max_size=4, unique=True).map(tuple),
    ),
    max_size=7,
    unique_by=lambda card: card.id,
)


@given(name=NAMES, cards=CARDS, order=st.randoms(use_true_random=False))
def test_what_a_name_stands_for_is_dated_stands_for_itself_and_hangs_on_no_order(
    name: str, cards: list[ModelCard], order: random.Random
) -> None:
    found = stands_for(name, cards)
    assert (found.model is None) == bool(found.unknown)
    if found.model is not None:
        assert is_dated(found.model)
        assert stands_for(found.model, cards).model == found.model
    shuffled = list(cards)
    order.shuffle(shuffled)
    assert stands_for(name, shuffled) == found
