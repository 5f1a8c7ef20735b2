"""Plans that are saved, reviewed and applied: what is sent is what the plan holds, once, or nothing."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asking import executed_and_repeated
from driving import Project, chat_spec, make_project, table
from forking import ForkedProject, ForkServer, fork_server
from measuring import peak

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer

STALE = 7


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@dataclass
class Place:
    """A project, the provider that it talks to, and room for a second machine's folder."""

    project: ForkedProject
    server: EmulatorServer
    folder: Path

    def executed(self) -> tuple[int, int]:
        return executed_and_repeated(self.server)

    def saved(self, *arguments: str) -> Path:
        """Save a plan outside of the project, as a pipeline does."""
        path = self.folder / "review.plan"
        told = self.project.run("plan", "--out", str(path), *arguments)
        assert told.code == 0, told.err
        return path

    def copy(self, name: str = "other", *, state: bool) -> ForkedProject:
        """Another machine with the same files, and the same state or none."""
        root = self.folder / name
        ignore = None if state else shutil.ignore_patterns(".batchspec")
        shutil.copytree(self.project.root, root, ignore=ignore)
        return ForkedProject(root, self.project.environ, server=self.project.server)


@pytest.fixture
def place(tmp_path: Path, forks: ForkServer) -> Iterator[Place]:
    with EmulatorServer(tmp_path / "emulator") as server:
        environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.5"}
        made: Project = make_project(tmp_path / "project", rows=4, environ=environ)
        yield Place(ForkedProject(made.root, made.environ, server=forks), server, tmp_path)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stale(project: Project, path: Path, *words: str) -> None:
    told = project.run("apply", str(path), "--wait")
    assert told.code == STALE, told.out + told.err
    assert "error[stale]" in told.err
    for word in words:
        assert word in told.err


def test_a_saved_plan_is_sent_as_it_is_without_a_question(place: Place) -> None:
    path = place.saved()
    told = place.project.but({"CI": "1"}).run("apply", str(path), "--wait", "--json")
    assert told.code == 0, told.err
    assert told.document["sent"] == {"jobs": 1, "requests": 4}
    assert {row["status"] for row in place.project.rows("results/demo.jsonl")} == {"succeeded"}
    assert place.executed() == (4, 0)


def test_it_tells_digests_and_reasons_and_nothing_of_prompts_and_rows(place: Place) -> None:
    matrix = 'matrix: {tone: [kindly, "Say it in a rude way"]}\n'
    place.project.write("demo.batchspec.yaml", chat_spec(extra=matrix).replace("Say {{", "{{ matrix.tone }} utter {{"))
    path = place.saved()
    header, spec, *batches, end = lines_of(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert header["summary"]["submit"] == 8
    assert header["summary"]["cost_usd"] > 0
    assert set(spec["sources"]["files"]) == {"demo.batchspec.yaml"}
    assert set(spec["inputs"]["files"]) == {"rows.csv"}
    assert next(each["matrix"]["tone"] for each in spec["spec"]["variants"]) == "kindly"
    assert {batch["requests"]["reason"] for batch in batches} == {"spec added"}
    assert sum(len(batch["digests"]) for batch in batches) == 8
    assert set(end) == {"end"}
    text = path.read_text(encoding="utf-8")
    for secret in ("rude", "utter", "word 1", '"r1"', "row.word"):
        assert secret not in text


def test_it_is_good_for_one_apply(place: Place) -> None:
    path = place.saved()
    assert place.project.run("apply", str(path)).code == 0
    stale(place.project, path, "was applied before", "`batchspec wait`")
    assert place.executed() == (4, 0)


def test_a_plan_with_nothing_to_send_is_a_plan(place: Place) -> None:
    assert place.project.run("apply", "--yes", "--wait").code == 0
    path = place.saved()
    assert lines_of(path)[0]["summary"]["submit"] == 0
    told = place.project.run("apply", str(path))
    assert told.code == 0
    assert "nothing was sent" in told.out


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("rows.csv", table(5), ["1 would be sent that it does not hold", "changed since: rows.csv"]),
        ("rows.csv", table(3), ["1 of them are not declared any more", "rows.csv"]),
        ("demo.batchspec.yaml", chat_spec().replace("Say", "Sing"), ["4 would be sent", "demo.batchspec.yaml"]),
    ],
)
def test_it_is_stale_when_what_it_was_made_of_was_edited(place: Place, path: str, text: str, words: list[str]) -> None:
    saved = place.saved()
    place.project.write(path, text)
    stale(place.project, saved, *words)
    assert place.executed() == (0, 0)
    assert place.project.run("apply", "--yes").code == 0


def test_an_edit_that_changes_no_request_does_not_make_it_stale(place: Place) -> None:
    path = place.saved()
    place.project.write("demo.batchspec.yaml", "# a remark\n" + chat_spec())
    place.project.write("rows.csv", "word,id\n" + "".join(f"word {number},r{number}\n" for number in range(4)))
    assert place.project.run("apply", str(path)).code == 0
    assert place.executed() == (4, 0)


def test_it_is_stale_when_somebody_has_sent_a_part_of_it_meanwhile(place: Place) -> None:
    path = place.saved()
    place.project.write("rows.csv", table(2))
    assert place.project.run("apply", "--yes", "--wait").code == 0
    place.project.write("rows.csv", table(4))
    stale(place.project, path, "2 of its requests were taken meanwhile (2 answered)")
    assert place.executed() == (2, 0)


def test_it_may_be_applied_on_another_machine_and_then_on_no_other(place: Place) -> None:
    path = place.saved()
    with_state = place.copy("other", state=True)
    without_state = place.copy("clone", state=False)
    assert with_state.run("apply", str(path)).code == 0
    stale(place.project, path, "4 of its requests were taken meanwhile")
    stale(without_state, path, "4 of its requests were taken meanwhile")
    assert place.executed() == (4, 0)


def test_a_machine_without_a_state_applies_what_was_planned_without_a_key(place: Place) -> None:
    keyless = {name: value for name, value in place.project.environ.items() if name != "MISTRAL_API_KEY"}
    path = place.folder / "review.plan"
    assert (
        ForkedProject(place.project.root, keyless, server=place.project.server).run("plan", "--out", str(path)).code
        == 0
    )
    assert lines_of(path)[0]["refreshed"] is False
    assert place.copy(state=False).run("apply", str(path), "--wait").code == 0
    assert place.executed() == (4, 0)


def test_one_that_a_death_has_cut_short_is_gone_on_with(place: Place) -> None:
    place.project.write("demo.batchspec.yaml", chat_spec(extra="limits: {requests_per_job: 1}\n"))
    path = place.saved()
    died = place.project.at("submit:after-record", "apply", str(path))
    assert died.code != 0
    assert place.project.run("apply", str(path), "--wait").code == 0
    assert place.executed() == (4, 0)
    stale(place.project, path, "was applied before")


def test_one_whose_submission_got_no_answer_is_gone_on_with(place: Place) -> None:
    path = place.saved()
    place.server.set_faults(Faults(drop_calls={"create": 99}))
    assert place.project.run("apply", str(path)).code == 5
    place.server.set_faults(Faults())
    told = place.project.run("apply", str(path), "--wait")
    assert told.code == 0, told.err
    assert place.executed() == (4, 0)
    stale(place.project, path, "was applied before")


def test_one_that_was_cut_short_is_stale_when_another_apply_has_sent_the_rest(place: Place) -> None:
    place.project.write("demo.batchspec.yaml", chat_spec(extra="limits: {requests_per_job: 1}\n"))
    path = place.saved()
    place.project.at("submit:after-record", "apply", str(path))
    assert place.project.run("apply", "--yes", "--wait").code == 0
    stale(place.project, path, "3 of its requests were taken meanwhile")
    assert place.executed() == (4, 0)


def test_what_it_does_not_hold_is_not_sent_again_under_it(place: Place) -> None:
    place.project.write("other.batchspec.yaml", chat_spec("other").replace("Say", "Sing"))
    place.server.set_faults(Faults(fail_jobs=1))
    assert place.project.run("apply", "other.batchspec.yaml", "--yes").code == 0
    path = place.saved("--no-refresh")
    told = place.project.run("apply", str(path), "--wait", "--json")
    assert told.code == 0, told.err
    assert told.document["sent"]["requests"] == 4
    assert [note for note in told.document["notes"] if "not in the saved plan, and to be sent by another: 2" in note]
    status = told.document["status"]
    assert ([spec["variants"][0]["left"] for spec in status["specs"]], status["converged"]) == ([0, 2], False)
    assert place.project.run("apply", "--yes", "--wait").code == 0
    assert place.executed()[1] == 0


def test_what_it_holds_is_sent_again_where_it_fails_in_a_passing_way(place: Place) -> None:
    path = place.saved()
    place.server.set_faults(Faults(fail_jobs=1))
    told = place.project.run("apply", str(path), "--wait", "--json")
    assert told.code == 0, told.err
    assert told.document["sent"] == {"jobs": 2, "requests": 6}
    assert {row["status"] for row in place.project.rows("results/demo.jsonl")} == {"succeeded"}


def test_answers_that_do_not_fit_are_asked_for_again_by_the_plan_that_says_so(place: Place) -> None:
    checked = "response: {json_schema: {type: object}, on_invalid: retry}\n"
    assert place.project.run("apply", "--yes", "--wait").code == 0
    old = place.saved()
    place.project.write("demo.batchspec.yaml", chat_spec(extra=checked))
    told = place.project.run("apply", str(old), "--json")
    assert (
        told.code,
        told.document["sent"]["requests"],
        told.document["status"]["specs"][0]["variants"][0]["left"],
    ) == (0, 0, 4)
    path = place.saved()
    assert {line["requests"]["reason"] for line in lines_of(path) if "requests" in line} == {"answer does not fit"}
    assert place.project.run("apply", str(path), "--json").document["sent"]["requests"] == 4
    assert place.executed() == (8, 4)


def test_limits_hold_for_a_saved_plan_too(place: Place) -> None:
    path = place.saved()
    assert place.project.run("apply", str(path), "--max-requests", "3").code == 9
    assert place.project.run("apply", str(path), "--max-cost-usd", "0.0000001").code == 9
    assert place.project.run("apply", str(path), "--max-requests", "4").code == 0


def test_variables_come_with_the_plan_and_are_told_where_they_differ(place: Place) -> None:
    spec = chat_spec(extra="vars: {tone: kindly, place: here}\n").replace("Say", "Say {{ vars.tone }} {{ vars.place }}")
    place.project.write("demo.batchspec.yaml", spec)
    place.project.write("vars.yaml", "place: there\n")
    environ = {"BATCHSPEC_VAR_tone": "harshly", "BATCHSPEC_VAR_other": "x"}
    path = place.folder / "review.plan"
    given = ("--var", "tone=softly", "--var-file", "vars.yaml")
    assert place.project.run("plan", "--out", str(path), *given).code == 0
    assert place.project.run("apply", str(path), "--var", "tone=softly").code == 3
    place.project.write("vars.yaml", "place: elsewhere\n")
    stale(place.project, path, "changed since: vars.yaml")
    place.project.write("vars.yaml", "place: there\n")
    assert place.project.run("apply", str(path), "--wait").code == 0
    [row] = {row["text"] for row in place.project.rows("results/demo.jsonl") if row["custom_id"] == "r1"}
    assert "softly there" in row
    place.project.write("rows.csv", table(5))
    assert place.project.but(environ).run("plan", "--out", str(path)).code == 0
    stale(place.project, path, "BATCHSPEC_VAR_tone")


def test_a_plan_of_another_project_or_provider_is_refused(place: Place) -> None:
    path = place.saved()
    told = place.project.run("apply", str(path), "--provider", "emulator")
    assert (told.code, "--provider mistral" in told.err) == (3, True)
    other = place.copy(state=False)
    other.write("batchspec.toml", '[project]\nid = "00000000-0000-4000-8000-00000000000f"\n')
    told = other.run("apply", str(path))
    assert (told.code, "is of another project" in told.err) == (3, True)
    other.write("batchspec.toml", "")
    told = other.run("apply", str(path))
    assert (told.code, "is of another project" in told.err) == (3, True)
    assert place.executed() == (0, 0)


def test_a_plan_that_is_cut_or_changed_or_newer_is_refused_and_nothing_is_sent(place: Place) -> None:
    path = place.saved()
    whole = path.read_bytes()
    newer = whole.replace(b'"format_version":"1.0"', b'"format_version":"1.1"')
    for data, word in (
        (whole[:-10], "cut off"),
        (whole[: whole.index(b'{"end"')], "cut off"),
        (whole.replace(b"spec added", b"spec edited"), "SHA-256 does not fit"),
        (whole + b"x", "after its end"),
        (newer, "upgrade batchspec"),
    ):
        path.write_bytes(data)
        told = place.project.run("apply", str(path))
        assert (told.code, word in told.err) == (3, True), told.err
    assert place.executed() == (0, 0)


def test_a_file_that_is_no_plan_is_not_overwritten(place: Place) -> None:
    told = place.project.run("plan", "--out", "rows.csv")
    assert (told.code, "is no saved plan" in told.err) == (3, True)
    assert (place.project.root / "rows.csv").read_text(encoding="utf-8") == table(4)
    assert place.saved() == place.saved()


def test_a_plan_stands_alone_and_tells_what_is_missing(place: Place) -> None:
    path = place.saved()
    assert place.project.run("apply", str(path), "demo.batchspec.yaml").code == 3
    (place.project.root / "demo.batchspec.yaml").unlink()
    stale(place.project, path, "its spec demo.batchspec.yaml is not there any more")


def test_of_a_pipeline_it_covers_the_stage_whose_rows_are_there(place: Place) -> None:
    second = chat_spec("second", inputs="{spec: demo}").replace("Say {{ row.word }}", "Judge {{ row.demo.text }}")
    place.project.write("second.batchspec.yaml", second)
    path = place.saved()
    told = place.project.run("apply", str(path), "--wait", "--json")
    assert told.code == 0, told.err
    assert told.document["sent"]["requests"] == 4
    assert [spec["variants"][0]["left"] for spec in told.document["status"]["specs"]] == [0, 4]
    path = place.saved()
    assert place.project.run("apply", str(path), "--wait").code == 0
    assert place.executed() == (8, 0)


@pytest.mark.slow
def test_a_plan_of_a_million_requests_is_saved_and_held_against_a_million_in_bounded_memory(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=1_000_000, BATCHSPEC_PROVIDER="emulator")
    assert peak(project, "plan", "--out", "review.plan") < 300_000
    assert (tmp_path / "review.plan").stat().st_size < 40_000_000
    # Held against the plan it is first, and against the limit then.
    assert peak(project, "apply", "review.plan", "--max-requests", "1", code=9) < 300_000
