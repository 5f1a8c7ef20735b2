"""What an ended job has to give is taken in whole, whatever its files look like, and never half."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from project_world import MODEL, PROJECT_ID, Died, QuickClock, silent

from batchspec.commands.collect import collect
from batchspec.commands.world import Notes, World
from batchspec.core.canonical import RequestIdentity, body_digest
from batchspec.core.errors import Interrupted, ProviderRefusedError
from batchspec.core.ledger import Claim, ClaimLine, ClaimRequest, Phase, RequestStatus
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest, RemoteFile, RequestDigest
from batchspec.core.ports import Progress
from batchspec.outputs import open_writer
from batchspec.project.spool import DiskSpool
from batchspec.state.scratch import SqliteScratch
from batchspec.state.store import SqliteLedger

CHAT = "/v1/chat/completions"


class Scripted:
    """A provider whose files hold exactly the bytes that a test wants, download after download.

    No real server can be made to give a file's bytes one way first and another way next, to double a line, or to
    invent one.
    """

    def __init__(self) -> None:
        self.contents: dict[str, list[bytes]] = {}
        self.answers: list[bytes] = []
        self.downloads: list[str] = []

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        self.downloads.append(file_id)
        if file_id not in self.contents:
            raise ProviderRefusedError("no such file", status=404)
        versions = self.contents[file_id]
        content = versions.pop(0) if len(versions) > 1 else versions[0]
        destination.write_bytes(content)
        return len(content)

    def outputs(self, job_id: str) -> Sequence[bytes]:
        return self.answers

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        raise AssertionError("collecting uploads nothing")

    def create_job(self, request: JobRequest) -> BatchJob:
        raise AssertionError("collecting creates nothing")

    def get_file(self, file_id: str) -> RemoteFile | None:
        return None

    def find_files(self, filename: str, purpose: str = "batch") -> Sequence[RemoteFile]:
        return []

    def list_files(self) -> Iterator[RemoteFile]:
        yield from ()

    def get_job(self, job_id: str) -> BatchJob | None:
        return None

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        yield from ()

    def cancel_job(self, job_id: str) -> BatchJob:
        raise AssertionError("collecting cancels nothing")

    def delete_file(self, file_id: str) -> bool:
        raise AssertionError("collecting deletes nothing")

    def delete_job(self, job_id: str) -> bool:
        raise AssertionError("collecting deletes nothing")


def digest(name: str) -> RequestDigest:
    return RequestIdentity(CHAT, MODEL).digest(body_digest(name.encode()))


def good(name: str, text: str = "") -> bytes:
    body = {"choices": [{"message": {"content": text or name}}], "usage": {"prompt_tokens": 1}}
    line = {"id": "x", "custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def bad(name: str, status: int = 400) -> bytes:
    line = {"custom_id": name, "response": {"status_code": status, "body": '{"message": "no"}'}, "error": None}
    return json.dumps(line).encode() + b"\n"


class Desk:
    """A claim in flight, and what is collected of it."""

    def __init__(self, folder: Path, ledger: SqliteLedger, names: Sequence[str]) -> None:
        self.ledger = ledger
        self.provider = Scripted()
        self.notes = Notes()
        self.clock = QuickClock()
        self.checkpoints: list[str] = []
        self.modes: set[int] = set()
        self.dies_at: str | None = None
        self.stops_after: int | None = None
        self._folder = folder
        request = ClaimRequest(shard="s", spec="demo", endpoint=CHAT, model=MODEL, requests=len(names))
        self.claim: Claim = ledger.claim(request, [ClaimLine(name, digest(name)) for name in names], 1.0)
        self.job = BatchJob(
            id="job-1",
            status=BatchJobStatus.SUCCESS,
            status_text="SUCCESS",
            endpoint=CHAT,
            model=MODEL,
            input_files=("in",),
            total_requests=len(names),
        )
        ledger.mark_created(self.claim.id, self.job)

    def output(self, *versions: bytes) -> None:
        self.provider.contents["out"] = list(versions)
        self.job = replace(self.job, output_file="out")

    def errors(self, *versions: bytes) -> None:
        self.provider.contents["err"] = list(versions)
        self.job = replace(self.job, error_file="err")

    def counters(self, succeeded: int, failed: int = 0) -> None:
        self.job = replace(self.job, succeeded_requests=succeeded, failed_requests=failed)

    def ended(self, status: BatchJobStatus, *errors: str) -> None:
        self.job = replace(self.job, status=status, status_text=status.value, errors=errors)

    def collect(self, gone: str | None = None) -> bool:
        self.ledger.save_job(self.job)
        return collect(self.claim, self.job, world=self.world(), provider=self.provider, notes=self.notes, gone=gone)

    def world(self) -> World:
        return World(
            ledger=self.ledger,
            provider=self.provider,
            spool=DiskSpool(self._folder / "spool"),
            new_scratch=SqliteScratch,
            open_output=pytest.fail,
            open_writer=open_writer,
            fingerprint=pytest.fail,
            local_path=pytest.fail,
            downloads=self._folder,
            clock=self.clock,
            progress=silent(),
            stop=self._stop,
            checkpoint=self._checkpoint,
        )

    def _checkpoint(self, name: str) -> None:
        self.checkpoints.append(name)
        self.modes |= {path.stat().st_mode & 0o777 for path in self._folder.glob("*.outputs.jsonl")}
        if name == self.dies_at:
            self.dies_at = None
            raise Died(name)

    def _stop(self) -> None:
        if self.stops_after is not None:
            self.stops_after -= 1
            if self.stops_after < 0:
                self.stops_after = None
                raise Interrupted("SIGTERM", Interrupted.exit_code)

    def statuses(self, *names: str) -> list[str]:
        known = self.ledger.recorded([digest(name) for name in names])
        return [known[digest(name)].status.name for name in names]

    def error_of(self, name: str) -> str | None:
        return self.ledger.results([digest(name)])[digest(name)].error

    def text_of(self, name: str) -> object:
        body = self.ledger.results([digest(name)])[digest(name)].body
        assert body is not None
        return json.loads(body)["choices"][0]["message"]["content"]

    def quarantine(self) -> list[tuple[str, bytes]]:
        return list(self.ledger._rows("SELECT reason, line FROM quarantine ORDER BY id"))

    def left_over(self) -> list[str]:
        return [path.name for path in self._folder.iterdir() if path.suffix == ".jsonl"]


NAMES = ("a", "b", "c", "d")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        ledger = stack.enter_context(SqliteLedger(tmp_path / "state" / "state.db", PROJECT_ID))
        (tmp_path / "downloads").mkdir()
        yield Desk(tmp_path / "downloads", ledger, NAMES)


def test_both_files_are_joined_to_the_requests_in_any_order(desk: Desk) -> None:
    desk.output(good("c") + good("a", "x\u2028y"))
    desk.errors(bad("d", 400) + bad("b", 503))
    desk.counters(2, 2)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "FAILED_PASSING", "SUCCEEDED", "FAILED"]
    assert desk.text_of("a") == "x\u2028y"
    assert desk.notes.lines == []
    assert desk.quarantine() == []
    assert desk.ledger.claims_in_flight() == []
    assert desk.left_over() == []


def test_a_file_that_comes_short_is_fetched_again(desk: Desk) -> None:
    whole = good("a") + good("b") + good("c") + good("d")
    desk.output(whole[: len(whole) // 2], whole)
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4
    assert desk.provider.downloads == ["out", "out"]
    # The half line of the first download is nothing to keep.
    assert desk.quarantine() == []


def test_a_file_that_ends_early_at_the_end_of_a_line_is_fetched_again(desk: Desk) -> None:
    lines = [good(name) for name in NAMES]
    desk.output(b"".join(lines[:2]), b"".join(lines))
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4


def test_a_job_that_succeeded_has_a_line_for_every_request_whatever_its_counters_say(desk: Desk) -> None:
    # Counters may lag, or be 0; SUCCESS means that every line was processed.
    lines = [good(name) for name in NAMES]
    desk.output(b"".join(lines[:2]), b"".join(lines))
    desk.counters(0)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4


def test_a_short_file_is_believed_once_it_has_come_twice_with_the_same_bytes(desk: Desk) -> None:
    desk.output(good("a") + good("b"))
    desk.counters(4)
    assert desk.collect()
    assert desk.provider.downloads == ["out", "out"]
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "SUCCEEDED", "FAILED_PASSING", "FAILED_PASSING"]
    assert desk.error_of("c") == desk.error_of("d") == "no line returned"


def test_of_a_file_that_is_short_in_another_way_each_time_only_what_it_says_is_believed(desk: Desk) -> None:
    lines = [good(name) for name in NAMES]
    desk.output(b"".join(lines[:1]), b"".join(lines[:2]), b"".join(lines[:3]))
    desk.counters(4)
    assert not desk.collect()
    assert desk.statuses(*NAMES) == [*["SUCCEEDED"] * 3, "CLAIMED"]
    assert [claim.phase for claim in desk.ledger.claims_in_flight()] == [Phase.CREATED]
    assert "incomplete 3 times" in desk.notes.lines[0]
    assert desk.left_over() == []
    # The next run reads all of it, and records what is new.
    desk.output(b"".join(lines))
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4


def test_an_answer_that_was_not_in_the_next_download_is_kept(desk: Desk) -> None:
    desk.output(good("a") + good("b"), good("c"), good("c"))
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == [*["SUCCEEDED"] * 3, "FAILED_PASSING"]


def test_a_success_that_comes_with_a_later_download_counts_and_a_failure_does_not_undo_one(desk: Desk) -> None:
    desk.output(good("a", "first") + bad("b"), bad("a") + good("b") + good("c") + good("d"))
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4
    assert desk.text_of("a") == "first"
    assert desk.quarantine() == []


def test_the_same_bytes_count_as_twice_also_when_others_came_between(desk: Desk) -> None:
    short, other = good("a") + good("b"), good("a")
    desk.output(short, other, short)
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "SUCCEEDED", "FAILED_PASSING", "FAILED_PASSING"]


@pytest.mark.parametrize(
    ("status", "recorded", "words"),
    [
        (BatchJobStatus.CANCELLED, "HELD", "cancelled before it ran"),
        (BatchJobStatus.TIMEOUT_EXCEEDED, "FAILED_PASSING", "expired"),
        (BatchJobStatus.FAILED, "FAILED_PASSING", "the job failed (out of order; broken)"),
        (BatchJobStatus.SUCCESS, "FAILED_PASSING", "no line returned"),
    ],
)
def test_every_end_of_a_job_has_its_files_read_and_its_missing_lines_told(
    desk: Desk, status: BatchJobStatus, recorded: str, words: str
) -> None:
    desk.ended(status, "out of order", "broken")
    desk.output(good("a"))
    desk.errors(bad("b"))
    desk.counters(1, 1)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "FAILED", recorded, recorded]
    assert words in (desk.error_of("c") or "")


@pytest.mark.parametrize("status", [BatchJobStatus.CANCELLED, BatchJobStatus.FAILED, BatchJobStatus.SUCCESS])
def test_a_job_without_any_file_gives_every_request_its_end(desk: Desk, status: BatchJobStatus) -> None:
    desk.ended(status)
    assert desk.collect()
    assert len(set(desk.statuses(*NAMES))) == 1
    assert desk.statuses("a") != ["CLAIMED"]
    assert desk.provider.downloads == []


def test_unknown_and_repeated_ids_are_kept_apart_and_the_first_line_counts(desk: Desk) -> None:
    desk.output(good("a", "first") + good("zz") + good("a", "second") + good("b"))
    desk.errors(bad("b") + bad("c") + b"<html>\n" + b'{"custom_id": 5}\n' + b"\n  \n" + bad("d"))
    desk.counters(2, 2)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "SUCCEEDED", "FAILED", "FAILED"]
    assert desk.text_of("a") == "first"
    kept = desk.quarantine()
    assert [reason.split(":")[0] for reason, _ in kept] == [
        "unknown custom_id zz",
        "repeated custom_id a",
        "repeated custom_id b",
        "not JSON",
        "no custom_id",
    ]
    assert kept[1][1] == good("a", "second")
    assert desk.notes.lines == ["job job-1: 5 result lines fit no request and were put into quarantine"]


def test_a_doubled_line_does_not_stand_in_for_a_missing_one(desk: Desk) -> None:
    desk.output(good("a") + good("a") + good("b") + good("b"), good("a") + good("b") + good("c") + good("d"))
    desk.counters(4)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4


def test_lines_are_split_at_newlines_alone(desk: Desk) -> None:
    odd = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven"
    desk.output(good("a", odd) + good("b").rstrip(b"\n") + b"\r\n" + good("c") + good("d").rstrip(b"\n"))
    desk.counters(4)
    assert desk.collect()
    assert desk.text_of("a") == odd
    assert desk.statuses(*NAMES) == ["SUCCEEDED"] * 4


def test_an_inline_job_is_collected_from_its_outputs(desk: Desk) -> None:
    desk.job = replace(desk.job, input_files=())
    desk.provider.answers = [good("b").rstrip(b"\n"), good("a").rstrip(b"\n"), bad("c").rstrip(b"\n")]
    desk.counters(2, 1)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "SUCCEEDED", "FAILED", "FAILED_PASSING"]
    assert desk.left_over() == []


def test_answers_on_their_way_are_for_their_owner_alone(desk: Desk) -> None:
    desk.job = replace(desk.job, input_files=())
    desk.provider.answers = [good(name).rstrip(b"\n") for name in NAMES]
    assert desk.collect()
    assert desk.modes == {0o600}


def test_a_file_that_the_provider_no_longer_has_is_told_and_its_answers_are_lost(desk: Desk) -> None:
    desk.output(good("a"))
    desk.errors(bad("b"))
    desk.counters(1, 1)
    del desk.provider.contents["out"]
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["LOST", "FAILED", "LOST", "LOST"]
    [note] = desk.notes.lines
    assert "3 answers are lost (the output file out is no longer at the provider" in note
    assert "retry --include lost" in note


def test_a_file_that_is_not_there_just_after_the_end_may_still_come(desk: Desk) -> None:
    desk.output(good("a"))
    desk.counters(1)
    contents = desk.provider.contents.pop("out")
    desk.job = replace(desk.job, completed_at=int(desk.clock.now()))
    assert not desk.collect()
    assert desk.statuses(*NAMES) == ["CLAIMED"] * 4
    assert "or not yet" in desk.notes.lines[0]
    desk.provider.contents["out"] = contents
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", *["FAILED_PASSING"] * 3]


def test_a_success_that_names_no_file_is_lost_and_not_sent_again(desk: Desk) -> None:
    desk.job = replace(desk.job, output_file=None, error_file=None)
    assert desk.collect()
    assert desk.statuses(*NAMES) == ["LOST"] * 4


def test_a_job_that_was_deleted_loses_what_was_not_collected(desk: Desk) -> None:
    desk.output(good("a"))
    desk.counters(1)
    assert desk.collect(gone="job job-1 was deleted at the provider")
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "LOST", "LOST", "LOST"]


def test_two_lines_of_one_custom_id_leave_no_request_in_flight(desk: Desk) -> None:
    request = ClaimRequest(shard="t", spec="demo", endpoint=CHAT, model=MODEL, requests=2)
    lines = [ClaimLine("same", digest("x")), ClaimLine("same", digest("y"))]
    adopted = desk.ledger.adopt(request, lines, replace(desk.job, id="job-2", output_file="out"), 1.0)
    assert adopted is not None
    desk.provider.contents["out"] = [good("same")]
    job = replace(desk.job, id="job-2", output_file="out")
    assert collect(adopted.claim, job, world=desk.world(), provider=desk.provider, notes=desk.notes)
    assert desk.statuses("x", "y") == ["FAILED_PASSING", "SUCCEEDED"]


@pytest.mark.parametrize("step", ["collect:before-take-in", "collect:after-take-in", "collect:after-collected"])
def test_a_death_at_any_step_is_made_good_by_the_next_run(desk: Desk, step: str) -> None:
    desk.output(good("a") + good("zz"))
    desk.errors(bad("b"))
    desk.counters(1, 1)
    desk.dies_at = step
    with pytest.raises(Died):
        desk.collect()
    if desk.ledger.claims_in_flight():
        desk.notes.lines.clear()
        assert desk.collect()
    assert desk.statuses(*NAMES) == ["SUCCEEDED", "FAILED", "FAILED_PASSING", "FAILED_PASSING"]
    assert desk.ledger.recorded([digest("c")])[digest("c")].attempts == 1
    assert len(desk.quarantine()) == 1
    assert desk.ledger.claims_in_flight() == []


def test_a_stop_between_two_chunks_takes_in_the_rest_next_time(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(6_000)]
    (tmp_path / "downloads").mkdir()
    with SqliteLedger(tmp_path / "state.db", PROJECT_ID) as ledger:
        desk = Desk(tmp_path / "downloads", ledger, names)
        desk.output(b"".join(good(name, name * 800) for name in reversed(names)))
        desk.counters(6_000)
        desk.stops_after = 2
        with pytest.raises(Interrupted):
            desk.collect()
        known = ledger.recorded([digest(name) for name in names])
        done = [name for name in names if known[digest(name)].status is RequestStatus.SUCCEEDED]
        assert 0 < len(done) < 6_000
        assert desk.left_over() == []
        assert desk.collect()
        assert set(desk.statuses(*names)) == {"SUCCEEDED"}
        assert all(known.attempts == 1 for known in ledger.recorded([digest(name) for name in names]).values())
        assert len(ledger.results([digest(name) for name in names])) == 6_000
