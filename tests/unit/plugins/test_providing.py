"""A plugin's provider behind its guard: the plugins here are modules that are really loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from plugin_site import Site, installed_site

from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    InvalidInputError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SubmissionUnknownError,
)
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest
from batchspec.core.offered import PluginError
from batchspec.plugins.installed import named
from batchspec.plugins.providing import GuardedProvider, connected, provider_plugin
from batchspec.plugins.surface import ProviderContext

site = installed_site

CODE = """
from contextlib import contextmanager
JOB = BatchJob(id="j", status=BatchJobStatus.QUEUED, status_text="QUEUED", endpoint="/v1/ocr")
class Mine:
    def upload(self, path, filename, progress, purpose="batch", *, hashed=False):
        return RemoteFile(id="f", filename=filename)
    def get_file(self, file_id): return None
    def find_files(self, filename, purpose="batch"): return (RemoteFile(id="f", filename=filename),)
    def list_files(self): yield RemoteFile(id="f", filename="x")
    def create_job(self, request): return JOB
    def get_job(self, job_id): return JOB
    def list_jobs(self, created_after=None): return iter([JOB])
    def cancel_job(self, job_id): return JOB
    def outputs(self, job_id): return [b"{}"]
    def delete_file(self, file_id): return True
    def delete_job(self, job_id): return False
    def download(self, file_id, destination, progress):
        destination.write_bytes(b"12")
        return 2
@contextmanager
def connect(context):
    yield Mine()
mine = ProviderPlugin(api_version=1, connect=connect)
"""
REQUEST = JobRequest(endpoint="/v1/ocr", model="m")
CALLS: dict[str, Callable[[GuardedProvider], object]] = {
    "get_file": lambda provider: provider.get_file("f"),
    "find_files": lambda provider: provider.find_files("x"),
    "list_files": lambda provider: list(provider.list_files()),
    "get_job": lambda provider: provider.get_job("j"),
    "list_jobs": lambda provider: list(provider.list_jobs()),
    "cancel_job": lambda provider: provider.cancel_job("j"),
    "outputs": lambda provider: provider.outputs("j"),
    "delete_file": lambda provider: provider.delete_file("f"),
    "delete_job": lambda provider: provider.delete_job("j"),
}


class Time:
    """The system's clock, of which nothing is asked here."""

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)


def opened(
    site: Site, code: str, said: list[str] | None = None, **environ: str
) -> AbstractContextManager[GuardedProvider]:
    site.install("kp_prov", code, outputs="x = y", providers="mine = mine")
    found = named("providers", "mine", site.root)
    assert found is not None

    def no_mistral(_environ: object) -> AbstractContextManager[GuardedProvider]:
        raise AssertionError("no plugin here wraps it")

    context = ProviderContext(environ=environ, home=site.root / "home", clock=Time(), note=print, mistral=no_mistral)
    return connected(found, provider_plugin(found, site.root), context, (said if said is not None else []).append)


def replaced(method: str, body: str, arguments: str = "self, *a, **k") -> str:
    return f"{CODE}\ndef new({arguments}):\n    {body}\nMine.{method} = new\n"


def test_answers_that_fit_go_through(site: Site) -> None:
    with opened(site, CODE) as provider:
        job = provider.create_job(REQUEST)
        assert job == BatchJob(id="j", status=BatchJobStatus.QUEUED, status_text="QUEUED", endpoint="/v1/ocr")
        assert [call(provider) for call in CALLS.values()][-2:] == [True, False]
        assert [each.id for each in provider.find_files("x")] == ["f"]
        assert not provider.lists_models
        with pytest.raises(InvalidInputError, match="lists no models"):
            provider.models()


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("raise SystemExit", "SystemExit"),
        ("return 3.5", "float"),
        ("return [3.5]", ""),
    ],
)
def test_a_fault_of_any_call_names_the_plugin_and_the_method(site: Site, method: str, body: str, why: str) -> None:
    with opened(site, replaced(method, body)) as provider, pytest.raises(ProviderUnavailableError) as caught:
        CALLS[method](provider)
    assert caught.value.summary == f"the plugin `mine` of batchspec-kp_prov 1.0 failed in `{method}`"
    assert why in str(caught.value.why)
    assert caught.value.code == "plugin-fault"
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "body",
    [
        "raise ConnectionError('reset')",
        "return None",
        "return 'j'",
        "raise SystemExit(0)",
        "return BatchJob(id='', status=BatchJobStatus.QUEUED, status_text='', endpoint='')",
    ],
)
def test_a_creation_that_says_no_refusal_may_have_been_one(site: Site, body: str) -> None:
    said: list[str] = []
    with opened(site, replaced("create_job", body), said) as provider, pytest.raises(SubmissionUnknownError):
        provider.create_job(REQUEST)
    assert "`mine` of batchspec-kp_prov 1.0 failed in `create_job`" in said[0]
    assert "not known" in said[0]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ProviderRefusedError('no', status=422)", ProviderRefusedError),
        ("raise AccessError('no')", AccessError),
        ("raise ProviderUnavailableError('later')", ProviderUnavailableError),
    ],
)
def test_a_definite_refusal_is_believed(site: Site, body: str, kind: type[BatchspecError]) -> None:
    with opened(site, replaced("create_job", body)) as provider, pytest.raises(kind) as caught:
        provider.create_job(REQUEST)
    assert caught.value.code != "plugin-fault"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("status='SUCCESS'", "a BatchJob whose `status` is 'SUCCESS'"),
        ("metadata={'a': 1}", "a BatchJob whose `metadata` is {'a': 1}"),
        ("input_files=['f']", "a BatchJob whose `input_files` is ['f']"),
        ("errors=(1,)", "a BatchJob whose `errors` is (1,)"),
        ("created_at=1.5", "a BatchJob whose `created_at` is 1.5"),
        ("total_requests=True", "a BatchJob whose `total_requests` is True"),
        ("id=''", "a BatchJob whose `id` is ''"),
    ],
)
def test_a_job_of_wrong_types_is_not_taken(site: Site, change: str, told: str) -> None:
    body = f"import dataclasses; return dataclasses.replace(JOB, {change})"
    with opened(site, replaced("get_job", body)) as provider, pytest.raises(ProviderUnavailableError) as caught:
        provider.get_job("j")
    assert caught.value.why == f"it gave {told}"


def test_an_error_of_the_programs_kind_whose_words_are_none_is_a_fault(site: Site) -> None:
    code = replaced("get_job", "raise ProviderRefusedError(3, status=404, hint=b'x')")
    with opened(site, code) as provider, pytest.raises(ProviderUnavailableError) as caught:
        provider.get_job("j")
    assert caught.value.why == "ProviderRefusedError: 3"


def test_a_download_must_leave_its_file(site: Site, tmp_path: Path) -> None:
    with opened(site, replaced("download", "return 2")) as provider, pytest.raises(ProviderUnavailableError) as caught:
        provider.download("f", tmp_path / "there", None)  # type: ignore[arg-type] # it shows none
    assert "no file" in str(caught.value.why)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("mine = ProviderPlugin(api_version=1, connect=3)", "connects to nothing"),
        ("mine = ProviderPlugin(api_version=1, connect=lambda context: 3)", "could not connect"),
        (f"{CODE}\ndel Mine.cancel_job", "gave no provider"),
        ("def f(c): raise OSError('x')\nmine = ProviderPlugin(api_version=1, connect=f)", "could not connect"),
    ],
)
def test_what_connects_to_nothing_is_refused(site: Site, code: str, told: str) -> None:
    with pytest.raises(PluginError, match=told), opened(site, code):
        pass


def test_a_missing_key_is_said_in_the_plugins_words(site: Site) -> None:
    code = "def f(c): raise AccessError('ACME_KEY is not set')\nmine = ProviderPlugin(api_version=1, connect=f)"
    with pytest.raises(AccessError, match="ACME_KEY is not set"), opened(site, code):
        pass


def test_keys_are_not_told(site: Site) -> None:
    code = replaced("get_job", "raise ValueError('bad header: Bearer s3cret-value')")
    with opened(site, code, ACME_KEY="s3cret-value") as provider, pytest.raises(ProviderUnavailableError) as caught:
        provider.get_job("j")
    assert caught.value.why == "ValueError: bad header: Bearer ***"


def test_a_fault_at_the_end_is_told_and_ends_nothing(site: Site) -> None:
    said: list[str] = []
    code = CODE.replace("    yield Mine()", "    yield Mine()\n    raise ValueError('late')")
    with opened(site, code, said):
        pass
    assert said == ["! the plugin `mine` of batchspec-kp_prov 1.0 failed to close: ValueError: late"]
