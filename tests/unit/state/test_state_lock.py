"""The state's lock: one holder, known by name, gone with its process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batchspec.core.errors import LockedError, StateError
from batchspec.state.lock import state_lock

ROOT = Path(__file__).parents[3]
_HOLDING = """
import sys
from pathlib import Path
from batchspec.state.lock import state_lock
with state_lock(Path(sys.argv[1]), "apply"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(state: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(state)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def test_another_process_is_told_who_holds_the_state_and_doing_what(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with holder(state) as process, pytest.raises(LockedError) as caught, state_lock(state, "plan"):
        pass
    assert f"by `batchspec apply` (process {process.pid}) since 20" in caught.value.summary
    assert "--lock-timeout" in (caught.value.hint or "")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_goes_away_with_its_process_however_that_ends(tmp_path: Path, ending: signal.Signals) -> None:
    state = tmp_path / "state.db"
    with holder(state) as process:
        process.send_signal(ending)
        process.wait()
        with state_lock(state, "plan"):
            pass


def test_waiting_for_the_lock_gets_it_once_it_is_free(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with holder(state) as process:
        assert process.stdin is not None
        process.stdin.close()
        with state_lock(state, "plan", timeout=60):
            pass


def test_a_lock_that_was_held_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with state_lock(tmp_path / "state.db", "apply"):
            assert (tmp_path / "state.db.holder.json").exists()
        assert not (tmp_path / "state.db.holder.json").exists()


def test_the_lock_is_given_back_when_a_command_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd"), state_lock(tmp_path / "state.db", "apply"):
        raise ValueError("odd")
    with state_lock(tmp_path / "state.db", "apply"):
        pass


def test_the_lock_makes_the_folder_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / ".batchspec" / "state.db"
    with state_lock(state, "apply"):
        assert stat.S_IMODE((state.parent / "state.db.lock").stat().st_mode) == 0o600
    assert not state.exists()


@pytest.mark.parametrize("told", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff"])
def test_a_holder_that_cannot_be_read_is_only_left_out(tmp_path: Path, told: bytes) -> None:
    state = tmp_path / "state.db"
    with holder(state):
        (tmp_path / "state.db.holder.json").write_bytes(told)
        with pytest.raises(LockedError, match="the state is in use"), state_lock(state, "plan"):
            pass


def test_a_holder_that_cannot_be_written_does_not_stop_the_command(tmp_path: Path) -> None:
    (tmp_path / "state.db.holder.json").mkdir()
    state = tmp_path / "state.db"
    in_use = pytest.raises(LockedError, match="the state is in use")
    with state_lock(state, "apply"), in_use, state_lock(state, "plan"):
        pass


def test_a_lock_that_cannot_be_made_is_told_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "state.db.lock").mkdir()
    with pytest.raises(StateError) as caught, state_lock(tmp_path / "state.db", "apply"):
        pass
    assert "cannot be taken" in caught.value.summary
    assert caught.value.hint
