"""What text and values become as a declared type, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.row_values import READERS, WORDS, ColumnType

GOOD = [
    ("string", "", ""),
    ("string", " a ", " a "),
    ("string", None, None),
    ("integer", "12", 12),
    ("integer", " -007 ", -7),
    ("integer", "+3", 3),
    ("integer", "9" * 40, int("9" * 40)),
    ("integer", "", None),
    ("integer", " ", None),
    ("integer", None, None),
    ("integer", 5, 5),
    ("integer", 5.0, 5),
    ("number", "3", 3),
    ("number", "3.50", 3.5),
    ("number", ".5", 0.5),
    ("number", "-1e3", -1000.0),
    ("number", "", None),
    ("number", 2.5, 2.5),
    ("boolean", "TRUE", True),
    ("boolean", " false ", False),
    ("boolean", "", None),
    ("boolean", True, True),
    ("json", '["a", 1]', ["a", 1]),
    ("json", '{"a": null}', {"a": None}),
    ("json", "", None),
    ("json", ["a"], ["a"]),
]
BAD = [
    ("string", 1),
    ("string", True),
    ("string", ["a"]),
    ("integer", "1.0"),
    ("integer", "1_000"),
    ("integer", "1,000"),
    ("integer", "٣"),
    ("integer", "9" * 5000),
    ("integer", True),
    ("integer", 1.5),
    ("integer", float("nan")),
    ("integer", "abc"),
    ("number", "NaN"),
    ("number", "inf"),
    ("number", "1e999"),
    ("number", float("inf")),
    ("number", "1,5"),
    ("number", "."),
    ("number", False),
    ("boolean", "1"),
    ("boolean", "yes"),
    ("boolean", 1),
    ("json", "{"),
    ("json", "NaN"),
    ("json", "\ud800"),
]


@pytest.mark.parametrize(("kind", "value", "wanted"), GOOD)
def test_a_value_becomes_its_type(kind: str, value: object, wanted: object) -> None:
    read = READERS[ColumnType(kind)](value)
    assert (type(read), read) == (type(wanted), wanted)


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_what_is_not_of_its_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        READERS[ColumnType(kind)](value)


def test_every_type_has_words_and_a_reader() -> None:
    assert set(WORDS) == set(READERS) == set(ColumnType)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_any_value_written_as_json_is_read_as_it(value: object) -> None:
    assert READERS[ColumnType.JSON](json.dumps(value)) == value


@given(st.sampled_from(list(ColumnType)), JSON | st.text())
def test_a_value_of_a_type_stays_as_it_is_when_it_is_read_again(kind: ColumnType, value: object) -> None:
    try:
        once = READERS[kind](value)
    except ValueError:
        return
    if kind is not ColumnType.JSON:  # text within JSON may itself be JSON
        assert READERS[kind](once) == once
