"""Selectors: what they mean, that a slip is an error, and that what cannot be known is never left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import ExitCode, InvalidInputError
from batchspec.core.selecting import Selectable, Standing, read_selectors, selected

SPECS = (
    Selectable(
        path="specs/triage.batchspec.yaml",
        name="triage",
        tags=("nightly", "eval"),
        standing=frozenset({Standing.IN_FLIGHT, Standing.FAILED}),
    ),
    Selectable(
        path="specs/eval/judge.batchspec.yaml", name="judge-1", tags=("eval",), standing=frozenset({Standing.DONE})
    ),
    Selectable(path="other.yaml", name="other", tags=(), standing=frozenset({Standing.NEW})),
)
UNREADABLE = Selectable(path="specs/broken.batchspec.yaml", name=None, tags=None)


def names(include: list[str], exclude: list[str] | None = None, specs: tuple[Selectable, ...] = SPECS) -> list[str]:
    found = selected(specs, read_selectors(include, "--select"), read_selectors(exclude or [], "--exclude"))
    return [spec.name or spec.path for spec in found]


def refused(include: list[str], exclude: list[str] | None = None) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        names(include, exclude)
    assert caught.value.exit_code is ExitCode.INVALID
    return caught.value


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("triage", ["triage"]),
        ("name:judge-?", ["judge-1"]),
        ("*", ["triage", "judge-1", "other"]),
        ("name:*r*", ["triage", "other"]),
        ("tag:eval", ["triage", "judge-1"]),
        ("tag:night*", ["triage"]),
        ("path:specs", ["triage", "judge-1"]),
        ("path:./specs/", ["triage", "judge-1"]),
        ("path:specs/*.yaml", ["triage"]),
        ("path:specs/**", ["triage", "judge-1"]),
        ("path:**/*.batchspec.yaml", ["triage", "judge-1"]),
        ("path:**/judge.batchspec.yaml", ["judge-1"]),
        ("path:other.yaml", ["other"]),
        ("state:in-flight", ["triage"]),
        ("state:failed", ["triage"]),
        ("state:done", ["judge-1"]),
        ("state:new", ["other"]),
    ],
)
def test_a_selector_means_specs(selector: str, meant: list[str]) -> None:
    assert names([selector]) == meant


def test_several_are_a_union_and_exclude_goes_before() -> None:
    assert names(["other", "tag:nightly"]) == ["triage", "other"]
    assert names([], ["tag:nightly"]) == ["judge-1", "other"]
    assert names(["tag:eval", "other"], ["name:judge-*", "other"]) == ["triage"]


@pytest.mark.parametrize(
    ("selector", "summary", "why", "hint"),
    [
        ("tirage", "name:tirage` means no spec", "the specs at hand are judge-1, other, triage", "`triage`"),
        ("tag:nigthly", "tag:nigthly` means no spec", "the tags at hand are eval, nightly", "`nightly`"),
        ("zzz", "name:zzz` means no spec", "the specs at hand are", "a bare word is a name"),
        ("tag:zzz", "tag:zzz` means no spec", "the tags at hand are", "under `tags:`"),
        ("path:spec", "path:spec` means no spec", "the paths at hand are other.yaml, specs/", "relative to the proj"),
        ("state:lost", "state:lost` means no spec", "new: other; in-flight: triage; failed: triage; done: ju", ""),
        ("state:faild", "knows no state `faild`", "", "did you mean `failed`?"),
        ("state:x", "knows no state `x`", "", "known here: `done`, `failed`"),
        ("nme:x", "knows no `nme:`", "it was given `nme:x`", "did you mean `name`?"),
        ("a.b:x", "knows no `a.b:`", "", "write name:, tag:, path: or state: before"),
        ("tag:", "which has no pattern", "", "such as `tag:*`"),
        ("", "which has no pattern", "", "such as `name:*`"),
    ],
)
def test_a_slip_is_an_error_that_names_what_there_is(selector: str, summary: str, why: str, hint: str) -> None:
    for error in (refused([selector]), *([] if "lost" in selector else [refused([], [selector])])):
        assert summary in error.summary
        assert why in (error.why or "")
        assert hint in (error.hint or "")


def test_an_excluded_state_may_mean_none_and_nothing_left_is_an_error() -> None:
    assert names([], ["state:lost"]) == ["triage", "judge-1", "other"]
    assert refused(["tag:eval"], ["path:specs"]).why == "--exclude leaves out all that are selected: triage, judge-1"


def test_what_cannot_be_known_of_a_spec_keeps_it() -> None:
    specs = (*SPECS, UNREADABLE)
    for selector in ("triage", "tag:nightly", "state:failed"):
        assert names([selector], specs=specs) == ["triage", UNREADABLE.path]
    assert names([], ["tag:eval", "triage"], specs=specs) == ["other", UNREADABLE.path]
    assert names(["path:other.yaml"], specs=specs) == ["other"]
    assert names([], ["path:specs"], specs=specs) == ["other"]


@given(st.text(max_size=20))
def test_any_text_is_a_selector_or_refused_in_words(text: str) -> None:
    try:
        told: object = names([text])
    except InvalidInputError as error:
        told = error.hint or error.why
    assert told
