"""Holds recorded answers to what a spec says of them; each verdict is made once and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from batchspec.commands.loaded import LoadedSpec
from batchspec.core.answer_checks import OnInvalid
from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus, Standing
from batchspec.core.model import RequestDigest
from batchspec.core.planning import Action, decide


class Answers(Protocol):
    """What is recorded of requests: a ledger, or part of one."""

    def recorded(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Recorded]:
        """Return what is known of these requests; those that are not known are left out."""
        ...

    def results(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, RecordedResult]:
        """Return the latest answers to these requests."""
        ...

    def verdicts(self, check: bytes, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, str | None]:
        """Return what was found wrong with the latest answers to these requests; those not judged are left out."""
        ...

    def standings(self, digests: Sequence[RequestDigest], check: bytes | None) -> Mapping[RequestDigest, Standing]:
        """Return all that is known of these requests at once; those that are not known are left out."""
        ...

    def save_verdicts(self, check: bytes, verdicts: Mapping[RequestDigest, str | None]) -> None:
        """Remember what was found wrong with the latest answers to these requests."""
        ...


class Standings(NamedTuple):
    """What is recorded of some requests, in the order of their `digests`, and what is wrong with answers of them.

    `keeps_wrong` is whether answers that do not fit count all the same.
    """

    digests: Sequence[RequestDigest]
    found: Mapping[RequestDigest, Standing]
    wrong: Mapping[RequestDigest, str]
    keeps_wrong: bool


class Judged:
    """What is to be done about a spec's requests, their answers looked at too."""

    def __init__(self, loaded: LoadedSpec, answers: Answers, *, remember: bool) -> None:
        self._spec = loaded.spec
        self._check = loaded.check
        self._answers = answers
        self._remember = remember

    @property
    def keeps(self) -> bool:
        """Whether answers that do not fit count all the same."""
        return self._spec.response.on_invalid is OnInvalid.KEEP

    def decide(
        self, digests: Sequence[RequestDigest]
    ) -> tuple[list[Action], Mapping[RequestDigest, Recorded], Mapping[RequestDigest, str]]:
        """Return the action about each request, what is recorded of them, and what is wrong with their answers."""
        recorded = self._answers.recorded(digests)
        if not recorded:
            return [decide(None, self._spec.max_attempts)] * len(digests), {}, {}
        most = self._spec.max_attempts
        actions = [decide(recorded.get(digest), most) for digest in digests]
        done = [digest for digest, action in zip(digests, actions, strict=True) if action is Action.DONE]
        wrong = self.problems(done)
        if wrong and not self.keeps:
            again = self._spec.response.on_invalid is OnInvalid.RETRY
            for index, digest in enumerate(digests):
                if digest in wrong:
                    sends = again and recorded[digest].attempts < most
                    actions[index] = Action.RETRY if sends else Action.INVALID
        return actions, recorded, wrong

    def standings(self, digests: Sequence[RequestDigest]) -> Standings:
        """Return what is recorded of these requests, their answers looked at too."""
        check = self._check
        found = self._answers.standings(digests, None if check is None else check.id)
        wrong: dict[RequestDigest, str] = {}
        if check is not None:
            fresh: dict[RequestDigest, str | None] = {}
            for digest, standing in found.items():
                told = standing.problem
                if standing.recorded.status is not RequestStatus.SUCCEEDED or standing.result is None:
                    continue
                if not standing.judged:
                    told = fresh[digest] = check.problem(standing.result.body)
                if told is not None:
                    wrong[digest] = told
            if fresh and self._remember:
                self._answers.save_verdicts(check.id, fresh)
        return Standings(digests, found, wrong, self.keeps)

    def problems(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, str]:
        """Return what is wrong with the answers to these requests, which all have one; those that fit are left out."""
        if self._check is None or not digests:
            return {}
        known = dict(self._answers.verdicts(self._check.id, digests))
        results = self._answers.results([digest for digest in digests if digest not in known])
        fresh = {digest: self._check.problem(result.body) for digest, result in results.items()}
        if fresh and self._remember:
            self._answers.save_verdicts(self._check.id, fresh)
        return {digest: told for digest, told in (known | fresh).items() if told is not None}
