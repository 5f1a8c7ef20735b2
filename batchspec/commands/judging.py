"""Holds recorded answers to what a spec says of them; each verdict is made once and remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from batchspec.commands.loaded import LoadedSpec
from batchspec.core.answer_checks import OnInvalid
from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus, Standing
from batchspec.core.model import RequestDigest
from batchspec.core.planning import Action, decide

_SAVED_AT_ONCE = 20_000


class Answers(Protocol):
    """What is recorded of requests: a ledger, or part of one."""

    def recorded(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Recorded]:
        """Return what is known of these requests; those that are not known are left out."""
        ...

    def results(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, RecordedResult]:
        """Return the latest answers to these requests."""
        ...

    def standings(
        self, digests: Sequence[RequestDigest], check: bytes | None, *, judged_too: bool = True
    ) -> Mapping[RequestDigest, Standing]:
        """Return all that is known of these requests at once; those that are not known are left out.

        Answers that this check has judged come with their bodies where `judged_too` is set.
        """
        ...

    def successes(self, claims: Sequence[int]) -> Iterator[Sequence[tuple[int, bytes]]]:
        """Yield the bodies of these claims' successes with the answers' numbers, many at once."""
        ...

    def save_verdicts(self, check: bytes, verdicts: Mapping[int, str | None]) -> None:
        """Remember what was found wrong with answers, by their numbers; None where nothing is."""
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
    """What is to be done about a spec's requests, with a look at their answers; finished after the last."""

    def __init__(self, loaded: LoadedSpec, answers: Answers, *, remember: bool) -> None:
        self._spec = loaded.spec
        self._check = loaded.check
        self._answers = answers
        self._remember = remember
        self._unsaved: dict[int, str | None] = {}

    @property
    def keeps(self) -> bool:
        """Whether answers that do not fit count all the same."""
        return self._spec.response.on_invalid is OnInvalid.KEEP

    def decide(
        self, digests: Sequence[RequestDigest]
    ) -> tuple[list[Action], Mapping[RequestDigest, Recorded], Mapping[RequestDigest, str]]:
        """Return the action about each request, what is recorded of them, and what is wrong with their answers."""
        most = self._spec.max_attempts
        wrong: Mapping[RequestDigest, str] = {}
        if self._check is None:
            recorded = self._answers.recorded(digests)
        else:
            found, wrong = self._looked_at(digests, judged_too=False)
            recorded = {digest: standing.recorded for digest, standing in found.items()}
        if not recorded:
            return [decide(None, most)] * len(digests), {}, {}
        actions = [decide(recorded.get(digest), most) for digest in digests]
        if wrong and not self.keeps:
            again = self._spec.response.on_invalid is OnInvalid.RETRY
            for index, digest in enumerate(digests):
                if digest in wrong:
                    sends = again and recorded[digest].attempts < most
                    actions[index] = Action.RETRY if sends else Action.INVALID
        return actions, recorded, wrong

    def standings(self, digests: Sequence[RequestDigest]) -> Standings:
        """Return what is recorded of these requests, their answers looked at too."""
        found, wrong = self._looked_at(digests, judged_too=True)
        return Standings(digests, found, wrong, self.keeps)

    def problems(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, str]:
        """Return what is wrong with the answers to these requests; those that fit are left out."""
        return {} if self._check is None else self._looked_at(digests, judged_too=False)[1]

    def all_fit(self, claims: Sequence[int]) -> bool:
        """Tell whether no success of these claims is in want of anything; what is found is remembered."""
        if self._check is None:
            return True
        fit = True
        for answers in self._answers.successes(claims):
            found = {number: self._check.problem(body) for number, body in answers}
            if self._remember:
                self._unsaved |= found
            if len(self._unsaved) >= _SAVED_AT_ONCE:
                self.finish()
            fit = self.keeps or not any(found.values())
            if not fit:
                break
        self.finish()
        return fit

    def finish(self) -> None:
        """Remember what was found; whatever is not remembered is found again."""
        if self._check is not None and self._unsaved:
            self._answers.save_verdicts(self._check.id, self._unsaved)
            self._unsaved = {}

    def _looked_at(
        self, digests: Sequence[RequestDigest], *, judged_too: bool
    ) -> tuple[Mapping[RequestDigest, Standing], Mapping[RequestDigest, str]]:
        """Return what is recorded of these requests, and what is wrong with answers to them."""
        check = self._check
        found = self._answers.standings(digests, None if check is None else check.id, judged_too=judged_too)
        wrong: dict[RequestDigest, str] = {}
        if check is None:
            return found, wrong
        for digest, (recorded, result, result_id, judged, told) in found.items():
            if recorded.status is not RequestStatus.SUCCEEDED or result is None or result_id is None:
                continue
            if not judged:
                told = check.problem(result.body)  # noqa: PLW2901 - a verdict, whoever has made it
                if self._remember:
                    self._unsaved[result_id] = told
            if told is not None:
                wrong[digest] = told
        if len(self._unsaved) >= _SAVED_AT_ONCE:
            self.finish()
        return found, wrong
