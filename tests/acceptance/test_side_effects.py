"""The disk refuses the n-th change of files: the run says so in words, and the next one makes good what was left."""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import executed_and_repeated
from driving import Project, chat_spec, make_project
from failing import Failed, failing_forks, run_failing
from forking import ForkedProject, ForkServer
from stories import STORIES, Story

from batchspec.core.errors import ExitCode
from batchspec.emulator.server import EmulatorServer

KINDS = {
    "an I/O error": {"with_errno": errno.EIO},
    "a disk that is full from then on": {"with_errno": errno.ENOSPC, "on": 1},
    "a disk that is read-only from then on": {"with_errno": errno.EROFS, "on": 1},
}
IN_THE_USUAL_RUN = 3
"""Places in some of the stories, spread over them; the slow run tries all of all, each in one of the ways."""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with failing_forks(tmp_path_factory.mktemp("library")) as server:
        yield server


def try_at(number: int, story: Story, kind: str, folder: Path, forks: ForkServer, start: Path) -> None:
    with story.scene(folder / str(number), forks, like=start) as scene:
        failed = run_failing(scene.project, story.arguments, folder / "told", at=number, **KINDS[kind])
        said = f"{kind} at {failed.first}: exit {failed.code}: {failed.err}"
        told_in_words(failed, said)
        ended = scene.project.run(*story.arguments)
        assert ended.code in story.codes_after(failed.code), f"after {said}\nthen {ended.err}"
        story.settled(scene)


def told_in_words(failed: Failed, said: str) -> None:
    """What went wrong, where, and how to mend it; or nothing, where it was of no consequence."""
    assert failed.code in set(ExitCode) - {ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.HANGUP}, said
    assert "error[bug]" not in failed.err, said
    assert (failed.code == 0) == ("error[" not in failed.err), said
    if failed.code:
        assert re.search(r"/project/|`[\w./-]+` could not|job [0-9a-f]{8}-", failed.err), said
        assert "  help: " in failed.err, said


@pytest.mark.parametrize("story", [*STORIES[:2], STORIES[-1]], ids=lambda story: story.name)
def test_a_change_of_files_that_fails_is_told_and_made_good(tmp_path: Path, forks: ForkServer, story: Story) -> None:
    start = story.prepared(tmp_path / "start", forks)
    total = changes_in(story, tmp_path, forks, start)
    shift = STORIES.index(story)
    for place in range(IN_THE_USUAL_RUN):
        number = 1 + (total - 1) * (len(STORIES) * place + shift) // (len(STORIES) * IN_THE_USUAL_RUN)
        try_at(number, story, list(KINDS)[(place + shift) % len(KINDS)], tmp_path, forks, start)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_whichever_change_of_files_fails_is_told_and_made_good(
    tmp_path: Path, forks: ForkServer, story: Story, part: int
) -> None:
    start = story.prepared(tmp_path / "start", forks)
    for number in range(1 + part, changes_in(story, tmp_path, forks, start) + 1, 4):
        try_at(number, story, list(KINDS)[number % len(KINDS)], tmp_path, forks, start)
        shutil.rmtree(tmp_path / str(number))


def changes_in(story: Story, folder: Path, forks: ForkServer, start: Path) -> int:
    with story.scene(folder / "counted", forks, like=start) as scene:
        counted = run_failing(scene.project, story.arguments, folder / "told", at=0, with_errno=errno.EIO)
        assert counted.code == 0, counted.err
        story.settled(scene)
    assert counted.changes > 20, "the changes of a run are no longer seen"
    return counted.changes


def begin(project: ForkedProject, told: Path, at: int) -> Failed:
    project.root.mkdir(exist_ok=True)
    return run_failing(project, ("init",), told, at=at, with_errno=errno.ENOSPC)


def test_a_project_whose_beginning_failed_is_begun_whole_by_the_next_try(tmp_path: Path, forks: ForkServer) -> None:
    whole = ForkedProject(tmp_path / "project", server=forks)
    changes = begin(whole, tmp_path / "told", 0).changes
    files = sorted(path.relative_to(whole.root) for path in whole.root.rglob("*") if path.is_file())
    assert len(files) == 6
    for number in range(1, changes + 1, 3):
        shutil.rmtree(whole.root)
        failed = begin(whole, tmp_path / "told", number)
        told_in_words(failed, f"no space at {failed.first}: {failed.err}")
        again = whole.run("init")
        assert again.code == 0, again.err
        assert sorted(path.relative_to(whole.root) for path in whole.root.rglob("*") if path.is_file()) == files
        if number % 5 == 0:
            assert whole.run("validate").code == 0


IN_A_MOUNT = """
mount $1 "$2" && cp -r "$3/." "$2" && mount $4 "$2" && cd "$2" || exit 99
"$6" -m batchspec apply --yes --wait; echo "ended with $?"
mount $5 "$2"
"$6" -m batchspec apply --yes --wait; echo "ended with $?"
"$6" -m batchspec plan --detailed-exitcode; echo "ended with $?"
cp results/*.jsonl "$3"
"""
SMALL = "-t tmpfs -o size={} tmpfs"


@pytest.mark.parametrize(
    ("mount", "then", "later"),
    [
        *((SMALL.format(size), f"-o remount,size={size}", "-o remount,size=64m") for size in ("40k", "80k", "100k")),
        (SMALL.format("64m"), "-o remount,ro", "-o remount,rw"),
    ],
    ids=["40 kB", "80 kB", "100 kB", "read-only"],
)
def test_a_disk_that_is_really_full_or_read_only_is_told_and_made_good(
    tmp_path: Path, mount: str, then: str, later: str
) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own needs user namespaces")
    disk = tmp_path / "disk"
    disk.mkdir()
    with EmulatorServer(tmp_path / "emulator") as server:
        project: Project = make_project(
            tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.1"
        )
        project.write("inline.batchspec.yaml", chat_spec("inline", extra="submit: inline\n").replace("Say", "Sing"))
        ran = subprocess.run(
            [unshare, "-Urm", "sh", "-c", IN_A_MOUNT, "sh", mount, disk, project.root, then, later, sys.executable],
            env=project.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        executed = executed_and_repeated(server)
    codes = re.findall(r"ended with (\d+)", ran.stdout)
    assert codes == ["1", "0", "0"], ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "error[bug]" not in ran.stderr
    assert executed == (6, 0)
    for name in ("demo", "inline"):
        assert len(project.rows(f"{name}.jsonl")) == 3
