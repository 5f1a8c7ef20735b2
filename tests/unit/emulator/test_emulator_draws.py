from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from schema_strategies import fitted_schemas

from batchspec.core.json_text import encode
from batchspec.emulator.answers import AnswerError
from batchspec.emulator.answers.draws import Draw, Ends
from batchspec.emulator.answers.schema_documents import document
from batchspec.emulator.answers.structured import written

ROUTE = {
    "type": "object",
    "properties": {
        "queue": {"enum": ["billing", "shipping", "other"]},
        "urgent": {"type": "boolean"},
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
        "why": {"type": "string"},
    },
    "required": ["queue", "urgent", "score", "why"],
}
NUMBERS = st.integers(0, 2**64 + 200)


def searched(schema: object, number: int) -> str:
    try:
        return encode(document(schema, Draw(number))).decode()
    except AnswerError as error:
        return f"refused: {error}"


def remembered(schema: object, number: int) -> str:
    try:
        return written(schema, number)
    except AnswerError as error:
        return f"refused: {error}"


@given(fitted_schemas(), st.lists(NUMBERS, min_size=1, max_size=6))
def test_a_remembered_document_is_the_one_that_a_search_finds(schema: dict[str, object], numbers: list[int]) -> None:
    for number in [*numbers, *numbers]:
        assert remembered(schema, number) == searched(schema, number)


@given(st.lists(NUMBERS, min_size=20, max_size=60))
def test_documents_of_choices_vary_as_without_a_memory(numbers: list[int]) -> None:
    assert [written(ROUTE, number) for number in numbers] == [searched(ROUTE, number) for number in numbers]


@given(NUMBERS)
def test_a_schema_that_nothing_fits_is_refused_each_time_alike(number: int) -> None:
    nothing = {"type": "string", "enum": [1]}
    assert remembered(nothing, number) == searched(nothing, number)
    assert remembered(nothing, number).startswith("refused: ")


def pick(draw: Draw) -> list[int]:
    first = draw % 3
    return [first, (draw.mixed(1) + 2) % 5, *([draw % 7] if first else [])]


@given(st.lists(NUMBERS, min_size=1, max_size=40), NUMBERS)
def test_an_end_is_found_for_whatever_gives_the_same_answers_and_for_nothing_else(
    numbers: list[int], other: int
) -> None:
    ends: Ends[list[int]] = Ends()
    for number in numbers:
        draw = Draw(number)
        ends.keep(draw, pick(draw))
    for number in numbers:
        assert ends.find(number) == pick(Draw(number))
    assert ends.find(other) in (None, pick(Draw(other)))


def test_what_was_made_of_the_whole_number_is_not_kept() -> None:
    ends: Ends[int] = Ends()
    draw = Draw(9)
    ends.keep(draw, draw.mixed(2).whole())

    assert ends.find(9) is None


def test_only_so_much_is_kept() -> None:
    ends: Ends[int] = Ends()
    for number in range(50_000):
        draw = Draw(number)
        ends.keep(draw, draw % 50_000)

    assert ends.find(0) == 0
    assert ends.find(49_999) is None
