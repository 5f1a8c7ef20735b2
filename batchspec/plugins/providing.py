"""A provider of a plugin, held to the port: every call's faults name the plugin, and no answer is taken unlooked at.

What may have created a job, and did not say so, is never taken for a refusal: that would pay twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from batchspec.core.errors import InvalidInputError, ProviderUnavailableError, SubmissionUnknownError
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest, RemoteFile
from batchspec.core.model_cards import ModelCard, ModelCatalogue
from batchspec.core.ports import Progress, Provider
from batchspec.plugins.foreign import called, passes, words
from batchspec.plugins.installed import Installed, broken, loaded
from batchspec.plugins.reading import fault
from batchspec.plugins.surface import ProviderContext, ProviderPlugin

_METHODS = (
    *("upload", "get_file", "find_files", "list_files", "create_job", "get_job", "list_jobs", "cancel_job", "outputs"),
    *("delete_file", "delete_job", "download"),
)
_T = TypeVar("_T")


class PluginProviderError(ProviderUnavailableError):
    """A plugin's provider that failed, or answered what no provider may."""

    code = "plugin-fault"


class _Fits(Protocol):
    """Tells whether an answer is of the kind that it must be."""

    def __call__(self, answer: object, /) -> bool: ...


def provider_plugin(found: Installed, root: Path) -> ProviderPlugin:
    """Load what connects to a provider. Raises PluginError."""
    plugin = loaded(found, ProviderPlugin, root)
    if not callable(plugin.connect):
        raise broken(found, "connects to nothing", why="`connect` must be a function")
    return plugin


@contextmanager
def connected(
    found: Installed, plugin: ProviderPlugin, context: ProviderContext, say: Callable[[str], None]
) -> Iterator[GuardedProvider]:
    """Open a plugin's provider for one run. Raises PluginFaultError, and what the plugin raises of batchspec's own.

    `say` is told of a creation whose end nobody knows, since the error is not shown by itself.
    """
    try:
        held = called(lambda: plugin.connect(context))
        provider = called(held.__enter__)
    except BaseException as error:
        if passes(error):
            raise
        raise fault(found, "could not connect", why=words(error, context.environ)) from None
    missing = [name for name in _METHODS if not callable(getattr(provider, name, None))]
    if missing:
        why = f"what `connect` gave, of type {type(provider).__name__}, has no `{missing[0]}`"
        raise broken(found, "gave no provider", why=why)
    try:
        yield GuardedProvider(found, provider, context.environ, say)
    finally:
        try:
            called(lambda: held.__exit__(None, None, None))
        except BaseException as error:
            if passes(error):
                raise
            say(f"! the plugin `{found.name}` of {found.told} failed to close: {words(error, context.environ)}")


@dataclass(frozen=True, slots=True)
class GuardedProvider:
    """Fills `core.ports.Provider` and `core.model_cards.ModelCatalogue` by a plugin's provider."""

    found: Installed
    inner: Provider
    environ: Mapping[str, str]
    say: Callable[[str], None]

    @property
    def clock_ahead(self) -> float | None:
        """Return None: a plugin does not tell the time."""
        return None

    @property
    def lists_models(self) -> bool:
        """Whether the provider can list its models."""
        return callable(getattr(self.inner, "models", None))

    def models(self, *, patient: bool = True) -> Sequence[ModelCard]:
        """Return the models that are listed. Raises InvalidInputError where the plugin lists none."""
        if not self.lists_models:
            raise InvalidInputError(
                f"the provider `{self.found.name}` lists no models",
                why=f"the plugin of {self.found.told} has no `models`",
                hint="name dated models in the specs, which need no lock",
            )
        catalogue = cast(ModelCatalogue, self.inner)
        return self._listed("models", _is_card, lambda: catalogue.models(patient=patient))

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        """Upload a file."""
        inner = self.inner
        return self._one(
            "upload", _is_file, lambda: inner.upload(path, filename, progress, purpose, hashed=hashed), RemoteFile
        )

    def get_file(self, file_id: str) -> RemoteFile | None:
        """Return what is known of a file."""
        return self._ask("get_file", _or_none(_is_file), lambda: self.inner.get_file(file_id))

    def find_files(self, filename: str, purpose: str = "batch") -> Sequence[RemoteFile]:
        """Return the files of a name."""
        return self._listed("find_files", _is_file, lambda: self.inner.find_files(filename, purpose))

    def list_files(self) -> Iterator[RemoteFile]:
        """Yield every file."""
        return self._each("list_files", _is_file, self.inner.list_files)

    def create_job(self, request: JobRequest) -> BatchJob:
        """Create a job. Raises SubmissionUnknownError for all but what the plugin calls a definite refusal."""
        try:
            return self._one("create_job", _is_job, lambda: self.inner.create_job(request), BatchJob)
        except PluginProviderError as error:
            self.say(
                f"! {error.summary}: {error.why}; whether the job was created is not known, the next run finds out"
            )
            raise SubmissionUnknownError(error.summary, why=error.why, hint="run again: it finds out") from None

    def get_job(self, job_id: str) -> BatchJob | None:
        """Return a job."""
        return self._ask("get_job", _or_none(_is_job), lambda: self.inner.get_job(job_id))

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        """Yield the jobs created at or after a Unix time."""
        return self._each("list_jobs", _is_job, lambda: self.inner.list_jobs(created_after))

    def cancel_job(self, job_id: str) -> BatchJob:
        """Ask for a job to be cancelled."""
        return self._one("cancel_job", _is_job, lambda: self.inner.cancel_job(job_id), BatchJob)

    def outputs(self, job_id: str) -> Sequence[bytes]:
        """Return the answers of a job that was sent without files."""
        return self._listed("outputs", _is_bytes, lambda: self.inner.outputs(job_id))

    def delete_file(self, file_id: str) -> bool:
        """Delete a file."""
        return bool(self._ask("delete_file", _is_bool, lambda: self.inner.delete_file(file_id)))

    def delete_job(self, job_id: str) -> bool:
        """Delete a job's record."""
        return bool(self._ask("delete_job", _is_bool, lambda: self.inner.delete_job(job_id)))

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        """Write a file's content to a path."""
        size = self._ask("download", _is_count, lambda: self.inner.download(file_id, destination, progress))
        if not destination.is_file():
            raise self._fault("download", "there is no file where it was to be written")
        return size

    def _one(self, method: str, fits: _Fits, call: Callable[[], object], kind: type[_T]) -> _T:
        answer = self._ask(method, fits, call)
        assert isinstance(answer, kind)
        return answer

    def _ask(self, method: str, fits: _Fits, call: Callable[[], _T]) -> _T:
        try:
            answer = called(call)
        except BaseException as error:
            if passes(error):
                raise
            raise self._fault(method, words(error, self.environ)) from None
        if not fits(answer):
            raise self._fault(method, f"it gave {_shown(answer)}")
        return answer

    def _each(self, method: str, fits: _Fits, call: Callable[[], Iterator[_T]]) -> Iterator[_T]:
        rest = self._ask(method, lambda _: True, lambda: iter(call()))
        end = object()
        while True:
            item = self._ask(method, lambda found: found is end or fits(found), lambda: next(rest, end))
            if item is end:
                return
            yield cast(_T, item)

    def _listed(self, method: str, fits: _Fits, call: Callable[[], Sequence[_T]]) -> Sequence[_T]:
        return self._ask(method, lambda found: isinstance(found, list) and all(map(fits, found)), lambda: [*call()])

    def _fault(self, method: str, why: str) -> PluginProviderError:
        found = self.found
        return PluginProviderError(
            f"the plugin `{found.name}` of {found.told} failed in `{method}`",
            why=why,
            hint=f"tell its author, or `pip install --upgrade {found.distribution}`; running again is safe",
        )


def _shown(answer: object) -> str:
    kind = type(answer).__name__
    if isinstance(answer, RemoteFile | BatchJob):
        wrong = _wrong_field(answer)
        if wrong is not None:
            return f"a {kind} whose `{wrong}` is {getattr(answer, wrong)!r:.60}"
    return f"something of type {kind}"


def _wrong_field(answer: RemoteFile | BatchJob) -> str | None:
    """Return the first field that has not the type it is declared with: nothing else checks what a plugin fills in."""
    for name, kinds in _FIELDS[type(answer)].items():
        value = getattr(answer, name)
        if not isinstance(value, kinds) or isinstance(value, bool) or (name == "id" and not value):
            return name
        if isinstance(value, tuple) and not all(isinstance(each, str) for each in value):
            return name
        if isinstance(value, Mapping) and not all(isinstance(each, str) for each in (*value, *value.values())):
            return name
    return None


_TEXT, _COUNT, _TEXTS = (str,), (int,), (tuple,)
_NONE = (type(None),)
_FIELDS: Mapping[type, Mapping[str, tuple[type, ...]]] = {
    RemoteFile: {
        **dict.fromkeys(("id", "filename"), _TEXT),
        **dict.fromkeys(("size", "lines", "created_at"), _COUNT + _NONE),
        **dict.fromkeys(("purpose", "sha256"), _TEXT + _NONE),
    },
    BatchJob: {
        **dict.fromkeys(("id", "status_text", "endpoint"), _TEXT),
        "status": (BatchJobStatus,),
        **dict.fromkeys(("model", "agent_id", "output_file", "error_file"), _TEXT + _NONE),
        **dict.fromkeys(("input_files", "errors"), _TEXTS),
        "metadata": (Mapping,),
        **dict.fromkeys(("started_at", "completed_at"), _COUNT + _NONE),
        **dict.fromkeys(("created_at", "total_requests", "completed_requests"), _COUNT),
        **dict.fromkeys(("succeeded_requests", "failed_requests"), _COUNT),
    },
}


def _is_file(answer: object) -> bool:
    return type(answer) is RemoteFile and _wrong_field(answer) is None


def _is_job(answer: object) -> bool:
    return type(answer) is BatchJob and _wrong_field(answer) is None


def _is_card(answer: object) -> bool:
    return isinstance(answer, ModelCard) and all(isinstance(each, str) for each in (answer.id, *answer.aliases))


def _is_bytes(answer: object) -> bool:
    return isinstance(answer, bytes)


def _is_bool(answer: object) -> bool:
    return type(answer) is bool


def _is_count(answer: object) -> bool:
    return type(answer) is int and answer >= 0


def _or_none(fits: _Fits) -> _Fits:
    return lambda answer: answer is None or fits(answer)
