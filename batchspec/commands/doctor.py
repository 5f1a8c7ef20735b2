"""`doctor`: whether everything around a project is as it must be, and what no program can promise here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from batchspec.commands.inspect import Checked
from batchspec.commands.storage import LocalStorage, remote_storage
from batchspec.core.errors import AccessError, BatchspecError
from batchspec.core.inspection import Severity
from batchspec.core.offered import PluginStanding
from batchspec.core.ports import Provider

_NUMBERS = re.compile(r"\d+")
_LITTLE_SPACE = 1_000_000_000
_MOST_SKEW = 60.0
"""Seconds. HTTP dates tell whole seconds, and an answer may be a while on its way."""


class Grade(StrEnum):
    """What is to be thought of a finding. A limit is no fault, and always told."""

    OK = "ok"
    NOTICE = "notice"
    ERROR = "error"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: `hint` says what to do, where there is anything to do.

    `numbers` are for programs.
    """

    grade: Grade
    subject: str
    summary: str
    hint: str | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the command line knows of the project: versions, the id in batchspec.toml, bytes, the lock's holder.

    `libraries` have their versions, None where one is missing; `oldest` are the oldest that will do, also of Python;
    `extras` tell which are installed. `address` is where
    the provider is looked for. `writable` is whether this user may write beside the state. `plugins` are all that are
    installed, loaded to see whether they can be.
    """

    version: str
    python: str
    root: str
    declared_id: str | None
    state: str
    state_exists: bool
    free_bytes: int
    holder: str | None
    local: LocalStorage = field(default_factory=LocalStorage)
    libraries: Mapping[str, str | None] = field(default_factory=dict)
    oldest: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, bool] = field(default_factory=dict)
    address: str = ""
    writable: bool = True
    plugins: Sequence[PluginStanding] = ()


LIMITS = (
    Finding(
        grade=Grade.LIMIT,
        subject="two machines",
        summary="two machines with states of their own that send the same within the same moments may both pay for it;"
        " the younger job is cancelled as soon as it is seen",
        hint="let one machine, or one CI job at a time (a concurrency group), apply a project",
    ),
    Finding(
        grade=Grade.LIMIT,
        subject="late effects",
        summary="a creation that takes effect after the settle time makes a second job; the younger is cancelled",
        hint="BATCHSPEC_SETTLE_SECONDS must exceed the provider's latest effect and its list's lag",
    ),
    Finding(
        grade=Grade.LIMIT,
        subject="expiry",
        summary="the provider keeps result files for a limited time; what was not collected by then is lost",
        hint="run `batchspec status` on a schedule while jobs run",
    ),
)


def examine(
    about: Surroundings,
    *,
    connect: Callable[[], Provider | None],
    check_state: Callable[[Provider | None], Checked],
    own_files: Callable[[], Collection[str]],
    clock_ahead: Callable[[], float | None] = lambda: None,
) -> tuple[Finding, ...]:
    """Return everything that was found, the worst included; `connect` returns None where there is no key.

    `check_state` looks at the state, with a provider also at where it differs from that; `own_files` gives the ids of
    this project's files at the provider, and `clock_ahead` the seconds that
    this machine's clock is ahead of its. Nothing is raised that a finding can say.
    """
    findings = [*_project(about)]
    provider: Provider | None = None
    try:
        provider = connect()
        findings.append(_reached(provider, about.address))
    except BatchspecError as error:
        findings.append(_failed("key" if isinstance(error, AccessError) else "provider", error))
        provider = None
    findings += _clock(clock_ahead())
    findings += _state(about, provider, check_state)
    findings.append(_stored_here(about.local))
    if provider is not None:
        try:
            findings.append(_stored_there(provider, own_files))
        except BatchspecError as error:
            findings.append(_failed("storage there", error))
    return (*findings, *LIMITS)


def _project(about: Surroundings) -> Iterator[Finding]:
    yield _versions(about)
    yield _libraries(about)
    yield from map(_plugin, about.plugins)
    if about.declared_id is None:
        yield Finding(
            grade=Grade.NOTICE,
            subject="project",
            summary=f"{about.root} has no `id` in batchspec.toml",
            hint="another machine, or a new state, finds this project's jobs by it; `batchspec init` shows how",
        )
    else:
        yield Finding(grade=Grade.OK, subject="project", summary=f"{about.root}, {about.declared_id}")
    if not about.writable:
        yield Finding(
            grade=Grade.ERROR,
            subject="disk",
            summary=f"nothing can be written beside the state, {about.state}",
            hint="mend the rights of the folder, or name another place with --state or BATCHSPEC_STATE",
        )
    if about.free_bytes < _LITTLE_SPACE:
        yield Finding(
            grade=Grade.NOTICE,
            subject="disk",
            summary=f"{about.free_bytes / 1e6:,.0f} MB are free beside the state",
            hint="batch files, downloads and answers need room; nothing is sent when they do not fit",
        )
    else:
        yield Finding(
            grade=Grade.OK, subject="disk", summary=f"{about.free_bytes / 1e9:,.0f} GB are free beside the state"
        )
    if about.holder is not None:
        yield Finding(
            grade=Grade.NOTICE,
            subject="lock",
            summary=about.holder,
            hint="wait for its end; with `--lock-timeout 10m` a command waits by itself",
        )


def _versions(about: Surroundings) -> Finding:
    told = f"batchspec {about.version} on Python {about.python}"
    if not _is_older(about.python, about.oldest.get("Python")):
        return Finding(grade=Grade.OK, subject="versions", summary=told)
    return Finding(
        grade=Grade.ERROR,
        subject="versions",
        summary=f"{told}, which is too old: {about.oldest['Python']} or later is needed",
        hint="install batchspec with a newer Python, such as `pipx install --python python3.13 batchspec`",
    )


def _is_older(version: str, oldest: str | None) -> bool:
    """Compare versions by their leading numbers; what has none counts as new enough."""
    if oldest is None or not _NUMBERS.match(version):
        return False
    have, need = ([int(part) for part in _NUMBERS.findall(text.split("+")[0])] for text in (version, oldest))
    return have[: len(need)] < need


def _libraries(about: Surroundings) -> Finding:
    missing = [name for name, version in about.libraries.items() if version is None]
    if missing:
        return Finding(
            grade=Grade.ERROR,
            subject="libraries",
            summary=f"not installed: {', '.join(missing)}",
            hint="install batchspec again, with what it needs",
        )
    old = [
        f"{name} {version} (at least {about.oldest[name]})"
        for name, version in about.libraries.items()
        if version is not None and _is_older(version, about.oldest.get(name))
    ]
    if old:
        return Finding(
            grade=Grade.ERROR,
            subject="libraries",
            summary=f"too old: {', '.join(old)}",
            hint="install batchspec again where nothing else is, as `pipx install` does; "
            "SQLite comes with Python, so a newer one of that brings it",
        )
    listed = ", ".join(f"{name} {version}" for name, version in about.libraries.items())
    absent = [name for name, there in about.extras.items() if not there]
    return Finding(
        grade=Grade.OK,
        subject="libraries",
        summary=listed + (f"; extras that are not installed: {', '.join(absent)}" if absent else ""),
        hint=f"`pip install 'batchspec[{absent[0]}]'` adds one, where a spec needs it" if absent else None,
    )


def _plugin(plugin: PluginStanding) -> Finding:
    summary = f"`{plugin.name}` for {plugin.kind}: {plugin.distribution}"
    if plugin.problem is None:
        return Finding(grade=Grade.OK, subject="plugins", summary=summary)
    return Finding(grade=Grade.NOTICE, subject="plugins", summary=f"{summary}: {plugin.problem}", hint=plugin.hint)


def _clock(ahead: float | None) -> Iterator[Finding]:
    if ahead is None:
        return
    numbers = {"ahead_seconds": round(ahead)}
    if abs(ahead) <= _MOST_SKEW:
        yield Finding(grade=Grade.OK, subject="clock", summary="agrees with the provider's", numbers=numbers)
        return
    side = "ahead of" if ahead > 0 else "behind"
    yield Finding(
        grade=Grade.NOTICE,
        subject="clock",
        summary=f"this machine's clock is {abs(ahead):,.0f} s {side} the provider's: ages and times that are shown are"
        " wrong by as much, and so is what goes by them, such as --older-than",
        hint="let the system set its time (`timedatectl set-ntp true`, or the time settings)",
        numbers=numbers,
    )


def _reached(provider: Provider | None, address: str) -> Finding:
    if provider is None:
        return Finding(
            grade=Grade.NOTICE,
            subject="key",
            summary="MISTRAL_API_KEY is not set: plans are made from recorded state, and nothing can be sent",
            hint="set it in the environment; it is never an option, in a file or in the state",
        )
    newest = next(iter(provider.list_jobs()), None)
    told = "no job yet" if newest is None else "jobs are listed"
    return Finding(grade=Grade.OK, subject="provider", summary=f"{address} accepts the key; {told}")


def _failed(subject: str, error: BatchspecError) -> Finding:
    why = f" ({error.why})" if error.why else ""
    return Finding(grade=Grade.ERROR, subject=subject, summary=f"{error.summary}{why}", hint=error.hint)


def _state(
    about: Surroundings, provider: Provider | None, check_state: Callable[[Provider | None], Checked]
) -> Iterator[Finding]:
    if not about.state_exists:
        yield Finding(
            grade=Grade.OK, subject="state", summary=f"{about.state} is not there yet; the first apply makes it"
        )
        return
    try:
        checked = check_state(provider)
    except BatchspecError as error:
        yield _failed("state", error)
        return
    if not checked.problems:
        compared = "agrees with the provider" if checked.compared else "was not compared with the provider"
        version = f", of version {checked.facts.version}" if checked.facts else ""
        holds = f", holds {checked.facts.rows.get('request', 0):,} requests" if checked.facts else ""
        yield Finding(
            grade=Grade.OK, subject="state", summary=f"{about.state} is sound{version}{holds}, and {compared}"
        )
    for problem in checked.problems:
        grade = Grade.ERROR if problem.severity is Severity.ERROR else Grade.NOTICE
        yield Finding(grade=grade, subject="state", summary=problem.summary, hint=problem.hint)


def _stored_here(local: LocalStorage) -> Finding:
    left = local.on_the_way + local.logs
    return Finding(
        grade=Grade.OK,
        subject="storage here",
        summary=f"the state takes {_bytes(local.state)}, copies that a rebuild has kept {_bytes(local.copies)},"
        f" files on their way {_bytes(local.on_the_way)}, logs {_bytes(local.logs)}",
        hint="`batchspec gc --dry-run` shows what of it nobody needs" if left else None,
        numbers={f"{name}_bytes": size for name, size in asdict(local).items()},
    )


def _stored_there(provider: Provider, own_files: Callable[[], Collection[str]]) -> Finding:
    used = remote_storage(provider, own_files())
    least = f" (of {used.unsized:,} the size is not told)" if used.unsized else ""
    return Finding(
        grade=Grade.OK,
        subject="storage there",
        summary=f"files of this project at the provider: {used.files:,}, {_bytes(used.size)};"
        f" of the whole workspace: {used.all_files:,}, {_bytes(used.all_size)}{least}",
        hint="`batchspec gc --remote --dry-run` shows which of them nobody needs" if used.files else None,
        numbers={
            "project_files": used.files,
            "project_bytes": used.size,
            "workspace_files": used.all_files,
            "workspace_bytes": used.all_size,
        },
    )


def _bytes(count: int) -> str:
    return f"{count:,} bytes" if count < 100_000 else f"{count / 1e6:,.1f} MB"
