"""A spec's `matrix`: the combinations of its values, each a variant that is named by its values and not by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from batchspec.core.canonical import Pointer
from batchspec.core.diagnostics import did_you_mean
from batchspec.core.json_text import encode
from batchspec.core.prompting import SpecReader

MOST_FORMS = 256
"""How many forms of a body one spec may have; each is rendered for every row."""

_EXCLUDE = "exclude"
_LONGEST_MARK = 512


def label_of(shown: Mapping[str, object]) -> str:
    """Return the name of the variant with these values."""
    return encode(dict(sorted(shown.items()))).decode() if shown else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """One value for each name of a matrix. `values` are what templates see, in which a string may be a TemplateText.

    `shown` are the values as the spec writes them, a file by its path: they name the variant.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    shown: Mapping[str, object] = field(default_factory=dict)
    label: str = field(init=False)
    """The combination's name: its shown values as JSON; empty where there is no matrix."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", label_of(self.shown))


NO_MATRIX = (Combination(),)


def variant_mark(label: str) -> str:
    """Return a variant's label as far as a job's metadata holds it: values of at most 512 characters."""
    return label[:_LONGEST_MARK]


def read_matrix(written: object, reader: SpecReader) -> tuple[Combination, ...]:
    """Return the combinations of a matrix that fits the schema, in the order of its values.

    What is wrong with it is reported: a value twice, an `exclude` that fits nothing, none left, too many.
    """
    if not isinstance(written, dict):
        return NO_MATRIX
    axes = {name: values for name, values in written.items() if name != _EXCLUDE}
    exclude = written.get(_EXCLUDE, [])
    size = 1
    for values in axes.values():
        size *= len(values)
    if size > MOST_FORMS * 16:
        _report_too_many(size, reader)
        return ()
    values = {name: _values(name, listed, reader) for name, listed in axes.items()}
    excluded = [entry for index, entry in enumerate(exclude) if _fits_some(entry, index, values, reader)]
    kept = [each for each in _combinations(values) if not any(_fits(each, entry) for entry in excluded)]
    if not kept:
        reader.report(
            ("matrix", _EXCLUDE),
            "matrix-empty",
            "`exclude` leaves no combination",
            hint="take an entry out; a spec without a request declares nothing",
            on_key=True,
        )
    if len(kept) > MOST_FORMS:
        _report_too_many(len(kept), reader)
    return tuple(kept)


def _report_too_many(count: int, reader: SpecReader) -> None:
    reader.report(
        ("matrix",),
        "matrix-size",
        f"the matrix has {count:,} combinations; {MOST_FORMS} are the most",
        hint="leave some out by `exclude`, or make several specs of it",
        on_key=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    value: object
    shown: object


def _values(name: str, listed: Sequence[object], reader: SpecReader) -> list[_Value]:
    seen: dict[str, int] = {}
    values = []
    for index, written in enumerate(listed):
        place: Pointer = ("matrix", name, index)
        each = _Value(value=reader.resolve(written, place, place), shown=shown_value(written))
        first = seen.setdefault(encode([each.shown]).decode(), index)
        if first != index:
            reader.report(
                place,
                "matrix-repeated",
                f"`{name}` has this value twice",
                detail=f"its value {first + 1} is the same, and a variant is named by its values",
                hint="take one out; `replicates` is how to ask for several samples",
            )
        values.append(each)
    return values


def shown_value(written: object) -> object:
    """Return a value as it names a variant: a file by its path."""
    if isinstance(written, dict):
        if set(written) == {"file"} and isinstance(written["file"], str):
            return written["file"]
        return {key: shown_value(value) for key, value in written.items()}
    if isinstance(written, list):
        return [shown_value(value) for value in written]
    return written


def _combinations(values: Mapping[str, Sequence[_Value]]) -> Iterator[Combination]:
    for chosen in islice(product(*values.values()), MOST_FORMS * 16):
        named = dict(zip(values, chosen, strict=True))
        yield Combination(
            values={name: each.value for name, each in named.items()},
            shown={name: each.shown for name, each in named.items()},
        )


def _fits_some(
    entry: Mapping[str, object], index: int, values: Mapping[str, Sequence[_Value]], reader: SpecReader
) -> bool:
    """Tell whether an entry of `exclude` names values that there are, and report one that does not."""
    before = len(entry)
    for name, wanted in entry.items():
        place: Pointer = ("matrix", _EXCLUDE, index, name)
        if name not in values:
            hint = did_you_mean(name, values) or f"it has {', '.join(f'`{known}`' for known in values)}"
            reader.report(place, "matrix-exclude", f"the matrix has no `{name}`", hint=hint, on_key=True)
            before = 0
        elif not any(_same(each.shown, shown_value(wanted)) for each in values[name]):
            reader.report(
                place,
                "matrix-exclude",
                f"`{name}` has no such value",
                detail="an entry that fits nothing excludes nothing",
                hint="write the value as it stands in the matrix",
            )
            before = 0
    return before > 0


def _fits(combination: Combination, entry: Mapping[str, object]) -> bool:
    return all(_same(combination.shown[name], shown_value(wanted)) for name, wanted in entry.items())


def _same(one: object, other: object) -> bool:
    # As JSON, so that true is not 1.
    return encode([one]) == encode([other])
