"""The state file: made whole, private, strict; newer, damaged and foreign ones are refused with a way out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from state_samples import claimed, digest, in_flight, picture

from batchspec.core.errors import AccessError, StateError
from batchspec.core.model import Target
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.backup import back_up
from batchspec.state.inspection import Inspection
from batchspec.state.migrations import VERSION
from batchspec.state.store import SqliteLedger

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


def test_a_state_is_made_with_its_folder_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.db"
    with SqliteLedger(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["state.db"]


def test_a_state_is_there_after_it_was_closed(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        claimed(ledger, "a")
        project = ledger.project_id
    with SqliteLedger(tmp_path / "state.db") as ledger:
        assert len(ledger.open_claims()) == 1
        assert ledger.project_id == project


def test_the_projects_id_is_the_given_one_or_made_once(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "a.db", "given") as ledger:
        assert ledger.project_id == "given"
    with SqliteLedger(tmp_path / "a.db") as ledger:
        assert ledger.project_id == "given"
    with SqliteLedger(tmp_path / "b.db") as one, SqliteLedger(tmp_path / "c.db") as other:
        assert len(one.project_id) == 36
        assert one.project_id != other.project_id


def test_a_state_in_memory_works_and_writes_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteLedger(None, "given") as ledger:
        claim = in_flight(ledger, "a")
        ledger.take_in(claim.id, [(digest("a"), Outcome(OutcomeKind.SUCCEEDED, 200, b"{}"))])
        assert ledger.project_id == "given"
        assert ledger.compared_at() is None
        assert len(ledger.results([digest("a")])) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_state_remembers_that_it_was_compared_with_the_provider(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        assert ledger.compared_at() is None
        ledger.mark_compared(5.0)
        ledger.mark_compared(6.0)
    with SqliteLedger(tmp_path / "state.db") as ledger:
        assert ledger.compared_at() == 6.0


def test_a_state_belongs_to_one_provider(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        ledger.bind("emulator")
        ledger.bind("emulator")
    with SqliteLedger(tmp_path / "state.db") as ledger, pytest.raises(AccessError) as caught:
        ledger.bind("mistral")
    assert "`emulator`, not to `mistral`" in caught.value.summary
    assert caught.value.hint


def test_a_copy_of_the_one_file_is_whole_at_any_time(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        claimed(ledger, "a")
        shutil.copy(tmp_path / "state.db", tmp_path / "copy.db")
        assert picture(tmp_path / "copy.db") == picture(tmp_path / "state.db")
        with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_every_table_is_strict_about_its_types(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db"), closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        loose = [row[1] for row in connection.execute("PRAGMA table_list") if row[2] == "table" and not row[5]]
        assert [name for name in loose if not name.startswith("sqlite_")] == []
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO request VALUES (?, 'one', 1, 1, NULL, NULL)", [b"x"])
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(
                "INSERT INTO claim (shard, attempt, spec, endpoint, model, requests, parts, phase, claimed_at)"
                " VALUES ('s', 1, 's', 'e', 'm', 1, '[]', 'odd', 1.0)"
            )


def test_the_file_opens_anywhere_with_the_version_in_it(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db"), closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# What cannot be used


def _newer(path: Path) -> None:
    SqliteLedger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def _text(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but long enough to be looked at\n" * 100)


def _empty(path: Path) -> None:
    path.touch()


def _folder(path: Path) -> None:
    path.mkdir()


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere.db"))


def _beneath_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_newer, f"is of version {VERSION + 1}; this batchspec knows up to {VERSION}"),
        (_foreign, "is not a batchspec state"),
        (_text, "is damaged"),
        (_empty, "is not a batchspec state"),
        (_folder, "is a folder"),
        (_link_to_nowhere, "cannot be written"),
        (_beneath_a_file, "cannot be opened"),
    ],
)
def test_a_file_that_is_no_state_of_this_version_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "here" / "state.db"
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StateError) as caught:
        SqliteLedger(path)
    assert words in caught.value.summary
    assert str(path) in caught.value.summary
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before
    assert not path.with_name("elsewhere.db").exists()


def test_a_state_that_lacks_a_table_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        in_flight(ledger, 1)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE request")
    with SqliteLedger(path) as ledger, pytest.raises(StateError, match="is damaged: no such table: request") as caught:
        claimed(ledger, "new", 2)
    assert "batchspec state rebuild" in (caught.value.hint or "")


def test_damage_deep_in_the_file_is_told_when_it_is_met_and_not_as_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        tables = path.stat().st_size
        in_flight(ledger, *range(3_000))
    data = bytearray(path.read_bytes())
    data[tables:] = b"\xa5" * (len(data) - tables)
    path.write_bytes(data)
    with SqliteLedger(path) as ledger:
        for ask in (
            lambda: ledger.recorded([digest(n) for n in range(3_000)]),
            lambda: ledger.results([digest(n) for n in range(3_000)]),
            lambda: list(ledger.claim_lines(1)),
            lambda: claimed(ledger, "new", *range(3_000)),
        ):
            with pytest.raises(StateError) as caught:
                ask()
            assert f"the state {path} is damaged" in caught.value.summary
            assert "still at the provider" in (caught.value.why or "")
            assert caught.value.hint


def test_a_full_disk_is_told_and_the_state_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        claimed(ledger, "a")
        before = picture(path)
        # SQLite says the same of a file that may not grow as of a full disk, and that needs no disk to be filled.
        pages = ledger._database.execute("PRAGMA page_count").fetchone()[0]
        ledger._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StateError, match="the disk is full") as caught:
            claimed(ledger, *range(10_000), shard_name="large")
        assert caught.value.hint
        assert picture(path) == before
        ledger._database.execute("PRAGMA max_page_count = 1000000")
        claimed(ledger, "b", shard_name="other")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere: for a while, be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach and nobody can write."""
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_state_that_may_only_be_read_is_read_and_refuses_to_be_written(open_folder: Path) -> None:
    path = open_folder / "state.db"
    with SqliteLedger(path) as ledger:
        claimed(ledger, "a")
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with unprivileged(), SqliteLedger(path) as ledger:
        assert len(ledger.open_claims()) == 1
        with pytest.raises(StateError, match="cannot be written") as caught:
            claimed(ledger, "b", shard_name="other")
        assert caught.value.hint


def test_a_state_that_may_only_be_read_is_looked_at_checked_and_copied(open_folder: Path) -> None:
    path = open_folder / "state.db"
    with SqliteLedger(path) as ledger:
        claimed(ledger, "a")
    path.chmod(0o444)
    copies = open_folder / "copies"
    copies.mkdir()
    copies.chmod(0o777)
    open_folder.chmod(0o555)
    with unprivileged():
        with Inspection(path) as inspection:
            assert len(inspection.claims()) == 1
            assert [problem.kind for problem in inspection.problems()] == ["readable-by-others"]
        back_up(path, copies / "copy.db", force=False)
    assert picture(copies / "copy.db") == picture(path)


def test_a_folder_that_may_not_be_written_gets_no_state(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with unprivileged(), pytest.raises(StateError, match="Permission denied") as caught:
        SqliteLedger(open_folder / "state.db")
    assert caught.value.hint


def test_a_state_made_by_somebody_else_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as first:
        claimed(first, "a")
    # The moment between looking for the state and making it cannot be hit from outside.
    looked = iter([False])
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: next(looked, None) if self == path else exists(self))
    with SqliteLedger(path) as second:
        assert len(second.open_claims()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["state.db"]


# Crashes

_CRASHING = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from state_samples import claimed, digest, in_flight, job, lines, shard
from batchspec.core.ledger import DeclaredRow
from batchspec.core.model import Target
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.store import SqliteLedger

def dying(items):
    for number, item in enumerate(items):
        if number == 25_000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

ledger = SqliteLedger(Path(sys.argv[1]))
good = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}" * 2_000)
many = lines(*range(30_000))
match sys.argv[2]:
    case "claim": ledger.claim(shard("large", 30_000), dying(many), 1.0)
    case "adopt": ledger.adopt(shard("large", 30_000), dying(many), job("job-7"), 1.0)
    case "take_in": ledger.take_in(1, dying((line.digest, good) for line in many))
    case "declare": ledger.declare("triage", "p", [Target("m")], dying(DeclaredRow("", *line) for line in many))
"""


@pytest.mark.parametrize("step", ["claim", "adopt", "take_in", "declare"])
def test_a_kill_in_the_middle_of_a_write_leaves_the_earlier_state(tmp_path: Path, step: str) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        if step == "take_in":
            in_flight(ledger, *range(30_000))
        ledger.declare("triage", "p", [Target("m")], [])
    before = picture(path)
    arguments = [sys.executable, "-c", _CRASHING, str(path), step, str(ROOT), str(HERE)]
    told = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert told.returncode == -9, told.stderr
    with SqliteLedger(path) as ledger:
        claimed(ledger, "after", shard_name="after")
        ledger.release(ledger.open_claims()[0].id, "why", 1.0)
    after = picture(path)
    assert [row for row in after.pop("claim") if "after" not in row] == before.pop("claim")
    assert after == before
