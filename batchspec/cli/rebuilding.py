"""Rebuilds the state: the old ledger, the new one and the provider, put together and taken down again."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from batchspec.cli import wiring
from batchspec.cli.asking import ask
from batchspec.cli.options import Options
from batchspec.cli.running import Run
from batchspec.commands.rebuild import Rebuilt, probe, rebuild
from batchspec.core.errors import InvalidInputError, StateError
from batchspec.core.ports import Checkpoint
from batchspec.core.rebuilding import Carried
from batchspec.report.state import carried_text
from batchspec.report.style import plural
from batchspec.state.carrying import carry_over
from batchspec.state.inspection import Inspection
from batchspec.state.lock import state_lock
from batchspec.state.replacing import refuse_unsound, replace_state, why_unreadable, workshop
from batchspec.state.store import SqliteLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A state that was rebuilt; `kept` is where the old one is now, `unreadable` why nothing was taken from it."""

    rebuilt: Rebuilt
    kept: Path | None
    unreadable: str | None


def rebuild_state(run: Run, project: wiring.Project, options: Options, *, drop_missing: bool, yes: bool) -> Replaced:
    """Rebuild a state and put it in place. Whatever is raised, the old state is in its place then."""
    state = project.state
    with ExitStack() as stack:
        wiring.keep_out_of_git(project)
        stack.enter_context(state_lock(state, "state rebuild", options.lock_timeout, run.interrupts.stop))
        exists = state.exists()
        unreadable = why_unreadable(state) if exists else None
        settings = replace(project.settings, project_id=project.settings.project_id or _recorded_id(state, exists))
        folder = stack.enter_context(workshop(state))
        old = None
        if exists and unreadable is None:
            old = stack.enter_context(SqliteLedger(state, settings.project_id))
            old.bind(options.provider)
        new = replace(project, state=folder / "state.db", settings=settings)
        rebuilt, checkpoint = _fill(run, new, options, old, state, drop_missing=drop_missing, yes=yes)
        refuse_unsound(new.state)
        if old is not None:
            old.close()
        checkpoint("rebuild:before-replace")
        kept = replace_state(new.state, state)
        checkpoint("rebuild:after-replace")
    return Replaced(rebuilt=rebuilt, kept=kept, unreadable=unreadable)


def _fill(
    run: Run,
    new: wiring.Project,
    options: Options,
    old: SqliteLedger | None,
    state: Path,
    *,
    drop_missing: bool,
    yes: bool,
) -> tuple[Rebuilt, Checkpoint]:
    """Fill the new ledger, and close it; the old one's file lies at `state`."""
    console = run.console

    def approve(carried: Carried) -> None:
        if carried.left:
            if not console.json:
                console.out(carried_text(carried))
            ask(console, f"leave {plural(carried.left, 'request')} of the old state behind", yes=yes)

    with wiring.open_world(
        new, options, console, run.interrupts, command="state rebuild", writes=True, needs_provider=True
    ) as world:
        provider = wiring.require(world)
        ledger = world.ledger
        assert isinstance(ledger, SqliteLedger), "a state in a file is made where there is a provider"

        def carry(unknowable: Collection[str]) -> Carried | None:
            if old is None:
                return None
            return carry_over(ledger, state, unknowable=unknowable, drop_missing=drop_missing)

        if old is not None:
            probe(old, provider)
        in_flight = [] if old is None else [claim.job_id for claim in old.claims_in_flight() if claim.job_id]
        rebuilt = rebuild(world, provider, in_flight=in_flight, carry=carry, approve=approve)
        return rebuilt, world.checkpoint


def _recorded_id(state: Path, exists: bool) -> str:
    """Return the project's id that a state names, even a damaged one. Raises InvalidInputError."""
    found = None
    if exists:
        try:
            with Inspection(state) as inspection:
                found = inspection.facts().project_id
        except StateError:
            found = None
    if found is None:
        raise InvalidInputError(
            "the id of this project is not known, so its jobs cannot be told from others",
            why="batchspec.toml names none, and there is no state that does",
            hint='write `id = "…"` under [project] in batchspec.toml: `batchspec jobs --json` shows the `bspec_project`'
            " of the jobs",
        )
    return found
