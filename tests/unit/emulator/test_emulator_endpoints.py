"""What each endpoint answers, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_document import response_validator

from batchspec.emulator.answers import ANSWERERS, AnswerError, Attachment, answer

CHAT = "/v1/chat/completions"
FIM = "/v1/fim/completions"
MODERATIONS = "/v1/moderations"
CHAT_MODERATIONS = "/v1/chat/moderations"
OCR = "/v1/ocr"
CLASSIFICATIONS = "/v1/classifications"
CHAT_CLASSIFICATIONS = "/v1/chat/classifications"
CONVERSATIONS = "/v1/conversations"
TRANSCRIPTIONS = "/v1/audio/transcriptions"

FILES = {
    "one": Attachment("scan.pdf", 1234, "1" * 64),
    "again": Attachment("scan.pdf", 1234, "1" * 64),
    "other": Attachment("scan.pdf", 1234, "2" * 64),
    "picture": Attachment("photo.PNG", 10, "3" * 64),
}
USER = {"role": "user", "content": "Is it fine?"}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": PERSON}}
URL = {"type": "document_url", "document_url": "https://example.org/report.pdf"}

ANSWERED: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"messages": [USER], "n": 2, "tools": [{"type": "web_search"}], "tool_choice": "auto"}),
    (CHAT, {"messages": [USER], "tools": [TOOL], "tool_choice": "required"}),
    (CHAT, {"messages": [USER], "response_format": FORM, "temperature": 0, "reasoning_effort": "high"}),
    ("/v1/embeddings", {"input": ["a", "b"], "output_dimension": 3}),
    ("/v1/embeddings", {"input": "a", "encoding_format": "base64"}),
    (FIM, {"prompt": "def add(a, b):", "suffix": "return c", "max_tokens": 100, "stop": ["\n\n"]}),
    (MODERATIONS, {"input": ["one text", "another"]}),
    (CHAT_MODERATIONS, {"input": [USER]}),
    (CHAT_MODERATIONS, {"input": [[USER], [USER, {"role": "assistant", "content": "Yes."}]]}),
    (OCR, {"document": URL}),
    (OCR, {"document": {"file_id": "one"}, "include_image_base64": True, "bbox_annotation_format": FORM}),
    (
        OCR,
        {
            "document": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            "document_annotation_format": FORM,
            "document_annotation_prompt": "Who?",
            "table_format": "html",
            "extract_header": True,
            "extract_footer": True,
            "confidence_scores_granularity": "word",
        },
    ),
    (OCR, {"document": URL, "pages": "0,2-4", "table_format": "markdown", "confidence_scores_granularity": "block"}),
    (CLASSIFICATIONS, {"input": ["one text", "another"]}),
    (CHAT_CLASSIFICATIONS, {"input": {"messages": [USER]}}),
    (CHAT_CLASSIFICATIONS, {"input": [{"messages": [USER]}, {"messages": [USER, USER]}]}),
    (CONVERSATIONS, {"inputs": "Is it fine?", "instructions": "Be brief.", "completion_args": {"max_tokens": 4}}),
    (CONVERSATIONS, {"inputs": [USER], "tools": [TOOL], "completion_args": {"tool_choice": "any"}}),
    (CONVERSATIONS, {"inputs": [{"type": "message.input", **USER}], "completion_args": {"response_format": FORM}}),
    (TRANSCRIPTIONS, {"file_url": "https://example.org/call.mp3", "language": "en"}),
    (TRANSCRIPTIONS, {"file_id": "one", "timestamp_granularities": ["word"], "diarize": True}),
]


def ask(endpoint: str, body: dict[str, Any]) -> Any:
    return answer(endpoint, "a-model", body, FILES.get)


@pytest.mark.parametrize(("endpoint", "body"), ANSWERED)
def test_an_answer_has_the_shape_that_the_api_gives_it_and_says_that_it_is_emulated(
    endpoint: str, body: dict[str, Any]
) -> None:
    told = ask(endpoint, body)
    assert "emulated" in json.dumps(told)
    assert told == ask(endpoint, json.loads(json.dumps(body)))
    assert told != ask(endpoint, {**body, "metadata": {"other": "request"}}) or endpoint in {OCR, TRANSCRIPTIONS}
    response_validator(endpoint).validate(told)


def test_every_endpoint_is_tried() -> None:
    assert {endpoint for endpoint, _ in ANSWERED} == ANSWERERS.keys()


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (FIM, {}, "`prompt`"),
    (FIM, {"prompt": "x", "suffix": 1}, "`suffix`"),
    (FIM, {"prompt": "x", "stream": True}, "`stream`"),
    (MODERATIONS, {}, "`input`"),
    (MODERATIONS, {"input": []}, "`input`"),
    (MODERATIONS, {"input": ["a", 1]}, "`input`"),
    (CHAT_MODERATIONS, {"input": "text"}, "`input`"),
    (CHAT_MODERATIONS, {"input": [[USER], USER]}, "message"),
    (CHAT_MODERATIONS, {"input": [[]]}, "`input`"),
    (OCR, {}, "`document`"),
    (OCR, {"document": {"type": "document_url"}}, "`document`"),
    (OCR, {"document": {"file_id": "none"}}, "File none not found"),
    (OCR, {"document": {"file_id": 7}}, "File 7 not found"),
    (OCR, {"document": URL, "pages": "first"}, "`pages`"),
    (OCR, {"document": URL, "pages": [-1]}, "`pages`"),
    (OCR, {"document": URL, "pages": "0-999999"}, "`pages`"),
    (OCR, {"document": URL, "table_format": "csv"}, "`table_format`"),
    (OCR, {"document": URL, "document_annotation_format": {"type": "text"}}, "`document_annotation_format.type`"),
    (OCR, {"document": URL, "document_annotation_prompt": "Who?"}, "`document_annotation_prompt`"),
    (CLASSIFICATIONS, {"input": None}, "`input`"),
    (CHAT_CLASSIFICATIONS, {"input": [USER]}, "`input.messages`"),
    (CHAT_CLASSIFICATIONS, {"input": "text"}, "`input`"),
    (CONVERSATIONS, {}, "`inputs`"),
    (CONVERSATIONS, {"inputs": []}, "`inputs`"),
    (CONVERSATIONS, {"inputs": [{"type": "wish"}]}, "`type`"),
    (CONVERSATIONS, {"inputs": [{"type": "function.result"}]}, "tool_call_id"),
    (CONVERSATIONS, {"inputs": "x", "stream": True}, "`stream`"),
    (CONVERSATIONS, {"inputs": "x", "completion_args": {"temperature": 2}}, "`temperature`"),
    (CONVERSATIONS, {"inputs": "x", "completion_args": {"tool_choice": "any"}}, "`tool_choice`"),
    (TRANSCRIPTIONS, {}, "`file_url` and `file_id`"),
    (TRANSCRIPTIONS, {"file": "UklGRg=="}, "`file`"),
    (TRANSCRIPTIONS, {"file_url": "https://example.org/a.mp3", "file_id": "one"}, "`file_url` and `file_id`"),
    (TRANSCRIPTIONS, {"file_id": "none"}, "File none not found"),
    (TRANSCRIPTIONS, {"file_url": "https://example.org/a.mp3", "language": "english"}, "`language`"),
    (TRANSCRIPTIONS, {"file_id": "one", "timestamp_granularities": ["syllable"]}, "`timestamp_granularities`"),
]


@pytest.mark.parametrize(("endpoint", "body", "told"), REFUSED)
def test_a_body_that_an_endpoint_would_refuse_is_refused_by_its_field(
    endpoint: str, body: dict[str, Any], told: str
) -> None:
    with pytest.raises(AnswerError) as refused:
        ask(endpoint, body)
    assert told in refused.value.message


def test_what_fills_the_middle_tells_the_line_before_the_gap_and_keeps_to_its_limits() -> None:
    body = {"prompt": "import os\ndef add(a, b):\n", "suffix": "\n    return c\nmore"}
    (choice,) = ask(FIM, body)["choices"]
    assert choice["message"]["content"] == "[emulated a-model] def add(a, b): … return c"
    (choice,) = ask(FIM, {**body, "stop": "add"})["choices"]
    assert choice["message"]["content"] == "[emulated a-model] def "
    (choice,) = ask(FIM, {**body, "max_tokens": 2})["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("[emulate", "length")


def test_a_texts_scores_do_not_depend_on_its_neighbours_and_single_texts_out() -> None:
    for endpoint in (MODERATIONS, CLASSIFICATIONS):
        alone, both = ask(endpoint, {"input": "b"})["results"], ask(endpoint, {"input": ["a", "b"]})["results"]
        assert alone[0] == both[1] != both[0]
    flagged = [ask(MODERATIONS, {"input": str(number)})["results"][0] for number in range(100)]
    assert all(
        told == (told_scores >= 0.5)
        for result in flagged
        for told, told_scores in zip(result["categories"].values(), result["category_scores"].values(), strict=True)
    )
    assert 20 < sum(any(result["categories"].values()) for result in flagged) < 80
    for result in ask(CLASSIFICATIONS, {"input": ["x"]})["results"]:
        assert sum(result["emulated"]["scores"].values()) == pytest.approx(1, abs=0.001)


def test_every_conversation_is_judged_by_itself() -> None:
    assert len(ask(CHAT_MODERATIONS, {"input": [USER, USER]})["results"]) == 1
    assert len(ask(CHAT_MODERATIONS, {"input": [[USER], [USER, USER]]})["results"]) == 2
    assert len(ask(CHAT_CLASSIFICATIONS, {"input": [{"messages": [USER]}] * 3})["results"]) == 3


def test_the_pages_asked_for_are_read() -> None:
    def pages(**more: Any) -> list[int]:
        return [page["index"] for page in ask(OCR, {"document": URL, **more})["pages"]]

    assert pages() == [0, 1]
    assert pages(pages=[3, 1]) == [3, 1]
    assert pages(pages=" 0, 2-4") == [0, 2, 3, 4]
    assert len(ask(OCR, {"document": {"file_id": "picture"}})["pages"]) == 1


def test_a_page_has_the_extras_that_are_asked_for_and_no_others() -> None:
    (plain, _) = ask(OCR, {"document": URL, "include_blocks": False})["pages"]
    assert plain["markdown"] == "[emulated a-model] Page 1 of https://example.org/report.pdf"
    assert (plain["images"], plain["tables"], plain["header"], plain["footer"]) == ([], [], None, None)
    assert not {"blocks", "confidence_scores"} & plain.keys()
    extras = {"include_image_base64": True, "table_format": "markdown", "extract_header": True, "extract_footer": True}
    (full, _) = ask(OCR, {"document": URL, **extras})["pages"]
    assert full["images"][0]["image_base64"].startswith("data:image/png;base64,")
    assert f"]({full['images'][0]['id']})" in full["markdown"]
    assert f"]({full['tables'][0]['id']})" in full["markdown"]
    assert full["header"]
    assert full["footer"]
    assert ask(OCR, {"document": URL, **extras, "image_limit": 0})["pages"][0]["images"] == []


def test_annotations_fit_their_schema() -> None:
    told = ask(OCR, {"document": URL, "document_annotation_format": FORM, "bbox_annotation_format": FORM})
    check = Draft202012Validator(PERSON).validate
    check(json.loads(told["document_annotation"]))
    check(json.loads(told["pages"][0]["images"][0]["image_annotation"]))


def test_a_file_counts_by_its_content_and_not_by_its_id() -> None:
    for endpoint, body in (
        (OCR, lambda file: {"document": {"file_id": file}, "document_annotation_format": FORM}),
        (CHAT, lambda file: {"messages": [{"role": "user", "content": [{"type": "file", "file_id": file}]}]}),
    ):
        assert ask(endpoint, body("one")) == ask(endpoint, body("again"))
        assert ask(endpoint, body("one")) != ask(endpoint, body("other"))


def test_chunks_that_are_no_text_are_mentioned_by_what_they_point_at() -> None:
    chunks = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": "https://example.org/cat.png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}},
        {"type": "document_url", "document_url": "https://example.org/x?signed=1", "document_name": "x.pdf"},
        {"type": "file", "file_id": "one"},
        {"type": "input_audio", "input_audio": "UklGRg=="},
        {"type": "thinking", "thinking": []},
        {"type": "reference", "reference_ids": [1]},
    ]
    told = ask(CHAT, {"messages": [{"role": "user", "content": chunks}]})["choices"][0]["message"]["content"]
    assert told.split("\n") == [
        "[emulated a-model] Look:",
        "[image_url https://example.org/cat.png]",
        "[image_url data:image/png;base64, 5000 characters]",
        "[document_url x.pdf]",
        "[file scan.pdf, 1234 bytes]",
        "[input_audio 8 characters]",
    ]


def test_a_conversation_echoes_its_last_entry_or_calls_the_function_that_it_must() -> None:
    entries = [USER, {"type": "function.result", "tool_call_id": "x", "result": "42"}]
    (entry,) = ask(CONVERSATIONS, {"inputs": entries})["outputs"]
    assert (entry["type"], entry["content"]) == ("message.output", "[emulated a-model] 42")
    (entry,) = ask(CONVERSATIONS, {"inputs": "x", "tools": [TOOL], "completion_args": {"tool_choice": "any"}})[
        "outputs"
    ]
    assert (entry["type"], entry["name"]) == ("function.call", "find")
    Draft202012Validator(PERSON).validate(json.loads(entry["arguments"]))
    (entry,) = ask(CONVERSATIONS, {"inputs": "a b c", "completion_args": {"stop": " b"}})["outputs"]
    assert entry["content"] == "[emulated a-model] a"


def test_a_transcription_has_segments_where_they_are_asked_for() -> None:
    body = {"file_id": "one", "language": "de"}
    whole, by_words = ask(TRANSCRIPTIONS, body), ask(TRANSCRIPTIONS, {**body, "timestamp_granularities": ["word"]})
    assert (whole["language"], whole["segments"]) == ("de", [])
    assert whole["text"] == "[emulated a-model] A transcription of scan.pdf."
    assert " ".join(segment["text"] for segment in by_words["segments"]) == whole["text"]
    ends = [segment["end"] for segment in by_words["segments"]]
    assert ends == sorted(ends)
    (segment,) = ask(TRANSCRIPTIONS, {**body, "diarize": True})["segments"]
    assert segment["speaker_id"]
