"""Sends shards: claim, upload, mark as sending, one POST, record. Every step is durable before the next begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain, repeat

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.lookout import Lookout
from batchspec.commands.uploading import UploadsAhead, name_of
from batchspec.commands.uploads import Uploads
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity, shard_digest
from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    ProviderRefusedError,
    ProviderUnavailableError,
    StateError,
    SubmissionUnknownError,
    UnresolvedError,
)
from batchspec.core.ledger import Claim, ClaimConflictError, ClaimLine, ClaimRequest
from batchspec.core.lines import as_inline_request, inline_custom_id, read_told
from batchspec.core.model import RemoteFile, RequestDigest
from batchspec.core.planning import PendingShard
from batchspec.core.ports import Provider, SpooledFile
from batchspec.core.protocol import Payload, job_request, may_send
from batchspec.core.spec import Spec

_MOST_LINE_ERRORS = 20
# Skips the function that a NamedTuple has for its keywords, which a million lines would feel.
_new = tuple.__new__


class RequestsRefusedError(Exception):
    """The provider refused single requests of a spec before anything was sent: `messages` by custom_id."""

    def __init__(self, spec: str, messages: Mapping[str, str]) -> None:
        super().__init__(f"{len(messages)} requests of {spec} were refused")
        self.spec = spec
        self.messages = messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """How many jobs and requests were sent; `unknown` are the claims whose POST got no definite answer.

    `given_up` requests were not sent, since another machine has sent something meanwhile: look first what that was.
    """

    jobs: int
    requests: int
    unknown: tuple[Claim, ...]
    given_up: int = 0


class _End(Enum):
    """How the sending of a shard ended."""

    CREATED = auto()
    UNKNOWN = auto()
    GIVEN_UP = auto()


def submit(
    shards: Sequence[PendingShard],
    specs: Mapping[str, LoadedSpec],
    *,
    world: World,
    provider: Provider,
    left_alone: frozenset[str] = frozenset(),
) -> Submitted:
    """Send every shard once, right after a refresh. A submission without an answer is left to be resolved.

    `left_alone` are jobs that the refresh has seen and not adopted: they are no news.

    Raises AccessError, ProviderRefusedError, RequestsRefusedError or ProviderUnavailableError at the first shard that
    was definitely not sent; its claim is released, so running again sends it.
    """
    waiting = Counter(part.sha256 for shard in shards for part in shard.parts)
    jobs = requests = 0
    given_up = 0
    unknown: list[Claim] = []
    lookout = Lookout(world, provider, left_alone)
    uploads = {name: Uploads(loaded.renderer.uploads, world, provider) for name, loaded in specs.items()}
    # What names local files goes out changed, once those are there.
    as_spooled = [shard for shard in shards if not shard.inline and not specs[shard.spec].renderer.uploads]
    parts = (part for shard in as_spooled for part in shard.parts)
    with UploadsAhead(parts, world=world, provider=provider) as ahead:
        for shard in shards:
            world.stop()
            ahead.begin()
            sending = _Sending(shard, specs[shard.spec].spec, uploads[shard.spec], ahead, lookout, world, provider)
            end, claim = sending.send()
            if end is _End.CREATED:
                jobs += 1
                requests += shard.requests
            elif end is _End.UNKNOWN:
                unknown.append(claim)
            else:
                given_up += shard.requests
            for part in shard.parts:
                waiting[part.sha256] -= 1
                if not waiting[part.sha256]:
                    world.spool.remove(part.sha256)
    return Submitted(jobs=jobs, requests=requests, unknown=tuple(unknown), given_up=given_up)


class _Sending:
    """One shard on its way to becoming a job."""

    def __init__(
        self,
        shard: PendingShard,
        spec: Spec,
        uploads: Uploads,
        ahead: UploadsAhead,
        lookout: Lookout,
        world: World,
        provider: Provider,
    ) -> None:
        self._shard = shard
        self._spec = spec
        self._uploads = uploads
        self._ahead = ahead
        self._lookout = lookout
        self._world = world
        self._provider = provider
        self._identity = RequestIdentity.of(shard.endpoint, shard.target)
        self._outgoing: list[SpooledFile] = []

    def send(self) -> tuple[_End, Claim]:
        """Claim, upload, create."""
        for reuse in (True, False):
            claim = self._claim()
            payload, reused = self._payload(claim, reuse=reuse)
            try:
                return self._create(claim, payload), claim
            except ProviderRefusedError as error:
                self._release(claim, f"refused: {error.summary}")
                if error.status != 404 or not reused:
                    raise
                # An earlier upload has expired: it is forgotten, and the same shard is claimed and sent anew.
                for part in self._outgoing:
                    self._world.ledger.forget_file(part.sha256)
        raise AssertionError("a fresh upload is either used or refused")

    def _claim(self) -> Claim:
        shard, world = self._shard, self._world
        digests = chain.from_iterable(digests for _, digests in self._requests())
        request = ClaimRequest(
            shard=shard_digest(shard.endpoint, shard.model, digests),
            spec=shard.spec,
            endpoint=shard.endpoint,
            model=shard.model,
            requests=shard.requests,
            parts=shard.parts,
            revision=shard.revision,
            replicate=shard.replicate,
            variant=shard.variant,
            plan=shard.plan,
        )
        world.progress.start("claiming", total=shard.requests, unit="requests")
        world.checkpoint("submit:before-claim")
        claim = world.ledger.claim(request, self._lines(), world.clock.now())
        world.checkpoint("submit:after-claim")
        world.progress.finish()
        return claim

    def _lines(self) -> Iterator[ClaimLine]:
        """Yield what is to be claimed, under the custom_ids that the provider is given."""
        for custom_ids, digests in self._requests():
            names = map(inline_custom_id, digests) if self._shard.inline else custom_ids
            yield from map(_new, repeat(ClaimLine), zip(names, digests, strict=True))
            self._world.progress.advance(len(digests))

    def _requests(self) -> Iterator[tuple[Sequence[str], Sequence[RequestDigest]]]:
        """Yield the custom_ids and digests of the shard's requests, as was told when its lines were written."""
        for part in self._shard.parts:
            missing = part.lines
            for piece in self._world.spool.told(part.sha256):
                custom_ids, bodies = read_told(piece)
                missing -= len(bodies)
                yield custom_ids, list(map(self._identity.digest, bodies))
            assert missing == 0, "each line of a part was told of"

    def _payload(self, claim: Claim, *, reuse: bool) -> tuple[Payload, bool]:
        """Return what the job is made of, and whether any of it had been uploaded before."""
        self._outgoing = self._outgoing_parts(claim)
        if self._shard.inline:
            return Payload(requests=tuple(self._inline_requests())), False
        files, reused = [], False
        for part in self._outgoing:
            file, was_there = self._upload(claim, part, reuse=reuse)
            files.append(file.id)
            reused = reused or was_there
        self._world.ledger.mark_uploaded(claim.id, files)
        return Payload(files=tuple(files)), reused

    def _outgoing_parts(self, claim: Claim) -> list[SpooledFile]:
        try:
            return [self._uploads.outgoing(part) for part in self._shard.parts]
        except BatchspecError as error:
            self._release(claim, f"a file that it names was not uploaded: {error.summary}")
            raise

    def _inline_requests(self) -> Iterator[bytes]:
        """Yield the requests with their identities, which are of the spooled lines, as custom_ids."""
        spool, (outgoing,) = self._world.spool, self._outgoing
        with spool.path(outgoing.sha256).open("rb") as sent:
            digests = chain.from_iterable(digests for _, digests in self._requests())
            for digest, wire in zip(digests, sent, strict=True):
                yield as_inline_request(wire, digest)

    def _upload(self, claim: Claim, part: SpooledFile, *, reuse: bool) -> tuple[RemoteFile, bool]:
        """Return a part's file at the provider, and whether it was there before."""
        world = self._world
        known = world.ledger.find_file(part.sha256) if reuse else None
        if known is not None and known.id:
            return known, True
        try:
            if known is not None and not self._ahead.has_begun(part):
                # An upload began and its end is not on record: it may be there already.
                for found in self._provider.find_files(name_of(part)):
                    if found.size in {None, part.size} and found.lines in {None, part.lines}:
                        world.ledger.save_file(part.sha256, found)
                        return found, True
            file = self._ahead.upload(part)
            world.checkpoint("submit:after-upload")
        except ProviderRefusedError as error:
            told = self._named(error, claim, part)
            self._release(claim, f"upload refused: {error.summary}")
            raise told from None
        except (AccessError, ProviderUnavailableError) as error:
            self._release(claim, f"not uploaded: {error.summary}")
            raise
        world.ledger.save_file(part.sha256, file)
        return file, False

    def _create(self, claim: Claim, payload: Payload) -> _End:
        world, spec = self._world, self._spec
        request = job_request(claim, claim.project, payload, spec.metadata, spec.timeout_hours)
        if not self._intend(claim):
            return _End.GIVEN_UP
        try:
            job = self._provider.create_job(request)
        except SubmissionUnknownError:
            return _End.UNKNOWN
        except (AccessError, ProviderUnavailableError) as error:
            self._release(claim, f"not sent: {error.summary}")
            raise
        world.checkpoint("submit:after-create")
        try:
            world.ledger.mark_created(claim.id, job)
        except ClaimConflictError:
            # Given up by somebody else meanwhile: the next look finds two jobs, and keeps the older.
            return _End.UNKNOWN
        except StateError as error:
            raise UnresolvedError(
                f"job {job.id} was created and could not be recorded: {error.summary}",
                why="the intent to create it is on record, so the next run finds the job and adopts it",
                hint="mend the state's disk and run again; nothing is sent twice",
            ) from None
        world.checkpoint("submit:after-record")
        return _End.CREATED

    def _intend(self, claim: Claim) -> bool:
        """Record that the job is about to be created; tell whether it may be.

        Both the intent and the last look at the provider's jobs must be fresh at the POST. A process may be suspended
        at any place: whoever finds an intent older than the settle time gives it up and sends in its stead, and so
        does another machine that has never seen it.
        """
        world = self._world
        while True:
            world.stop()
            if self._lookout.others_have_sent():
                self._release(claim, "another machine has sent something meanwhile")
                return False
            intended = world.clock.now()
            try:
                world.ledger.mark_sending(claim.id, intended)
            except ClaimConflictError:
                return False
            world.checkpoint("submit:before-create")
            if may_send(intended, world.clock.now(), world.settle_seconds):
                return True

    def _release(self, claim: Claim, reason: str) -> None:
        # Nothing is left to give back where somebody else has given the claim up meanwhile.
        with suppress(ClaimConflictError):
            self._world.ledger.release(claim.id, reason, self._world.clock.now())

    def _named(self, error: ProviderRefusedError, claim: Claim, part: SpooledFile) -> Exception:
        """Say which requests a refused upload is about, instead of the numbers of lines that nobody sees."""
        if not error.line_errors:
            return error
        parts = self._outgoing
        before = sum(earlier.lines for earlier in parts[: parts.index(part)])
        wanted = {before + number: message for number, message in error.line_errors[:_MOST_LINE_ERRORS]}
        messages = {
            line.custom_id: wanted[number]
            for number, line in enumerate(self._world.ledger.claim_lines(claim.id), 1)
            if number in wanted
        }
        return RequestsRefusedError(self._shard.spec, messages)
