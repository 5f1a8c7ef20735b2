"""The parts of a spec: what is compared, and what a difference between two sets of them is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.spec_parts import changed_parts, same_parts, with_commit

names = st.tuples(st.sampled_from(["file", "variable", "body"]), st.text("ab /.", min_size=1, max_size=4))
some_parts = st.dictionaries(names.map(" ".join), st.sampled_from(["1", "2"]), min_size=1, max_size=6)
commits = st.sampled_from([None, "c1", "c2"])


@given(some_parts, some_parts, commits, commits)
def test_parts_have_changed_just_where_they_differ_whatever_the_commit(
    before: dict[str, str], now: dict[str, str], then: str | None, commit: str | None
) -> None:
    changed = changed_parts(with_commit(before, then), with_commit(now, commit))
    assert changed is not None
    told = {f"{each.kind} {each.name}": (each.before, each.now) for each in changed.parts}
    every = {*before, *now}
    assert told == {part: (before.get(part), now.get(part)) for part in every if before.get(part) != now.get(part)}
    assert same_parts(with_commit(before, then), with_commit(now, commit)) == (not told)
    assert changed.commit == then


@given(some_parts)
def test_where_nothing_was_kept_nothing_is_said(now: dict[str, str]) -> None:
    assert changed_parts({}, now) is None


def test_what_a_body_is_not_made_of_is_no_reason_for_another() -> None:
    before = {"endpoint endpoint": "a", "custom_id custom_id": "b", "file a.md": "1", "include b.md": "1"}
    changed = changed_parts(before, {"endpoint endpoint": "c", "file a.md": "2", "include b.md": "2"})
    assert changed is not None
    assert len(changed.parts) == 4
    assert [each.kind for each in changed.of_body] == ["include"]
