"""What is remembered of a plan that sends nothing: what it was made of, by digests, and what came of it. As JSON text.

Text that is not of this form is as good as none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.core.json_text import JsonError, encode, parse
from batchspec.core.planning import Action, SpecPlan, VariantPlan
from batchspec.core.spec import Spec

_FORM = 1

FORESEEN = "foreseen "
"""What stands before a spec's name where it is remembered what its plan will be; no spec has a name with a blank."""

Digests = Mapping[str, str]
"""SHA-256, in hexadecimal, by path."""

ChunkCounts = Mapping[str, Sequence[Mapping[Action, int]]]
"""What is to be done about the requests of a chunk, for each variant, by the hexadecimal of what the chunk asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMemo:
    """A remembered plan of one spec. Of a spec that goes on from others, texts and inputs have a part for each.

    `made_of` is the digest of all that the spec was loaded from, and of the program. `texts` are what its templates
    read by what the rows say, and `inputs` the files that the rows were read from. `chunks` are those of its rows that
    can be known by themselves.
    """

    made_of: str
    texts: Sequence[Digests]
    inputs: Sequence[Digests]
    rows_digest: str
    variants: tuple[VariantPlan, ...]
    chunks: ChunkCounts = field(default_factory=dict)

    def plan(self, spec: Spec) -> SpecPlan:
        """Return the plan that came of it, of the spec that it is of."""
        return SpecPlan(name=spec.name, path=spec.path, endpoint=spec.endpoint, variants=self.variants)


class Foreseen(NamedTuple):
    """What a plan will be once all of `requests`, which these claims hold, have succeeded."""

    claims: Sequence[int]
    requests: int
    memo: PlanMemo


def is_settled(plan: SpecPlan, *, others_send: bool) -> bool:
    """Tell whether a plan sends nothing, and depends on no other of its run.

    `others_send` is whether another spec sends anything: then what counts as in flight here may be what that one sends.
    """
    if any(each.sends for each in plan.variants):
        return False
    return not (others_send and any(each.actions[Action.IN_FLIGHT] for each in plan.variants))


def written(memo: PlanMemo) -> str:
    """Return a memo as text."""
    variants = [
        {
            "model": each.model,
            "asked": each.asked,
            "matrix": dict(each.matrix),
            "actions": {action.value: count for action, count in each.actions.items() if count},
            "rows": each.rows,
            "requests": each.requests,
            "duplicates": each.duplicates,
            "replicates": each.replicates,
        }
        for each in memo.variants
    ]
    told = {
        "form": _FORM,
        "made_of": memo.made_of,
        "texts": [dict(each) for each in memo.texts],
        "inputs": [dict(each) for each in memo.inputs],
        "rows_digest": memo.rows_digest,
        "variants": variants,
        "chunks": {
            asked: [{action.value: count for action, count in each.items()} for each in counts]
            for asked, counts in memo.chunks.items()
        },
    }
    return encode(told).decode("utf-8")


def read(text: str) -> PlanMemo | None:
    """Return the memo that was written so; None for any other text."""
    try:
        told = parse(text.encode("utf-8", "replace"))
        if not isinstance(told, dict) or told["form"] != _FORM:
            return None
        return PlanMemo(
            made_of=_text(told["made_of"]),
            texts=[_digests(each) for each in told["texts"]],
            inputs=[_digests(each) for each in told["inputs"]],
            rows_digest=_text(told["rows_digest"]),
            variants=tuple(_variant(each) for each in told["variants"]),
            chunks={key: [_actions(each) for each in counts] for key, counts in told["chunks"].items()},
        )
    except (JsonError, KeyError, TypeError, ValueError, AttributeError):
        return None


def written_foreseen(foreseen: Foreseen) -> str:
    """Return what is foreseen as text."""
    told = {"claims": foreseen.claims, "requests": foreseen.requests, "memo": written(foreseen.memo)}
    return encode(told).decode("utf-8")


def read_foreseen(text: str) -> Foreseen | None:
    """Return what was written so; None for any other text."""
    try:
        told = parse(text.encode("utf-8", "replace"))
        if not isinstance(told, dict):
            return None
        memo = read(_text(told["memo"]))
        return None if memo is None else Foreseen(list(map(_count, told["claims"])), _count(told["requests"]), memo)
    except (JsonError, KeyError, TypeError, ValueError):
        return None


def _variant(told: Mapping[str, object]) -> VariantPlan:
    matrix, asked = told["matrix"], told["asked"]
    if not isinstance(matrix, dict):
        raise TypeError("not of this form")
    return VariantPlan(
        model=_text(told["model"]),
        asked=None if asked is None else _text(asked),
        matrix=matrix,
        actions=_actions(told["actions"]),
        rows=_count(told["rows"]),
        requests=_count(told["requests"]),
        duplicates=_count(told["duplicates"]),
        replicates=_count(told["replicates"]),
    )


def _actions(told: object) -> Counter[Action]:
    if not isinstance(told, dict):
        raise TypeError("not of this form")
    return Counter({Action(name): _count(count) for name, count in told.items()})


def _digests(told: Mapping[str, object]) -> Digests:
    return {path: _text(digest) for path, digest in told.items()}


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError("not of this form")
    return told


def _count(told: object) -> int:
    if not isinstance(told, int):
        raise TypeError("not of this form")
    return told
