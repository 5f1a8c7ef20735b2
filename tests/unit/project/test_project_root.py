"""Where a project begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchspec.core.errors import FileProblemError
from batchspec.project.root import find_root


def test_the_folder_with_settings_wins_over_a_git_folder_nearer_by(tmp_path: Path) -> None:
    (tmp_path / "batchspec.toml").touch()
    inner = tmp_path / "repo" / "specs"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    assert find_root(inner, None) == tmp_path.resolve()


def test_the_nearest_settings_win(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "batchspec.toml").touch()
    (tmp_path / "a" / "batchspec.toml").touch()
    assert find_root(inner, None) == (tmp_path / "a").resolve()


def test_a_git_file_of_a_worktree_marks_the_root(tmp_path: Path) -> None:
    inner = tmp_path / "specs"
    inner.mkdir()
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert find_root(inner, None) == tmp_path.resolve()


def test_without_any_mark_the_start_is_the_root(tmp_path: Path) -> None:
    inner = tmp_path / "specs"
    inner.mkdir()
    assert find_root(inner, None) == inner.resolve()


def test_an_override_is_taken_as_it_is_and_made_real(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "batchspec.toml").touch()
    assert find_root(tmp_path, tmp_path / "link") == (tmp_path / "real").resolve()


def test_an_override_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileProblemError, match="there is no folder"):
        find_root(tmp_path, tmp_path / "gone")
    with pytest.raises(FileProblemError, match="is not a folder"):
        find_root(tmp_path, tmp_path / "file")
