"""A memo reads back as the plan that it was written of, and any other text as none."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.plan_memo import PlanMemo, is_settled, read, written
from batchspec.core.planning import Action, SpecPlan, VariantPlan

_KEPT = [action for action in Action if not action.sends]
_DIGESTS = st.dictionaries(st.text(max_size=8), st.text(alphabet="0123456789abcdef", max_size=8), max_size=3)
_SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5)
_COUNTS = st.integers(0, 10**9)
_VARIANTS = st.builds(
    VariantPlan,
    model=st.text(max_size=8),
    asked=st.none() | st.text(max_size=8),
    matrix=st.dictionaries(st.text(max_size=4), _SCALARS, max_size=3),
    rows=_COUNTS,
    requests=_COUNTS,
    duplicates=_COUNTS,
    replicates=_COUNTS,
    actions=st.dictionaries(st.sampled_from(_KEPT), _COUNTS, max_size=4).map(Counter),
)
_MEMOS = st.builds(
    PlanMemo,
    made_of=st.text(max_size=8),
    texts=st.lists(_DIGESTS, max_size=2),
    inputs=st.lists(_DIGESTS, max_size=2),
    rows_digest=st.text(max_size=8),
    variants=st.lists(_VARIANTS, max_size=3).map(tuple),
)


@given(_MEMOS)
def test_it_reads_back_as_it_was(memo: PlanMemo) -> None:
    assert read(written(memo)) == memo


def _memo() -> PlanMemo:
    variant = VariantPlan(model="m", rows=3, requests=2, duplicates=1, actions=Counter({Action.DONE: 2}))
    return PlanMemo(made_of="1", texts=[{}], inputs=[{"rows.csv": "2"}], rows_digest="3", variants=(variant,))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"form":1', '"form":2'),
        ('"done":2', '"gone":2'),
        ('"done":2', '"done":"2"'),
        ('"rows":3', '"rows":null'),
        ('"rows":3,', ""),
        ('"model":"m"', '"model":1'),
        ('"matrix":{}', '"matrix":[]'),
        ('"rows.csv":"2"', '"rows.csv":2'),
        ('"inputs":[{', '"inputs":[["x"],{'),
        ('"variants":[', '"variants":7,"x":['),
        ("{", "[", ),
    ],
)  # fmt: skip
def test_any_other_text_is_none(old: str, new: str) -> None:
    text = written(_memo())
    assert old in text
    assert read(text.replace(old, new, 1)) is None


@given(
    st.text() | st.recursive(_SCALARS, lambda each: st.lists(each) | st.dictionaries(st.text(), each)).map(json.dumps)
)
def test_no_text_does_harm(text: str) -> None:
    assert read(text) is None


def _plan(**actions: int) -> SpecPlan:
    counts = Counter({Action(name): count for name, count in actions.items()})
    variant = replace(_memo().variants[0], actions=counts)
    return SpecPlan(name="demo", path="demo.yaml", endpoint="/v1/chat/completions", variants=(variant,))


@pytest.mark.parametrize(
    ("actions", "alone", "beside"),
    [
        ({"done": 2, "failed": 1, "held": 1, "lost": 1, "invalid": 1}, True, True),
        ({"done": 2, "in_flight": 1}, True, False),
        ({"unresolved": 1}, True, True),
        ({"done": 2, "submit": 1}, False, False),
        ({"done": 2, "retry": 1}, False, False),
    ],
)
def test_what_is_settled_depends_on_no_other_spec(actions: dict[str, int], alone: bool, beside: bool) -> None:
    plan = _plan(**actions)
    assert is_settled(plan, others_send=False) is alone
    assert is_settled(plan, others_send=True) is beside
