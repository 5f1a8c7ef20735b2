"""Knows a plan again that has nothing to send, where nothing that it was made of has changed since, without its rows.

What is trusted: the bytes of every file that had a part in it, the program, and the ledger as long as it stands at the
same count of changes. No date of any file, and nothing that could not be hashed while it was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from batchspec.commands.desired import Stop
from batchspec.commands.findings import Findings
from batchspec.commands.foresight import come_true
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.spec_planner import PlannedSpec
from batchspec.core.errors import FileProblemError
from batchspec.core.hashed_reading import Readings
from batchspec.core.ledger import Ledger
from batchspec.core.model import InlineRows, InputFiles, SpecResults
from batchspec.core.plan_memo import ChunkCounts, Digests, PlanMemo, is_settled, read, written
from batchspec.core.planning import SpecPlan, once_answered
from batchspec.core.ports import ProjectFiles

_BLOCK_BYTES = 1024 * 1024


class Unchanged:
    """The memory of one run of planning. Without `remember` it only recalls."""

    def __init__(self, ledger: Ledger, stop: Stop, *, remember: bool) -> None:
        self._ledger = ledger
        self._stop = stop
        self._remember = remember
        self._read: dict[str, list[Readings]] = {}
        self._known_chunks: dict[str, ChunkCounts] = {}
        self._found_chunks: dict[str, ChunkCounts] = {}
        self._come_true: dict[str, str] = {}
        if remember:
            ledger.begin_planning()

    def recall(self, loaded: LoadedSpec) -> PlanMemo | None:
        """Return what a plan of this spec would come to, where that is known; otherwise it is to be made."""
        chain = _chain(loaded)
        if not all(_can_be_known(each) for each in chain):
            return None
        told = self._ledger.remembered_plan(loaded.spec.name)
        known = None if told is None else read(told)
        memo = known or come_true(loaded, self._ledger, remember=self._remember)
        if memo is None or memo.made_of != _made_of(chain) or not len(memo.inputs) == len(memo.texts) == len(chain):
            return None
        self._known_chunks[loaded.spec.name] = memo.chunks
        if not all(map(self._reads_the_same, chain, memo.texts, memo.inputs)):
            return None
        if known is None:
            self._come_true[loaded.spec.name] = written(memo)
        return memo

    def foresee(self, loaded: LoadedSpec, planned: PlannedSpec, chunks: ChunkCounts) -> PlanMemo | None:
        """Return what will be remembered of a spec just planned once all that it sends has succeeded.

        None where its rows were not watched, or more than that has a part in its next plan.
        """
        plan = once_answered(planned.plan)
        if plan is None or loaded.upstream is not None or loaded.spec.name not in self._read:
            return None
        memo = self._memo(loaded, plan, planned.rows_digest, chunks)
        return memo if _says_all(memo, loaded, plan) else None

    def settled_chunks(self, loaded: LoadedSpec) -> ChunkCounts:
        """Return what the last plan found settled of a spec that was not recalled whole, while the ledger is the same.

        A chunk is known by its requests; all else that counts depend on is in what the spec is made of.
        """
        return self._known_chunks.get(loaded.spec.name, {})

    def note_settled(self, loaded: LoadedSpec, chunks: ChunkCounts) -> None:
        """Take note of what is settled of a spec, to be kept with its plan."""
        self._found_chunks[loaded.spec.name] = chunks

    def _reads_the_same(self, loaded: LoadedSpec, texts: Digests, inputs: Digests) -> bool:
        included = loaded.included
        try:
            for path in texts:
                # By the renderer's own way, so that whoever asks what it has read is told as if it had rendered.
                included.read_text(path)
            return all(included.used[path] == digest for path, digest in texts.items()) and all(
                self._digest(path, loaded.inputs) == digest for path, digest in inputs.items()
            )
        except (FileProblemError, OSError):
            return False

    def _digest(self, path: str, files: ProjectFiles) -> str:
        digest = hashlib.sha256()
        with files.open(path) as stream:
            while block := stream.read(_BLOCK_BYTES):
                self._stop()
                digest.update(block)
        return digest.hexdigest()

    @contextmanager
    def watching(self, loaded: LoadedSpec, findings: Findings) -> Iterator[None]:
        """Watch, while a spec is planned in a block, what is read for it and whether anything is found."""
        chain = _chain(loaded)
        if not self._remember or not all(_can_be_known(each) for each in chain):
            yield
            return
        before, readings = findings.total, [Readings() for _ in chain]
        with ExitStack() as stack:
            for each, reading in zip(chain, readings, strict=True):
                stack.enter_context(each.inputs.hashing(reading))
            yield
        sound = all(reading.sound and not reading.unfinished for reading in readings)
        if sound and findings.total == before and all(map(_is_told_by_texts, chain)):
            self._read[loaded.spec.name] = readings

    def keep(self, specs: Sequence[LoadedSpec], plans: Sequence[SpecPlan], rows_digests: Mapping[str, str]) -> None:
        """Remember those of these plans that were watched, and say no more than can be known again.

        `rows_digests` are those of the specs that are declared as they are, by name.
        """
        senders = {plan.name for plan in plans if any(variant.sends for variant in plan.variants)}
        told = dict(self._come_true)
        for loaded, plan in zip(specs, plans, strict=True):
            name = loaded.spec.name
            settled = is_settled(plan, others_send=bool(senders - {name}))
            if settled and name in self._read and name in rows_digests:
                memo = self._memo(loaded, plan, rows_digests[name], self._found_chunks.get(name, {}))
                if _says_all(memo, loaded, plan):
                    told[name] = written(memo)
        if told:
            self._ledger.remember_plans(told)

    def _memo(self, loaded: LoadedSpec, plan: SpecPlan, rows_digest: str, chunks: ChunkCounts) -> PlanMemo:
        chain = _chain(loaded)
        return PlanMemo(
            made_of=_made_of(chain),
            texts=[_read_by_rows(each) for each in chain],
            inputs=[reading.digests for reading in self._read[loaded.spec.name]],
            rows_digest=rows_digest,
            variants=plan.variants,
            chunks=chunks,
        )


def _says_all(memo: PlanMemo, loaded: LoadedSpec, plan: SpecPlan) -> bool:
    """Tell whether a memo tells the whole of a plan once it is read again."""
    known = read(written(memo))
    return known is not None and known.plan(loaded.spec) == plan


def _chain(loaded: LoadedSpec) -> list[LoadedSpec]:
    """Return a spec and those that it goes on from: its rows are made of theirs, and of answers in the ledger."""
    chain = [loaded]
    while chain[-1].upstream is not None:
        chain.append(chain[-1].upstream)
    return chain


def _can_be_known(loaded: LoadedSpec) -> bool:
    """Tell whether all that the rows are made of can be hashed: not the files behind a query, an address, or a name."""
    inputs = loaded.spec.inputs
    at_hand = isinstance(inputs, InlineRows | SpecResults) or (isinstance(inputs, InputFiles) and not inputs.remote)
    return at_hand and loaded.made_of is not None


def _made_of(chain: Sequence[LoadedSpec]) -> str:
    return " ".join(each.made_of() for each in chain if each.made_of is not None)


def _is_told_by_texts(loaded: LoadedSpec) -> bool:
    """Tell whether templates read nothing but texts, all of them there: a file that is not there may come.

    What columns have read beside the rendering counts too, for they may be joined to the rows of the next spec.
    """
    sources, included = loaded.sources, loaded.included
    known = loaded.read_at_load | included.used.keys()
    return sources.steady and not included.opened and sources.used.keys() <= known


def _read_by_rows(loaded: LoadedSpec) -> Digests:
    """Return the texts that the rendering read beside those that loading did: by what rows say."""
    return {path: digest for path, digest in loaded.included.used.items() if path not in loaded.read_at_load}
