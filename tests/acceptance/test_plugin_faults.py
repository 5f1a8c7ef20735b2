"""Plugins that fail: every fault names the distribution, nothing is paid for twice, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import executions
from driving import Project, chat_spec, table
from plugin_packages import install, package, plugged

from batchspec.emulator.server import EmulatorServer

CODE = """
import os
from contextlib import contextmanager

from batchspec.plugins import InputPlugin, OutputPlugin, ProviderPlugin, Row

FAILS = os.environ.get("FAILS", "")
print("a plugin that prints")


def read(file):
    for number, line in enumerate(file.stream, 1):
        if FAILS == "read" and number == 3:
            raise KeyError("x")
        yield Row({"id": f"r{number}", "word": line.decode().strip()}, 1 if FAILS == "places" else number)


class Writer:
    def __init__(self, stream, columns):
        self.stream = stream

    def write(self, records):
        for record in records:
            self.stream.write(b"%d cells\\n" % len(record))

    def finish(self):
        if FAILS == "write":
            raise ValueError("the paper is out")

    def close(self):
        print("closed")


class Wrapped:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def create_job(self, request):
        job = self.inner.create_job(request)
        if FAILS == "create":
            raise ValueError("the answer was lost")
        return job if FAILS != "answer" else job.id

    def download(self, *given):
        if FAILS == "download":
            raise RuntimeError("half of it")
        return self.inner.download(*given)


@contextmanager
def connect(context):
    print("connecting")
    with context.mistral({"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": context.environ["ACME_URL"]}) as inner:
        yield Wrapped(inner)


reader = InputPlugin(api_version=1, read_file=read)
writer = OutputPlugin(api_version=1, open=Writer)
provider = ProviderPlugin(api_version=1, connect=connect)
"""
APPLY = ("apply", "--provider", "acme", "--yes", "--wait")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    points = {"inputs": "words = reader", "outputs": "txt = writer", "providers": "acme = provider"}
    install(tmp_path / "site", package("faulty", CODE, version="2.5", **points))
    project = plugged(tmp_path, ACME_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5")
    project.write("demo.batchspec.yaml", chat_spec(inputs="rows.words", extra="output: results/demo.txt\n"))
    project.write("rows.words", "one\ntwo\nthree\nfour\n")
    return project


def mend(project: Project, server: EmulatorServer) -> None:
    """Run without faults: everything ends, and was executed once."""
    project.environ.pop("FAILS", None)
    told = project.run_anew(*APPLY)
    assert told.code == 0, told
    assert (project.root / "results/demo.txt").read_text() == "8 cells\n" * 4
    assert executions(server) == 4


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (
            "read",
            "rows.words: error[plugin-fault]: the plugin `words` of batchspec-faulty 2.5 failed after the row",
        ),
        ("places", "rows.words:1:1: error[plugin-fault]: the plugin `words` of batchspec-faulty 2.5 gave two rows one"),
    ],
)
def test_a_reader_that_fails_midway_sends_nothing(
    project: Project, server: EmulatorServer, fails: str, told: str
) -> None:
    project.environ["FAILS"] = fails
    ended = project.run_anew(*APPLY)
    assert (ended.code, told in ended.err) == (3, True), ended
    assert executions(server) == 0


@pytest.mark.parametrize(("fails", "why"), [("create", "ValueError: the answer was lost"), ("answer", "of type str")])
def test_a_creation_whose_answer_the_plugin_loses_is_found_again_and_not_repeated(
    project: Project, server: EmulatorServer, fails: str, why: str
) -> None:
    project.environ["FAILS"] = fails
    ended = project.run_anew(*APPLY)
    assert "the plugin `acme` of batchspec-faulty 2.5 failed in `create_job`" in ended.err
    assert why in ended.err
    assert ended.code in {0, 5}
    mend(project, server)


def test_a_download_that_fails_is_made_again(project: Project, server: EmulatorServer) -> None:
    project.environ["FAILS"] = "download"
    ended = project.run_anew(*APPLY)
    assert ended.code == 1
    assert "error[plugin-fault]: the plugin `acme` of batchspec-faulty 2.5 failed in `download`" in ended.err
    mend(project, server)


def test_a_writer_that_fails_loses_no_answer_and_leaves_no_half_of_a_file(
    project: Project, server: EmulatorServer
) -> None:
    project.environ["FAILS"] = "write"
    ended = project.run_anew(*APPLY)
    assert ended.code == 1
    assert "error[plugin-fault]: the plugin `txt` of batchspec-faulty 2.5 failed at the end of the output" in ended.err
    assert "ValueError: the paper is out" in ended.err
    assert list((project.root / "results").glob("*")) == []
    mend(project, server)


def test_a_plugin_that_cannot_be_loaded_ends_a_run_before_anything_is_sent(
    project: Project, server: EmulatorServer
) -> None:
    site = project.root.parent / "site"
    (site / "faulty.py").write_text("import nothing_of_this_name\n")
    ended = project.run_anew("status", "--provider", "acme")
    assert ended.code == 3
    assert "demo.batchspec.yaml:8:9: error[plugin-broken]: the plugin `txt` of batchspec-faulty 2.5" in ended.err
    project.write("demo.batchspec.yaml", chat_spec(inputs="[{id: a, word: b}]"))
    ended = project.run_anew(*APPLY)
    assert ended.code == 3
    assert "error[plugin-broken]: the plugin `acme` of batchspec-faulty 2.5 could not be loaded" in ended.err
    project.write("demo.batchspec.yaml", chat_spec(inputs="rows.words", extra="output: results/demo.txt\n"))
    install(site, package("other", CODE, inputs="words = reader", outputs="txt = writer"))
    ended = project.run_anew("validate")
    assert ended.code == 3
    assert "error[plugin-clash]: `txt` is offered by batchspec-faulty 2.5 and batchspec-other 1.0" in ended.err
    assert executions(server) == 0


def test_what_a_plugin_prints_is_not_in_the_document(project: Project) -> None:
    ended = project.run_anew("plan", "--provider", "acme", "--json")
    assert json.loads(ended.out)
    assert "prints" not in ended.out + ended.err


def test_a_run_without_plugins_looks_for_none(project: Project) -> None:
    """Whoever read an entry point of the one that is installed would import `trap`, or stumble over its name."""
    project.write("demo.batchspec.yaml", chat_spec())
    project.write("rows.csv", table(2))
    script = project.write(
        "watch.py",
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == 'open' else None)\n"
        "from batchspec.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    modules = {'batchspec.plugins', 'faulty'} & set(sys.modules)\n"
        "    assert not modules, modules\n"
        "    assert not [name for name in opened if name.endswith('entry_points.txt')]\n",
    )
    for arguments in (["validate"], ["apply", "--provider", "emulator", "--yes", "--wait"], ["results"]):
        ended = run_script(project, script, arguments)
        assert ended == 0


def run_script(project: Project, script: Path, arguments: list[str]) -> int:
    return subprocess.run(
        [sys.executable, str(script), *arguments], cwd=project.root, env=project.environment(), check=False
    ).returncode
