"""What may be read of a project, and what is refused."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import FileProblemError
from batchspec.core.ports import ProjectFiles
from batchspec.project.files import MAX_TEXT_BYTES, RootedFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "data" / "deep").mkdir(parents=True)
    (project / "data" / "tickets.csv").write_text("id\n1\n")
    (project / "data" / "deep" / "more.csv").write_text("id\n2\n")
    (tmp_path / "secret.txt").write_text("outside")
    return project


def refusal(root: Path, path: str) -> FileProblemError:
    with pytest.raises(FileProblemError) as caught:
        RootedFiles(root).open(path)
    return caught.value


def test_it_fills_the_port(root: Path) -> None:
    files: ProjectFiles = RootedFiles(root)
    with files.open("data/tickets.csv") as stream:
        assert stream.read() == b"id\n1\n"


def test_a_path_is_read_relative_to_the_file_that_names_it(root: Path) -> None:
    files = RootedFiles(root)
    assert files.join("specs/a/t.batchspec.yaml", "../../data/./tickets.csv") == "data/tickets.csv"
    assert files.join("t.batchspec.yaml", "data/*.csv") == "data/*.csv"


@pytest.mark.parametrize("path", ["../secret.txt", "data/../../secret.txt", "..", "data/deep/../../.."])
def test_dots_that_leave_the_root_are_refused(root: Path, path: str) -> None:
    files = RootedFiles(root)
    for attempt in (lambda: files.join("t.yaml", path), lambda: files.open(path), lambda: files.glob(path)):
        with pytest.raises(FileProblemError, match="leaves the project's root"):
            attempt()


@pytest.mark.parametrize("path", ["/etc/hostname", "C:\\data.csv", "c:/data.csv", "//server/share"])
def test_an_absolute_path_is_refused(root: Path, path: str) -> None:
    with pytest.raises(FileProblemError, match="absolute") as caught:
        RootedFiles(root).join("t.yaml", path)
    assert caught.value.hint


def test_an_empty_path_and_a_nul_are_refused(root: Path) -> None:
    assert "empty" in refusal(root, "").summary
    assert "NUL" in refusal(root, "a\0b").summary


def test_a_symlink_inside_the_root_is_followed(root: Path) -> None:
    (root / "link.csv").symlink_to("data/tickets.csv")
    assert RootedFiles(root).read_text("link.csv") == "id\n1\n"


def test_a_symlink_that_leaves_the_root_is_refused_as_file_and_as_folder(root: Path) -> None:
    (root / "leak.txt").symlink_to(root.parent / "secret.txt")
    (root / "up").symlink_to(root.parent)
    assert "by a symlink" in refusal(root, "leak.txt").summary
    assert "by a symlink" in refusal(root, "up/secret.txt").summary
    assert "secret" not in (refusal(root, "up/secret.tx").hint or "")


def test_broken_and_circular_symlinks_are_named(root: Path) -> None:
    (root / "broken.csv").symlink_to("nowhere.csv")
    (root / "ring.csv").symlink_to("ring.csv")
    assert "symlink to nothing" in refusal(root, "broken.csv").summary
    assert "ring.csv" in refusal(root, "ring.csv").summary


def test_folders_pipes_and_sockets_are_refused_without_hanging(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe.csv")
    assert "a named pipe" in refusal(root, "pipe.csv").summary
    folder = refusal(root, "data")
    assert "a folder" in folder.summary
    assert "data/*.csv" in (folder.hint or "")
    monkeypatch.chdir(root)  # a socket's path has at most 107 characters
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert "a socket" in refusal(root, "sock").summary


def test_devices_are_refused() -> None:
    with pytest.raises(FileProblemError, match="a device"):
        RootedFiles(Path("/dev")).open("null")


@pytest.mark.parametrize("path", [".git/config", ".batchspec/state.db", "sub/.git/config", ".GIT/config"])
def test_private_folders_are_refused_also_through_a_symlink(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text("token")
    (root / "innocent").symlink_to(path)
    assert "private" in refusal(root, path).summary
    assert "private" in refusal(root, "innocent").summary


@pytest.mark.parametrize(
    ("wanted", "guess"),
    [
        ("data/tikets.csv", "data/tickets.csv"),
        ("dta/tickets.csv", "data/tickets.csv"),
        ("data/Deep/more.csv", "data/deep/more.csv"),
    ],
)
def test_a_missing_file_gets_the_nearest_name(root: Path, wanted: str, guess: str) -> None:
    error = refusal(root, wanted)
    assert error.summary == f"there is no file `{wanted}`"
    assert error.hint == f"did you mean `{guess}`?"


def test_a_file_in_the_place_of_a_folder_is_an_error(root: Path) -> None:
    error = refusal(root, "data/tickets.csv/x")
    assert "data/tickets.csv/x" in error.summary


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(root: Path) -> None:
    (root / "data" / "tickets.csv").chmod(0)
    assert "may not be read" in refusal(root, "data/tickets.csv").summary


def test_text_loses_its_byte_order_mark_and_keeps_its_line_ends(root: Path) -> None:
    (root / "p.md").write_bytes(b"\xef\xbb\xbfa\r\nb\xe2\x80\xa8c\n")
    assert RootedFiles(root).read_text("p.md") == "a\r\nb\u2028c\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_text_that_is_not_utf8_is_an_error_with_its_offset_and_line(root: Path, mark: bytes) -> None:
    (root / "p.md").write_bytes(mark + b"one\ntwo \xe9t\xe9\n")
    with pytest.raises(FileProblemError) as caught:
        RootedFiles(root).read_text("p.md")
    assert f"byte 0xe9 at offset {len(mark) + 8}, on line 2" in caught.value.summary


def test_text_over_the_limit_is_refused_and_text_at_the_limit_is_read(root: Path) -> None:
    path = root / "big.md"
    path.write_bytes(b"a" * MAX_TEXT_BYTES)
    assert len(RootedFiles(root).read_text("big.md")) == MAX_TEXT_BYTES
    with path.open("ab") as stream:
        stream.write(b"a")
    with pytest.raises(FileProblemError, match="larger than 16 MiB"):
        RootedFiles(root).read_text("big.md")


def test_a_glob_is_in_path_order_and_spans_folders_with_two_stars(root: Path) -> None:
    (root / "data" / "a.csv").touch()
    (root / "top.csv").touch()
    files = RootedFiles(root)
    assert files.glob("data/*.csv") == ["data/a.csv", "data/tickets.csv"]
    assert files.glob("data/**/*.csv") == ["data/a.csv", "data/deep/more.csv", "data/tickets.csv"]
    assert files.glob("**/*.csv") == ["data/a.csv", "data/deep/more.csv", "data/tickets.csv", "top.csv"]
    assert files.glob("**/**/**") == ["data/a.csv", "data/deep/more.csv", "data/tickets.csv", "top.csv"]
    assert files.glob("*/deep/m?re.[c]sv") == ["data/deep/more.csv"]
    assert files.glob("data/tickets.csv") == ["data/tickets.csv"]
    assert files.glob("data/*.parquet") == []
    assert files.glob("nowhere/*.csv") == []
    assert files.glob("data") == []


def test_a_glob_leaves_hidden_names_out_unless_they_are_asked_for(root: Path) -> None:
    for path in (".git/x.csv", ".batchspec/x.csv", ".cache/x.csv", "data/.hidden.csv"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).touch()
    files = RootedFiles(root)
    assert files.glob("**/*.csv") == ["data/deep/more.csv", "data/tickets.csv"]
    assert files.glob(".cache/*.csv") == [".cache/x.csv"]
    assert files.glob(".*/*.csv") == [".cache/x.csv"]


def test_a_name_that_looks_like_a_glob_is_itself(root: Path) -> None:
    (root / "data[1].csv").touch()
    (root / "data1.csv").touch()
    assert RootedFiles(root).glob("data[1].csv") == ["data[1].csv"]


def test_a_glob_refuses_a_match_that_leaves_the_root(root: Path) -> None:
    (root / "data" / "leak.csv").symlink_to(root.parent / "secret.txt")
    with pytest.raises(FileProblemError, match=r"data/leak\.csv"):
        RootedFiles(root).glob("data/*.csv")


def test_a_glob_refuses_to_go_through_a_folder_outside(root: Path) -> None:
    (root / "data" / "up").symlink_to(root.parent)
    with pytest.raises(FileProblemError, match="data/up"):
        RootedFiles(root).glob("data/*/*.txt")
    with pytest.raises(FileProblemError, match="data/up"):
        RootedFiles(root).glob("data/up/*.txt")


def test_two_stars_do_not_run_round_a_ring_of_symlinks(root: Path) -> None:
    (root / "data" / "again").symlink_to(root / "data")
    assert RootedFiles(root).glob("**/*.csv") == ["data/deep/more.csv", "data/tickets.csv"]


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "link", "out", "", ".git"]), max_size=7).map("/".join))
def test_no_path_whatever_reads_outside_the_root(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "link").symlink_to("..")
        (root / "b").write_text("inside")
        (root / "out").symlink_to("..")
        Path(folder, "b").write_text("outside")
        (root / "a" / "a").write_text("inside")
        try:
            text = RootedFiles(root).read_text(path)
        except FileProblemError:
            return
        assert text == "inside"
