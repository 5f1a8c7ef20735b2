"""Copies of a state: whole, private, create-only, of one moment even while another process writes."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from state_samples import claimed, in_flight, picture

from batchspec.core.errors import BatchspecError, ExitCode, Interrupted, StateError
from batchspec.state.backup import back_up
from batchspec.state.inspection import Inspection
from batchspec.state.store import SqliteLedger

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "state.db"
    with SqliteLedger(path) as ledger:
        in_flight(ledger, "a", "b")
    return path


def test_a_copy_holds_the_same_and_is_for_its_owner_alone(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    assert back_up(state, target, force=False) == target.stat().st_size
    assert picture(target) == picture(state)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.db", "home"]
    with Inspection(target) as inspection:
        assert list(inspection.problems()) == []


def test_nothing_is_overwritten_unless_that_is_said(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(BatchspecError, match="is there already") as caught:
        back_up(state, target, force=False)
    assert "--force" in (caught.value.hint or "")
    assert target.read_text() == "mine"
    back_up(state, target, force=True)
    assert picture(target) == picture(state)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_dangling_link_is_there_already_too(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(BatchspecError, match="is there already"):
        back_up(state, target, force=False)
    assert not (tmp_path / "elsewhere.db").exists()


@pytest.mark.parametrize("through_a_link", [False, True])
def test_the_state_itself_is_no_place_for_its_copy(state: Path, tmp_path: Path, through_a_link: bool) -> None:
    target = state
    if through_a_link:
        target = tmp_path / "link.db"
        target.symlink_to(state)
    before = picture(state)
    with pytest.raises(BatchspecError, match="the state itself"):
        back_up(state, target, force=True)
    assert picture(state) == before


def test_a_folder_that_is_not_there_is_told(state: Path, tmp_path: Path) -> None:
    with pytest.raises(BatchspecError, match="cannot be written") as caught:
        back_up(state, tmp_path / "no" / "copy.db", force=False)
    assert caught.value.hint


def test_a_folder_in_the_place_of_the_copy_is_told(state: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").mkdir()
    with pytest.raises(BatchspecError, match="cannot be written"):
        back_up(state, tmp_path / "copy.db", force=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.db", "home"]


def test_there_is_no_copy_of_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no state"):
        back_up(tmp_path / "state.db", tmp_path / "copy.db", force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_gives_no_copy_and_replaces_none(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with SqliteLedger(state) as ledger:
        claimed(ledger, *range(3_000), shard_name="large")
    back_up(state, target, force=False)
    before = target.read_bytes()
    data = bytearray(state.read_bytes())
    half = len(data) // 2
    data[half:] = b"\xa5" * (len(data) - half)
    state.write_bytes(data)
    with pytest.raises(StateError) as caught:
        back_up(state, target, force=True)
    assert caught.value.hint
    assert target.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.db", "home"]


def test_a_copy_can_be_stopped_and_leaves_nothing(state: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise Interrupted("SIGINT", ExitCode.INTERRUPTED)

    with pytest.raises(Interrupted):
        back_up(state, tmp_path / "copy.db", force=False, stop=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


_WRITING = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from state_samples import in_flight
from batchspec.state.store import SqliteLedger

with SqliteLedger(Path(sys.argv[1])) as ledger:
    print("begun", flush=True)
    for number in range(12):
        in_flight(ledger, *(f"{number}-{each}" for each in range(50)), shard_name=f"s{number}", job_id=f"j{number}")
"""


def test_copies_made_while_another_process_writes_are_each_of_one_moment(state: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", _WRITING, str(state), str(ROOT), str(HERE)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        seen = []
        for number in range(200):
            target = tmp_path / f"copy-{number}.db"
            back_up(state, target, force=False)
            with Inspection(target) as inspection:
                assert list(inspection.problems()) == []
                seen.append(inspection.facts().rows["claim"])
            if writer.poll() is not None:
                break
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert seen[-1] > 1
