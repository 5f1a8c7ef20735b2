"""What each shape of result line means: the shapes of the API's documentation and those that were seen."""

from __future__ import annotations

import json

import pytest

from batchspec.core.model import BatchJobStatus, Usage
from batchspec.core.outcomes import (
    Outcome,
    OutcomeKind,
    ResultLine,
    ResultLineError,
    message_of,
    read_result_line,
    without_a_line,
)

PASSING, FAILED, SUCCEEDED = OutcomeKind.FAILED_PASSING, OutcomeKind.FAILED, OutcomeKind.SUCCEEDED


def line(response: object = None, error: object = None, custom_id: object = "a") -> bytes:
    return json.dumps({"id": "batch-1", "custom_id": custom_id, "response": response, "error": error}).encode()


def outcome(response: object = None, error: object = None) -> Outcome:
    return read_result_line(line(response, error)).outcome


def test_a_success_keeps_the_body_and_counts_its_tokens() -> None:
    body = {"id": "x", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
    told = outcome({"status_code": 200, "body": body})
    assert (told.kind, told.status_code, told.error, told.usage) == (SUCCEEDED, 200, None, Usage(7, 2, 9))
    assert told.body is not None
    assert json.loads(told.body) == body


@pytest.mark.parametrize("status", [200, 201, 299])
def test_every_2xx_with_an_object_is_a_success(status: int) -> None:
    assert outcome({"status_code": status, "body": {}}).kind is SUCCEEDED


@pytest.mark.parametrize(
    "usage", [None, "many", [], {"prompt_tokens": "7"}, {"prompt_tokens": None, "completion_tokens": 1.5}, {}]
)
def test_odd_usage_is_no_reason_to_lose_an_answer(usage: object) -> None:
    told = outcome({"status_code": 200, "body": {"usage": usage}})
    assert told.kind is SUCCEEDED
    assert told.usage in (None, Usage(0, 0, 0))


def test_integers_and_separators_of_lines_in_an_answer_stay_as_they_were() -> None:
    body = '{"n":123456789012345678901,"t":"x\u2028\u0085y"}'
    raw = f'{{"custom_id":"a\u2028","response":{{"status_code":200,"body":{body}}},"error":null}}\n'
    told = read_result_line(raw.encode())
    assert told.custom_id == "a\u2028"
    assert told.outcome.body == body.encode()


def test_the_observed_failure_whose_body_is_a_json_string() -> None:
    inner = {"object": "error", "message": "bad input", "type": "invalid", "code": "3310", "raw_status_code": 400}
    told = outcome({"status_code": 400, "body": json.dumps(inner)})
    assert told == Outcome(FAILED, 400, None, "bad input", None)


@pytest.mark.parametrize(
    ("response", "error", "expected"),
    [
        # Refused for good.
        ({"status_code": 400, "body": {"message": "no"}}, None, Outcome(FAILED, 400, None, "no")),
        ({"status_code": 302, "body": {"message": "moved"}}, None, Outcome(FAILED, 302, None, "moved")),
        ({"status_code": 404, "body": "gone"}, None, Outcome(FAILED, 404, None, "gone")),
        ({"status_code": 422, "body": {"detail": "wrong"}}, None, Outcome(FAILED, 422, None, "wrong")),
        (
            {"status_code": 422, "body": {"detail": [{"loc": ["a"], "msg": "one"}, {"msg": "two"}]}},
            None,
            Outcome(FAILED, 422, None, "one; two"),
        ),
        ({"status_code": 401, "body": None}, None, Outcome(FAILED, 401, None, "the provider gave no reason")),
        (None, {"message": "too long", "raw_status_code": 400}, Outcome(FAILED, 400, None, "too long")),
        (None, {"message": {"detail": "x"}, "status": 413}, Outcome(FAILED, 413, None, "x")),
        (None, '{"message": "inside", "status_code": 400}', Outcome(FAILED, 400, None, "inside")),
        ({"status_code": 400, "body": {}}, "told here", Outcome(FAILED, 400, None, "told here")),
        # May pass.
        ({"status_code": 429, "body": {"message": "slow"}}, None, Outcome(PASSING, 429, None, "slow")),
        ({"status_code": 408, "body": "late"}, None, Outcome(PASSING, 408, None, "late")),
        ({"status_code": 500, "body": ""}, None, Outcome(PASSING, 500, None, "the provider gave no reason")),
        ({"status_code": 503, "body": "<html>"}, None, Outcome(PASSING, 503, None, "<html>")),
        ({"status_code": 529, "body": "busy"}, None, Outcome(PASSING, 529, None, "busy")),
        (None, "a bare string", Outcome(PASSING, None, None, "a bare string")),
        (None, {"message": "x", "raw_status_code": "400"}, Outcome(PASSING, None, None, "x")),
        (None, {"message": "x", "status": True}, Outcome(PASSING, None, None, "x")),
        (None, ["a", {"message": "b"}, None], Outcome(PASSING, None, None, "a; b")),
        (None, None, Outcome(PASSING, None, None, "the provider gave no reason")),
        ("a string", None, Outcome(PASSING, None, None, "the provider gave no reason")),
        ([], None, Outcome(PASSING, None, None, "the provider gave no reason")),
        ({}, None, Outcome(PASSING, None, None, "the provider gave no reason")),
        ({"status_code": True, "body": {}}, None, Outcome(PASSING, None, None, "{}")),
        ({"status_code": "200", "body": {}}, None, Outcome(PASSING, None, None, "{}")),
        # A success that says nothing of the request, or contradicts itself.
        ({"status_code": 200, "body": None}, None, Outcome(PASSING, 200, None, "the provider gave no reason")),
        ({"status_code": 200, "body": "text"}, None, Outcome(PASSING, 200, None, "text")),
        ({"status_code": 200, "body": []}, None, Outcome(PASSING, 200, None, "the provider gave no reason")),
        ({"status_code": 200, "body": {"choices": []}}, "lost", Outcome(PASSING, 200, None, "lost")),
    ],
)
def test_failures_say_why_and_whether_they_may_pass(response: object, error: object, expected: Outcome) -> None:
    assert outcome(response, error) == expected


def test_a_message_is_cut_before_it_fills_the_state() -> None:
    told = outcome(None, "x" * 100_000)
    assert told.error is not None
    assert len(told.error) == 2000
    assert len(outcome(None, {"odd": "y" * 100_000}).error or "") == 2000


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b'{"custom_id": "a", "respo', "not JSON"),
        (b"<html></html>", "not JSON"),
        (b"[1]", "not an object"),
        (b'"a"', "not an object"),
        (b"{}", "no custom_id"),
        (b'{"custom_id": 5}', "no custom_id"),
        (b'{"custom_id": null, "error": "x"}', "no custom_id"),
    ],
)
def test_what_is_no_result_line_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(ResultLineError, match=words):
        read_result_line(raw)


def test_an_answer_nested_too_deeply_is_refused_and_not_a_crash() -> None:
    deep = b"[" * 1015 + b"]" * 1015
    raw = b'{"custom_id": "a", "response": {"status_code": 200, "body": {"x": ' + deep + b'}}, "error": null}'
    with pytest.raises(ResultLineError, match="nested too deeply"):
        read_result_line(raw)


def test_a_line_without_anything_else_is_a_failure_that_may_pass() -> None:
    assert read_result_line(b'{"custom_id": "a"}') == ResultLine(
        "a", Outcome(PASSING, None, None, "the provider gave no reason")
    )


@pytest.mark.parametrize(
    ("status", "errors", "expected"),
    [
        (BatchJobStatus.CANCELLED, (), Outcome(OutcomeKind.HELD, error="cancelled before it ran")),
        (
            BatchJobStatus.TIMEOUT_EXCEEDED,
            (),
            Outcome(PASSING, error="expired: the job's timeout passed before it ran"),
        ),
        (BatchJobStatus.SUCCESS, (), Outcome(PASSING, error="no line returned")),
        (BatchJobStatus.FAILED, (), Outcome(PASSING, error="no line returned: the job failed")),
        (BatchJobStatus.FAILED, ("a", "b"), Outcome(PASSING, error="no line returned: the job failed (a; b)")),
    ],
)
def test_a_request_without_a_line_has_an_explicit_end(
    status: BatchJobStatus, errors: tuple[str, ...], expected: Outcome
) -> None:
    assert without_a_line(status, errors) == expected


def test_a_failed_jobs_reasons_are_cut() -> None:
    assert len(without_a_line(BatchJobStatus.FAILED, ("x" * 10_000,)).error or "") == 2000


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (None, None),
        ("x", "x"),
        (7, "7"),
        ([], None),
        ({}, "{}"),
        ({"message": None, "detail": "d"}, "d"),
        ({"error": {"message": "m"}}, "m"),
        ({"odd": 1}, '{"odd":1}'),
    ],
)
def test_the_words_of_an_error(problem: object, expected: str | None) -> None:
    assert message_of(problem) == expected
