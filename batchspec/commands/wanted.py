"""What the specs of a project declare, request by request, and what some of them are going to: for `gc`."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.commands.desired import desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import LimitError
from batchspec.core.garbage import Reclaiming, Unknown
from batchspec.core.model import Target
from batchspec.core.ports import Scratch


def find_wanted(specs: Sequence[LoadedSpec], *, world: World, reclaiming: Reclaiming) -> Unknown:
    """Tell `reclaiming` every request that these specs declare, or have declared last; return what is not known yet.

    A spec may be among them several times, in each of its environments.

    Raises InvalidInputError with every finding where a row of any of them cannot be rendered, and LimitError for a
    spec that has come out empty.
    """
    findings = Findings()
    rows: dict[str, int] = {}
    ways: set[tuple[str, Target]] = set()
    world.progress.start("rendering")
    for loaded in specs:
        spec = loaded.spec
        # A spec that is here once more, in another environment, has the same custom_ids.
        with world.new_scratch() as scratch:
            absent = _want(loaded, world, reclaiming, scratch, findings)
        if absent:
            rows[spec.name] = max(absent, rows.get(spec.name, 0))
            ways.update((spec.endpoint, target) for target in spec.targets)
    world.progress.finish()
    findings.raise_if_errors()
    reclaiming.want_declared(list(dict.fromkeys(loaded.spec.name for loaded in specs)))
    return Unknown(rows=rows, ways=ways)


def _want(loaded: LoadedSpec, world: World, reclaiming: Reclaiming, scratch: Scratch, findings: Findings) -> int:
    """Go through a spec's rows; return how many of them make no request, since what they go on from is not there."""
    spec = loaded.spec
    identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
    count = absent = 0
    for chunk in desired_chunks(loaded, world.ledger, scratch, findings, world.progress, world.stop):
        count += len(chunk.rows)
        absent += sum(absence.rows for absence in chunk.absences)
        reclaiming.want([identities[target].digest(row.digest) for row in chunk.rows for target in row.form.targets])
    if not (count or absent or findings.errors) and world.ledger.declared_counts(spec.name):
        raise LimitError(
            f"{spec.name} declares no rows any more, where it had some",
            why="all of its answers would be removed, and an input that has come out empty is more often a mistake"
            " than meant",
            hint=f"restore the input of {spec.path}, or delete the spec",
        )
    return absent
