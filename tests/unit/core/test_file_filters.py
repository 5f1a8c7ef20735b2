"""Files in bodies: `b64file` and `data_uri`, confined, bounded, and the same on every machine."""

from __future__ import annotations

import base64
import json
import mimetypes
from pathlib import Path

import pytest
from building_specs import PATH, Folder, start

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.rendered import RenderedRow
from batchspec.core.rendering import SpecRenderer
from batchspec.core.template.file_filters import MAX_FILE_BYTES, MEDIA_TYPES

HEAD = "batchspec: 1\nname: triage\nmodel: m\nendpoint: /v1/ocr\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
PNG_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def put(folder: Folder, path: str, data: bytes) -> None:
    target = folder.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def rendered(folder: Folder, url: str, *paths: object) -> tuple[list[RenderedRow], list[Diagnostic]]:
    text = HEAD + f"body:\n  document:\n    document_url: {url}\n"
    found: list[Diagnostic] = []
    rows = [InputRow({"path": path}, "data/t.csv", line) for line, path in enumerate(paths, 2)]
    return list(SpecRenderer(folder.spec(text), folder.files, None).render(rows, found.append)), found


def url_of(row: RenderedRow) -> object:
    return json.loads(row.body)["document"]["document_url"]


def refusal(folder: Folder, url: str, path: object) -> Diagnostic:
    rows, [found] = rendered(folder, url, path)
    assert rows == []
    return found


def test_a_file_becomes_base64_or_a_data_uri(folder: Folder) -> None:
    put(folder, "specs/scans/a.png", PNG)
    put(folder, "specs/empty.txt", b"")
    encoded, _ = rendered(folder, '"{{ row.path | b64file }}"', "scans/a.png", "empty.txt")
    assert [url_of(row) for row in encoded] == [base64.b64encode(PNG).decode(), ""]
    uris, _ = rendered(folder, '"{{ row.path | data_uri }}"', "scans/a.png", "empty.txt")
    assert [url_of(row) for row in uris] == [PNG_URI, "data:text/plain;base64,"]


def test_the_filters_work_amid_text_and_on_paths_that_are_put_together(folder: Folder) -> None:
    put(folder, "specs/scans/a.png", PNG)
    rows, _ = rendered(folder, "\"<{{ ('scans/' ~ row.path ~ '.png') | data_uri }}>\"", "a")
    assert url_of(rows[0]) == f"<{PNG_URI}>"


def test_a_path_is_relative_to_the_spec_and_may_lead_through_the_project(folder: Folder) -> None:
    put(folder, "scans/a.png", PNG)
    rows, _ = rendered(folder, '"{{ row.path | data_uri }}"', "../scans/a.png")
    assert url_of(rows[0]) == PNG_URI


def test_only_the_content_counts_for_the_digest(folder: Folder) -> None:
    for path in ("specs/a.png", "specs/b/c.PNG"):
        put(folder, path, PNG)
    before, _ = rendered(folder, '"{{ row.path | data_uri }}"', "a.png", "b/c.PNG")
    assert before[0].digest == before[1].digest
    put(folder, "specs/a.png", PNG + b"!")
    after, _ = rendered(folder, '"{{ row.path | data_uri }}"', "a.png", "b/c.PNG")
    assert after[0].digest != before[0].digest
    assert after[1].digest == before[1].digest


def test_a_file_that_no_row_chooses_is_a_constant_of_the_body(folder: Folder) -> None:
    put(folder, "specs/logo.png", PNG)
    text = HEAD + "body: {document: {image_url: \"{{ 'logo.png' | data_uri }}\"}}\n"
    renderer = SpecRenderer(folder.spec(text), folder.files, None)
    put(folder, "specs/logo.png", b"changed since")
    [row] = renderer.render([InputRow({}, PATH, 1)], lambda _: None)
    assert json.loads(row.body) == {"document": {"image_url": PNG_URI}}


def test_the_media_type_may_be_given(folder: Folder) -> None:
    put(folder, "specs/a.scan", PNG)
    rows, _ = rendered(folder, "\"{{ row.path | data_uri('image/png') }}\"", "a.scan")
    assert url_of(rows[0]) == PNG_URI


@pytest.mark.parametrize(
    "url", ["{{ row.path | b64file }}", "{{ row.path | data_uri }}", "x {{ row.path | data_uri }}"]
)
@pytest.mark.parametrize(
    ("path", "summary", "hint"),
    [
        ("b.png", "there is no file `specs/b.png`", "did you mean `specs/a.png`?"),
        ("../../a.png", "`../../a.png` leaves the project's root", "move or copy the file into the project"),
        ("/etc/passwd.png", "`/etc/passwd.png` is an absolute path", None),
        ("link.png", "`specs/link.png` leaves the project's root by a symlink", None),
        ("../.git/x.png", "`.git/x.png` is in `.git`, which is private", None),
        ("scans.png", "`specs/scans.png` is a folder, not a file", None),
        ("", "the path is empty", None),
        (3, "the path of a file came out as a int, not text", "give a path relative to the spec"),
        (None, "the path of a file came out as a NoneType, not text", None),
    ],
)
def test_what_cannot_be_read_is_told_at_the_template_and_the_row(
    folder: Folder, url: str, path: object, summary: str, hint: str | None
) -> None:
    put(folder, "specs/a.png", PNG)
    put(folder, ".git/x.png", PNG)
    (folder.root / "specs/scans.png").mkdir()
    (folder.root / "specs/link.png").symlink_to("/etc/hostname")
    if path == "" and "data_uri" in url:
        summary = "the media type of `` is not known"
    found = refusal(folder, f'"{url}"', path)
    assert (found.code, found.summary, found.row) == ("file", summary, "data/t.csv:2")
    assert hint is None or found.hint == hint
    assert start(found)[:2] == (PATH, 7)


def test_a_constant_path_that_is_wrong_is_found_before_any_row(folder: Folder) -> None:
    text = HEAD + "body:\n  document:\n    image_url: \"{{ 'nope.png' | data_uri }}\"\n"
    with pytest.raises(InvalidInputError) as caught:
        SpecRenderer(folder.spec(text), folder.files, None)
    [found] = caught.value.diagnostics
    assert (found.code, found.summary) == ("file", "there is no file `specs/nope.png`")
    assert start(found) == (PATH, 7, 21)


def test_a_column_that_is_not_there_is_told_as_one(folder: Folder) -> None:
    found = refusal(folder, '"{{ row.paht | data_uri }}"', "a.png")
    assert (found.code, found.hint) == ("undefined-name", "did you mean `path`?")


@pytest.mark.parametrize("name", ["a.xyz", "a", ".png"])
def test_a_suffix_that_says_nothing_asks_for_the_media_type(folder: Folder, name: str) -> None:
    put(folder, f"specs/{name}", PNG)
    found = refusal(folder, '"{{ row.path | data_uri }}"', name)
    assert (found.summary, found.hint) == (
        f"the media type of `{name}` is not known",
        "name it: `| data_uri('image/png')`",
    )


@pytest.mark.parametrize("given", ["'png'", "'image/png;base64,'", "''", "3"])
def test_a_media_type_that_is_none_is_refused(folder: Folder, given: str) -> None:
    put(folder, "specs/a.png", PNG)
    assert "is no media type" in refusal(folder, f'"{{{{ row.path | data_uri({given}) }}}}"', "a.png").summary


def test_a_file_may_be_as_large_as_the_bound_and_no_larger(folder: Folder) -> None:
    put(folder, "specs/most.png", bytes(MAX_FILE_BYTES))
    put(folder, "specs/more.png", bytes(MAX_FILE_BYTES + 1))
    rows, [found] = rendered(folder, '"{{ row.path | data_uri }}"', "most.png", "more.png")
    assert len(str(url_of(rows[0]))) > MAX_FILE_BYTES * 4 // 3
    assert (found.code, found.summary, found.row) == ("file", "`more.png` is larger than 10 MiB", "data/t.csv:3")
    assert found.detail == "the file would stand whole in the request"
    assert "`file_id`" in (found.hint or "")


def test_the_media_types_are_those_that_python_knows_too() -> None:
    known = mimetypes.MimeTypes(filenames=())
    for suffix in (".csv", ".gif", ".html", ".jpeg", ".jpg", ".json", ".mp3", ".mp4", ".pdf", ".png", ".tiff", ".txt"):
        assert known.guess_type(f"a{suffix}")[0] == MEDIA_TYPES[suffix]
