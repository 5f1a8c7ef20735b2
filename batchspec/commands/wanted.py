"""What the specs of a project declare, request by request, and what some of them are going to: for `gc`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from batchspec.commands.desired import desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import LimitError
from batchspec.core.garbage import Reclaiming, Unknown
from batchspec.core.model import Target
from batchspec.core.spec import Spec


def find_wanted(specs: Sequence[LoadedSpec], *, world: World, reclaiming: Reclaiming) -> Unknown:
    """Tell `reclaiming` every request that these specs declare, or have declared last; return what is not known yet.

    A spec may be among them several times, in each of its environments.

    Raises InvalidInputError with every finding where a row of any of them cannot be rendered, and LimitError for a
    spec that has come out empty.
    """
    findings = Findings()
    unknown: dict[str, int] = {}
    ways: set[tuple[str, Target]] = set()
    rows: Counter[str] = Counter()
    world.progress.start("rendering")
    for loaded in specs:
        spec = loaded.spec
        count, absent = _want(loaded, world, reclaiming, findings)
        rows[spec.name] += count + absent
        if absent:
            unknown[spec.name] = unknown.get(spec.name, 0) + absent
            ways.update((spec.endpoint, target) for target in spec.targets)
    world.progress.finish()
    findings.raise_if_errors()
    for loaded in specs:
        _refuse_emptied(loaded.spec, rows, world)
    reclaiming.want_declared(rows)
    return Unknown(rows=unknown, ways=ways)


def _want(loaded: LoadedSpec, world: World, reclaiming: Reclaiming, findings: Findings) -> tuple[int, int]:
    """Go through a spec's rows; return how many make requests, and how many have no answer to go on from."""
    spec = loaded.spec
    identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
    count = absent = 0
    # Each with its own: a spec in another environment has the same name and the same ids.
    with world.new_scratch() as scratch:
        for chunk in desired_chunks(loaded, world.ledger, scratch, findings, world.progress, world.stop):
            count += len(chunk.rows)
            absent += sum(absence.rows for absence in chunk.absences)
            reclaiming.want(
                [identities[target].digest(row.digest) for row in chunk.rows for target in row.form.targets]
            )
    return count, absent


def _refuse_emptied(spec: Spec, rows: Counter[str], world: World) -> None:
    if not rows[spec.name] and world.ledger.declared_counts(spec.name):
        raise LimitError(
            f"{spec.name} declares no rows any more, where it had some",
            why="all of its answers would be removed, and an input that has come out empty is more often a mistake"
            " than meant",
            hint=f"restore the input of {spec.path}, or delete the spec",
        )
