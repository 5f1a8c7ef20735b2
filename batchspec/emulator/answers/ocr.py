"""Emulated OCR: pages of Markdown that say they are emulated. No document is opened, and none is fetched.

A page and its extras are drawn from the request, an uploaded file counting by its content; annotations fit the
JSON Schema that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body
from batchspec.emulator.answers.messages import address_text, image_address
from batchspec.emulator.answers.structured import Format, read_format, written

_PAGES_OF_A_DOCUMENT = 2
_MOST_PAGES = 1_000
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".tiff", ".bmp"})
_RANGE = re.compile(r"\s*([0-9]{1,6})\s*(?:-\s*([0-9]{1,6})\s*)?")
_CONFIDENCE = 0.98
_DIMENSIONS = {"dpi": 200, "height": 2200, "width": 1700}
_BOX = {"top_left_x": 100, "top_left_y": 100, "bottom_right_x": 1600, "bottom_right_y": 300}
_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


class _Document:
    """What is read: what to call it, how many pages it is taken to have, and its size where that is known."""

    __slots__ = ("name", "pages", "size")

    def __init__(self, name: str, *, picture: bool, size: int | None = None) -> None:
        self.name = name
        self.pages = 1 if picture else _PAGES_OF_A_DOCUMENT
        self.size = size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is asked for beside the text of the pages."""

    images: bool
    image_data: bool
    image_format: Format
    table_format: str | None
    header: bool
    footer: bool
    blocks: bool
    confidence: str | None


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/ocr; raises AnswerError."""
    body = asked.body
    document = _document(asked, body.get("document"))
    numbers = _pages(body, document.pages)
    wanted = _wanted(body)
    annotation = _annotation_format(body, "document_annotation_format")
    if fields.text(body, "document_annotation_prompt") is not None and annotation.kind == "text":
        raise AnswerError("`document_annotation_prompt` needs a `document_annotation_format`")
    return {
        "pages": [_page(asked, document, number, wanted) for number in numbers],
        "model": asked.model,
        "document_annotation": written(annotation.schema, asked.draw) if annotation.kind == "json_schema" else None,
        "usage_info": {"pages_processed": len(numbers), "doc_size_bytes": document.size},
    }


def _document(asked: Asked, given: object) -> _Document:
    if not isinstance(given, dict):
        raise AnswerError("`document` must be an object with a `document_url`, an `image_url` or a `file_id`")
    if "file_id" in given:
        found = asked.attachment(given["file_id"])
        return _Document(found.filename, picture=_is_picture(found.filename), size=found.size)
    if isinstance(given.get("document_url"), str):
        address = given["document_url"]
        name = fields.text(given, "document_name") or address_text(address)
        return _Document(name, picture=address.startswith("data:image/"))
    if "image_url" in given:
        return _Document(image_address(given), picture=True)
    raise AnswerError("`document` must have a `document_url`, an `image_url` or a `file_id`")


def _is_picture(filename: str) -> bool:
    return PurePosixPath(urlsplit(filename).path).suffix.lower() in _PICTURES if filename.isascii() else False


def _pages(body: Body, there_are: int) -> list[int]:
    """Return the numbers of the pages asked for, from 0; every page where none is named. Raises AnswerError."""
    given = body.get("pages")
    if given is None:
        return list(range(there_are))
    if isinstance(given, str):
        return _ranges(given)
    if not isinstance(given, list) or not all(type(page) is int and page >= 0 for page in given):
        raise AnswerError("`pages` must be a list of page numbers from 0, or a text such as 0-2,5")
    return _not_too_many(given)


def _ranges(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise AnswerError("`pages` must be numbers and ranges from 0, such as 0-2,5")
        first, last = int(found[1]), int(found[2] or found[1])
        numbers += _not_too_many(range(first, last + 1))
    return _not_too_many(numbers)


def _not_too_many(numbers: list[int] | range) -> list[int]:
    if len(numbers) > _MOST_PAGES:
        raise AnswerError(f"`pages` names more than {_MOST_PAGES} pages")
    return list(numbers)


def _wanted(body: Body) -> _Wanted:
    limit = fields.whole(body, "image_limit", None)
    fields.whole(body, "image_min_size", None)
    image_format = _annotation_format(body, "bbox_annotation_format")
    image_data = fields.flag(body, "include_image_base64")
    return _Wanted(
        images=(limit is None or limit > 0) and (image_data or image_format.kind == "json_schema"),
        image_data=image_data,
        image_format=image_format,
        table_format=fields.one_of(body, "table_format", ("markdown", "html")),
        header=fields.flag(body, "extract_header"),
        footer=fields.flag(body, "extract_footer"),
        blocks=fields.flag(body, "include_blocks", default=True),
        confidence=fields.one_of(body, "confidence_scores_granularity", ("word", "page", "block")),
    )


def _annotation_format(body: Body, name: str) -> Format:
    """Read a form of annotation, which only a JSON Schema can be. Raises AnswerError."""
    found = read_format(body, name)
    if found.kind != "json_schema" and body.get(name) is not None:
        raise AnswerError(f"`{name}.type` must be json_schema")
    return found


def _page(asked: Asked, document: _Document, number: int, wanted: _Wanted) -> dict[str, object]:
    image, table = f"img-{number}.jpeg", f"tbl-{number}.{'html' if wanted.table_format == 'html' else 'md'}"
    markdown = f"[emulated {asked.model}] Page {number + 1} of {document.name}"
    page: dict[str, object] = {
        "index": number,
        "images": [_image(image, wanted, asked.draw + number)] if wanted.images else [],
        "tables": [_table(table, wanted)] if wanted.table_format else [],
        "hyperlinks": [],
        "header": f"[emulated header {number + 1}]" if wanted.header else None,
        "footer": f"[emulated footer {number + 1}]" if wanted.footer else None,
        "dimensions": dict(_DIMENSIONS),
    }
    if wanted.images:
        markdown += f"\n\n![{image}]({image})"
    if wanted.table_format:
        markdown += f"\n\n[{table}]({table})"
    page["markdown"] = markdown
    if wanted.confidence in {"page", "word"}:
        page["confidence_scores"] = _page_scores(markdown, wanted)
    if wanted.blocks:
        block: dict[str, object] = {"type": "text", "content": markdown, **_BOX}
        if wanted.confidence == "block":
            names = ("average_content", "minimum_content", "block_type")
            block["confidence_scores"] = {f"{name}_confidence_score": _CONFIDENCE for name in names}
        page["blocks"] = [block]
    return page


def _image(name: str, wanted: _Wanted, draw: int) -> Mapping[str, object]:
    annotated = wanted.image_format.kind == "json_schema"
    return {
        "id": name,
        **_BOX,
        "image_base64": _PIXEL if wanted.image_data else None,
        "image_annotation": written(wanted.image_format.schema, draw) if annotated else None,
    }


def _table(name: str, wanted: _Wanted) -> Mapping[str, object]:
    html = wanted.table_format == "html"
    content = "<table><tr><td>emulated</td></tr></table>" if html else "| emulated |\n| --- |\n| table |"
    return {"id": name, "content": content, "format": "html" if html else "markdown"}


def _page_scores(markdown: str, wanted: _Wanted) -> Mapping[str, object]:
    scores: dict[str, object] = {
        "average_page_confidence_score": _CONFIDENCE,
        "minimum_page_confidence_score": _CONFIDENCE,
    }
    if wanted.confidence == "word":
        scores["word_confidence_scores"] = [
            {"text": word[0], "confidence": _CONFIDENCE, "start_index": word.start()}
            for word in re.finditer(r"\S+", markdown)
        ]
    return scores
