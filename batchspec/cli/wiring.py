"""Builds the adapters for a command from options and environment, and takes them down again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.offering import Offering, writers
from batchspec.cli.options import Options
from batchspec.cli.providers import Connection, catalogue_of, offered_provider, open_named
from batchspec.cli.variables import given_variables
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.loading import SpecLoader
from batchspec.commands.selecting import Selection
from batchspec.core.errors import AccessError, InvalidInputError, LockedError
from batchspec.core.model_lock import ModelLock
from batchspec.core.ports import Checkpoint, Provider
from batchspec.core.selecting import Standing, read_selectors
from batchspec.core.variables import Given
from batchspec.inputs import open_rows
from batchspec.inputs.remote import Stores
from batchspec.project.atomic import write_atomically, write_new
from batchspec.project.files import RootedFiles
from batchspec.project.lock_file import load_lock
from batchspec.project.packaged import packaged_schema
from batchspec.project.program import program_digest
from batchspec.project.root import find_root
from batchspec.project.settings import Settings, load_settings
from batchspec.project.specs import find_specs
from batchspec.workers import Workers

if TYPE_CHECKING:
    from batchspec.cli.providers import Opened
    from batchspec.commands.world import World

_HOME = ".batchspec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An opened project: where it is, what it says, which specs were asked for."""

    root: Path
    settings: Settings
    files: RootedFiles
    paths: tuple[str, ...]
    state: Path
    lock: ModelLock = field(default_factory=ModelLock)
    given: tuple[Given, ...] = ()
    remote_inputs: tuple[str, ...] = ()
    environment: str | None = None
    workers: Workers | None = None

    @property
    def home(self) -> Path:
        """The folder of everything that is batchspec's own, and in no repository."""
        return self.root / _HOME

    def shown(self, path: Path) -> str:
        """Return a path as documents show it: relative to the root where it lies in there."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def open_project(paths: Sequence[Path], options: Options, environ: Mapping[str, str]) -> Project:
    """Find the project's root, its settings and its specs. Raises InvalidInputError or FileProblemError."""
    start = _start(paths)
    root = find_root(start, options.project)
    files = RootedFiles(root)
    settings = load_settings(files)
    specs = find_specs(root, root if options.project else Path.cwd(), paths)
    state = _state_path(root, settings, options)
    selection = Selection(
        include=read_selectors(options.select, "--select"),
        exclude=read_selectors(options.exclude, "--exclude"),
        default_tags=settings.defaults.get("tags"),
        environment=options.environment,
    )
    return Project(
        root=root,
        settings=settings,
        files=files,
        paths=selection.of(specs, files, partial(_standings, state)),
        state=state,
        lock=load_lock(files),
        environment=options.environment,
        given=given_variables(environ, options.variable_files, options.variables),
        remote_inputs=tuple(environ.get("BATCHSPEC_REMOTE_INPUTS", "").split()),
        workers=Workers(jobs=options.jobs, root=root, environ=_without_keys(environ)),
    )


def _without_keys(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return an environment for processes that only render: they talk to nobody."""
    return {name: value for name, value in environ.items() if not name.upper().startswith("MISTRAL")}


def open_settings(options: Options) -> Project:
    """Open the project around the current folder, for a command that is about no spec in particular."""
    root = find_root(Path.cwd(), options.project)
    files = RootedFiles(root)
    settings = load_settings(files)
    return Project(root=root, settings=settings, files=files, paths=(), state=_state_path(root, settings, options))


@contextmanager
def open_provider(
    project: Project, options: Options, console: Console, interrupts: Interrupts, *, patient: bool = True
) -> Iterator[Opened]:
    """Open the provider alone, without a state; not `patient`, it makes each call once.

    Raises AccessError where there is no key.
    """
    with ExitStack() as stack:
        progress = console.progress()
        stack.callback(progress.finish)
        provider = _provider(stack, project, options, console, interrupts, progress.note, needed=True, patient=patient)
        assert provider is not None, "without a key an error is raised"
        yield provider


def _start(paths: Sequence[Path]) -> Path:
    if not paths:
        return Path.cwd()
    first = paths[0].absolute()
    return first if first.is_dir() else first.parent


def _state_path(root: Path, settings: Settings, options: Options) -> Path:
    if options.state is not None:
        offered_provider(options.provider, root)
        return options.state
    recorded = root / settings.state
    if options.provider == "emulator":
        return _emulated(recorded)
    plugin = offered_provider(options.provider, root)
    return recorded if plugin is None else recorded.with_name("providers") / plugin.name / recorded.name


def _recorded(project: Project, console: Console, *, required: bool) -> Path | None:
    """Return the state's path; None where there is none and none is required, which may be a slip that is told."""
    if project.state.exists() or required:
        return project.state
    if _emulated(project.state).exists():
        console.say("! nothing was sent to this provider yet; what the emulator has needs `--provider emulator`")
    return None


def _emulated(state: Path) -> Path:
    """Return the emulator's own state: what it has answered must never count as done with the real provider."""
    return state.with_name("emulator") / state.name


def load(project: Project) -> tuple[LoadedSpec, ...]:
    """Load the project's specs. Raises InvalidInputError."""
    return loader(project).load(project.paths)


def loader(project: Project) -> SpecLoader:
    """Return what loads this project's specs."""
    return SpecLoader(
        files=project.files,
        defaults=project.settings.defaults,
        default_places=project.settings.default_places,
        output_dir=project.settings.output_dir,
        schema=packaged_schema,
        open_rows=partial(
            open_rows, root=project.root, stores=Stores(allowed=project.remote_inputs), offers=Offering(project.root)
        ),
        offers=Offering(project.root),
        given=project.given,
        all_paths=lambda: find_specs(project.root, project.root, []),
        lock=project.lock,
        environment=project.environment,
        workers=project.workers,
        program=program_digest,
    )


def _standings(state: Path) -> Mapping[str, frozenset[Standing]]:
    from batchspec.state.standings import standings

    return standings(state)


@contextmanager
def open_world(
    project: Project,
    options: Options,
    console: Console,
    interrupts: Interrupts,
    *,
    command: str,
    writes: bool,
    needs_provider: bool,
    refreshes: bool = True,
    clears: bool = True,
) -> Iterator[World]:
    """Open everything that a command over the state needs.

    `writes` commands wait for the state's lock or raise LockedError; one that could do without goes on from what is
    recorded. `needs_provider` raises AccessError where there is no key; otherwise the command goes on without.
    `clears` is whether files that killed processes have left on their way are cleared at once.
    """
    from batchspec.commands.world import World
    from batchspec.project.repository import Repository
    from batchspec.project.spool import DiskSpool
    from batchspec.state.scratch import SqliteScratch
    from batchspec.state.store import SqliteLedger

    with ExitStack() as stack:
        stack.callback((progress := console.progress()).finish)
        locked = (writes or refreshes) and _lock(stack, project, command, options, console, interrupts, needed=writes)
        provider: Opened | None = None
        if refreshes and locked:
            provider = _provider(stack, project, options, console, interrupts, progress.note, needed=needs_provider)
        path = _recorded(project, console, required=provider is not None)
        ledger = stack.enter_context(SqliteLedger(path, project.settings.project_id))
        if provider is not None:
            ledger.bind(options.provider)
        spool, downloads = DiskSpool(project.state.parent / "spool"), project.state.parent / "downloads"
        if clears and provider is not None:
            _make_empty(downloads)
        if clears and writes and locked:
            stack.enter_context(spool)
        yield World(
            ledger=ledger,
            provider=provider,
            catalogue=catalogue_of(provider),
            spool=spool,
            new_scratch=SqliteScratch,
            open_output=_opener(project.root),
            open_writer=writers(project.root),
            fingerprint=_fingerprinter(project.root),
            local_path=lambda path: project.root / path,
            downloads=downloads,
            clock=interrupts,
            progress=progress,
            stop=interrupts.stop,
            commit=Repository(project.root, console.environ).commit,
            checkpoint=_checkpoint(console),
            locked=locked,
            settle_seconds=_settle_seconds(console.environ),
        )


def _lock(
    stack: ExitStack,
    project: Project,
    command: str,
    options: Options,
    console: Console,
    interrupts: Interrupts,
    *,
    needed: bool,
) -> bool:
    """Take the state's lock; tell whether it was taken."""
    from batchspec.state.lock import state_lock

    if not needed and not os.access(_existing(project.root), os.W_OK):
        return False
    keep_out_of_git(project)
    try:
        stack.enter_context(state_lock(project.state, command, options.lock_timeout, interrupts.stop))
    except LockedError as error:
        if needed:
            raise
        console.say(f"{error.summary}; this is what is recorded so far")
        return False
    return True


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def keep_out_of_git(project: Project) -> None:
    """Make the folder of what is batchspec's own, and have git ignore what is in it."""
    # For its owner alone: whoever may write into it could put a state of their own in place of the real one.
    project.home.mkdir(mode=0o700, exist_ok=True)
    text = b"# batchspec's state, results on their way in, and logs: never committed\n*\n"
    write_new(project.home / ".gitignore", text, root=project.home)


def _provider(
    stack: ExitStack,
    project: Project,
    options: Options,
    console: Console,
    interrupts: Interrupts,
    note: Callable[[str], None],
    *,
    needed: bool,
    patient: bool = True,
) -> Opened | None:
    connection = Connection(console, interrupts, note, patient=patient)
    return open_named(stack, options.provider, project.root, project.home, connection, needed=needed)


def require(world: World) -> Provider:
    """Return the provider of a command that cannot do without. Raises AccessError."""
    if world.provider is None:
        raise AccessError("there is no provider to talk to", hint="set MISTRAL_API_KEY, or use --provider emulator")
    return world.provider


def _opener(root: Path) -> Callable[[str], AbstractContextManager[BinaryIO]]:
    def open_output(path: str) -> AbstractContextManager[BinaryIO]:
        return write_atomically(root / path, root=root)

    return open_output


def _make_empty(folder: Path) -> None:
    """Make a folder, or clear it of what a killed process has left: who holds the state's lock is alone in there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()


def _fingerprinter(root: Path) -> Callable[[str], str | None]:
    def fingerprint(path: str) -> str | None:
        try:
            told = (root / path).stat()
        except OSError:
            return None
        return f"{told.st_size}:{told.st_mtime_ns}:{told.st_ino}"

    return fingerprint


def _checkpoint(console: Console) -> Checkpoint:
    from batchspec.cli.checkpoints import checkpoints

    return checkpoints(console.environ, console.say if console.verbose else _silence)


def _settle_seconds(environ: Mapping[str, str]) -> float:
    from batchspec.core.protocol import DEFAULT_SETTLE_SECONDS

    name = "BATCHSPEC_SETTLE_SECONDS"
    text = environ.get(name, "")
    if not text:
        return DEFAULT_SETTLE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise InvalidInputError(
            f"{name} must be a number of seconds from 0 to 86400",
            why=f"it is `{text}`",
            hint=f"set it to a number, or take it away: `unset {name}`",
        )
    return seconds


def _silence(_text: str) -> None:
    """Tell nobody."""
