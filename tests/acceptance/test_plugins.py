"""The package that docs/how-to/write-a-plugin.md shows, really installed: all of a user's way with it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import executions
from driving import Project
from plugin_packages import ROOT, TALK, install, package, page_files, plugged

from batchspec.emulator.server import EmulatorServer

TABLE = (
    "| custom_id | model | status | row | text | response | usage | error |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
COUNTED = """

import os


def counted(file: InputFile) -> Iterator[Row]:
    with open(os.environ["READS"], "a") as log:
        log.write("x")
    yield from read_subtitles(file)


subtitles = InputPlugin(api_version=1, read_file=counted, read_address=lambda at: [Row({"id": "9", "text": at}, 1)])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    """The page's package, which here also counts how often it reads, and the page's spec."""
    files = page_files()
    install(tmp_path / "site", files | {"batchspec_acme.py": files["batchspec_acme.py"] + COUNTED})
    reads = str(tmp_path / "reads")
    project = plugged(tmp_path, ACME_KEY="any", ACME_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5", READS=reads)
    project.write("talk.batchspec.yaml", files["talk.batchspec.yaml"])
    project.write("talk.srt", TALK)
    return project


def reads(project: Project) -> int:
    return Path(project.environ["READS"]).stat().st_size


def upgrade(project: Project, version: str) -> None:
    files = page_files()
    code = files["batchspec_acme.py"].replace('"---"', '":--"') + COUNTED
    install(project.root.parent / "site", files | {"batchspec_acme.py": code}, version=version)


def test_a_spec_goes_all_its_way_by_plugins_and_nothing_is_sent_twice(project: Project, server: EmulatorServer) -> None:
    assert project.run_anew("validate").out == "1 spec and 2 rows are valid\n"
    planned = project.run_anew("plan", "--provider", "acme")
    assert (planned.code, "2 requests to send" in planned.out) == (0, True), planned

    applied = project.run_anew("apply", "--provider", "acme", "--yes", "--wait")
    assert applied.code == 0, applied.err
    written = project.root / "results/talk.md"
    assert written.read_text().startswith(TABLE + "| 1 | mistral-small-latest | succeeded | {")
    assert "Shall we begin?" in written.read_text()
    assert json.loads((project.root / "results/talk.manifest.json").read_text())["plugins"] == ["batchspec-acme 1.0"]
    assert (project.root / ".batchspec/providers/acme/state.db").exists()
    assert not (project.root / ".batchspec/state.db").exists()
    assert executions(server) == 2

    project.run_anew("apply", "--provider", "acme", "--yes")
    before, inode = reads(project), written.stat().st_ino
    again = project.run_anew("apply", "--provider", "acme", "--yes")
    assert (again.code, "nothing was sent" in again.out) == (0, True), again
    assert (reads(project), written.stat().st_ino) == (before, inode)

    upgrade(project, "1.1")
    upgraded = project.run_anew("apply", "--provider", "acme", "--yes")
    assert (upgraded.code, "nothing was sent" in upgraded.out) == (0, True), upgraded
    assert reads(project) > before
    assert written.read_text().startswith(TABLE.replace("---", ":--"))
    assert executions(server) == 2


def test_another_machine_without_the_plugin_is_told_what_is_missing(project: Project) -> None:
    project.environ["PYTHONPATH"] = str(ROOT)
    told = project.run_anew("validate")
    assert told.code == 3
    assert "error[output-format]: `results/talk.md` is not" in told.err
    assert "no plugin for outputs is installed" in told.err
    project.write("talk.batchspec.yaml", page_files()["talk.batchspec.yaml"].replace("output: results/talk.md", ""))
    told = project.run_anew("plan")
    assert (told.code, "talk.batchspec.yaml:4:9: error[unknown-format]: `talk.srt`" in told.err) == (3, True)
    assert "or `pip install` a plugin for .srt" in told.err
    told = project.run_anew("status", "--provider", "acme")
    assert (told.code, "error[no-plugin]: there is no provider `acme`" in told.err) == (3, True)


def test_other_processes_read_by_the_plugin_too_and_packed_files_come_unpacked(project: Project) -> None:
    data = "".join(f"{n}\n00:00:01,000 --> 00:00:02,000\nLine {n}.\n\n" for n in range(5000))
    (project.root / "talk.srt").unlink()
    (project.root / "talk.srt.gz").write_bytes(gzip.compress(data.encode()))
    project.write("talk.batchspec.yaml", page_files()["talk.batchspec.yaml"].replace("talk.srt", "talk.srt.gz"))
    alone = project.run_anew("plan", "--provider", "emulator", "--json")
    several = project.run_anew("plan", "--provider", "emulator", "--json", "--jobs", "2")
    assert several.code == alone.code
    assert several.document == alone.document
    assert "5000" in alone.out


def test_a_format_can_be_named_and_a_slip_is_told(project: Project) -> None:
    (project.root / "talk.srt").rename(project.root / "talk.txt")
    spec = page_files()["talk.batchspec.yaml"]
    project.write("talk.batchspec.yaml", spec.replace("talk.srt", "{path: talk.txt, format: srt}"))
    assert project.run_anew("validate").out == "1 spec and 2 rows are valid\n"
    project.write("talk.batchspec.yaml", spec.replace("talk.srt", "{path: talk.txt, format: strt}"))
    told = project.run_anew("validate")
    assert "talk.batchspec.yaml:4:34: error[unknown-format]: there is no format `strt`" in told.err
    assert "installed plugins for inputs: `srt` (batchspec-acme 1.0)" in told.err
    assert "did you mean `srt`?" in told.err


def test_an_address_of_a_plugin_is_read_only_where_the_environment_allows_it(project: Project) -> None:
    spec = page_files()["talk.batchspec.yaml"].replace("inputs: talk.srt", "inputs: srt://talks/one")
    project.write("talk.batchspec.yaml", spec)
    told = project.run_anew("validate")
    assert (told.code, "`srt://talks/one` may not be read in this run" in told.err) == (3, True), told.err
    project.environ["BATCHSPEC_REMOTE_INPUTS"] = "srt://talks/"
    lines = project.run_anew("render", "--out", "-")
    assert json.loads(lines.out)["body"]["messages"][0]["content"] == "Translate into German: srt://talks/one"


def test_doctor_lists_plugins_and_results_are_written_in_their_formats(project: Project) -> None:
    other = package("other", "import nothing_of_this_name", inputs="vtt = reader")
    install(project.root.parent / "site", other)
    told = project.run_anew("doctor", "--provider", "acme")
    assert "plugins        `srt` for inputs: batchspec-acme 1.0\n" in told.out
    assert "plugins        `acme` for providers: batchspec-acme 1.0\n" in told.out
    assert "`vtt` for inputs: batchspec-other 1.0: the plugin `vtt` of batchspec-other 1.0 could not be" in told.out
    assert "the provider `acme` accepts the key" in told.out
    shown = project.run_anew("results", "--out", "-", "--format", "md")
    assert shown.out.startswith("| custom_id |")
    assert project.run_anew("results", "--out", "copy.md").code == 0
    assert (project.root / "copy.md").read_text() == shown.out
    told = project.run_anew("results", "--out", "-", "--format", "xml")
    assert (told.code, "error[no-plugin]: there is no output format `xml`" in told.err) == (3, True)


def test_a_notebook_has_plugins_too(project: Project) -> None:
    script = (
        "import batchspec\n"
        "loaded = batchspec.load(provider='acme')\n"
        "print(loaded.apply(True, wait=True).converged, [each['custom_id'] for each in loaded.results()])\n"
        "try:\n    batchspec.load(provider='../acme')\n"
        "except batchspec.InvalidInputError as error:\n    print(error.summary)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "True ['1', '2']\nthere is no provider `../acme`\n"


@pytest.mark.slow
def test_the_pages_package_is_built_and_installed_by_pip(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    source, site = tmp_path / "source", tmp_path / "pip"
    source.mkdir()
    for name, text in page_files().items():
        (source / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", "dist", "."], cwd=source, check=True)
    (wheel,) = (source / "dist").iterdir()
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", site, wheel], check=True)
    project.environ["PYTHONPATH"] = f"{site}:{ROOT}"
    assert project.run_anew("validate").out == "1 spec and 2 rows are valid\n"
    typed = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", source / "batchspec_acme.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert typed.returncode == 0, typed.stdout


def test_what_the_plugin_says_of_the_data_is_shown_at_its_line(project: Project) -> None:
    project.write("talk.srt", TALK + "\n3\nno time\nText.\n")
    told = project.run_anew("validate")
    assert told.code == 3
    assert "talk.srt:10:1: error[plugin-data]: a subtitle without its time" in told.err
    assert "so says the plugin `srt` of batchspec-acme 1.0" in told.err
