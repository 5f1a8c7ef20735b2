from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_server import BATCH_FILE, FILE_ID, JOB_ID, job

from batchspec.core.errors import ProviderError
from batchspec.core.model import BatchJob, BatchJobStatus, RemoteFile
from batchspec.core.model_cards import ModelCard
from batchspec.mistral.wire import read_file, read_job, read_models, read_page


def test_a_whole_job_is_read() -> None:
    value = job(
        status="SUCCESS",
        output_file="out",
        error_file="err",
        errors=[{"message": "bad", "count": 3}, {"message": "once"}, {"message": None}, "bare"],
        started_at=2,
        completed_at=3.0,
        total_requests=4,
        completed_requests=4,
        succeeded_requests=3,
        failed_requests=1,
    )
    assert read_job(value) == BatchJob(
        id=JOB_ID,
        status=BatchJobStatus.SUCCESS,
        status_text="SUCCESS",
        endpoint="/v1/chat/completions",
        model="mistral-small-latest",
        input_files=(FILE_ID,),
        metadata={"bspec_shard": "ab"},
        output_file="out",
        error_file="err",
        errors=("bad (3 times)", "once", "no message", "bare"),
        created_at=1_700_000_000,
        started_at=2,
        completed_at=3,
        total_requests=4,
        completed_requests=4,
        succeeded_requests=3,
        failed_requests=1,
    )


def test_nulls_and_missing_fields_are_tolerated() -> None:
    bare = BatchJob(id="j", status=BatchJobStatus.UNKNOWN, status_text="", endpoint="")
    assert read_job({"id": "j"}) == bare
    assert read_job({"id": "j"} | {name: None for name in job() if name != "id"}) == bare
    assert read_file({"id": "f"}) == RemoteFile(id="f", filename="")
    assert read_file({"id": "f", "bytes": None, "num_lines": None, "filename": "x"}).size is None


def test_an_unknown_status_is_kept_by_its_word_and_is_not_an_end() -> None:
    read = read_job(job(status="PAUSED"))
    assert (read.status, read.status_text, read.status.ended) == (BatchJobStatus.UNKNOWN, "PAUSED", False)


def test_metadata_of_another_type_is_kept_as_text() -> None:
    read = read_job(job(metadata={"a": "b", "n": 7, "list": ["é"], "none": None}))
    assert read.metadata == {"a": "b", "n": "7", "list": '["é"]'}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 7),
        ("id", ""),
        ("id", None),
        ("status", 1),
        ("endpoint", []),
        ("input_files", "f"),
        ("input_files", [1]),
        ("metadata", "x"),
        ("errors", {}),
        ("output_file", 7),
        ("created_at", "yesterday"),
        ("created_at", True),
        ("total_requests", 1.5),
    ],
)
def test_a_wrong_type_is_refused_by_the_field_s_name(field: str, value: object) -> None:
    with pytest.raises(ProviderError, match=f"`{field}`"):
        read_job(job(**{field: value}))


def test_a_wrong_type_in_a_file_is_refused_by_the_field_s_name() -> None:
    with pytest.raises(ProviderError, match="`bytes` is not a whole number"):
        read_file(BATCH_FILE | {"bytes": "10"})


@pytest.mark.parametrize(
    "value", [{}, {"status": "ok"}, {"data": None}, {"data": None, "total": 3}, {"data": {}}, [], 7]
)
def test_what_is_no_list_never_passes_for_an_empty_one(value: object) -> None:
    with pytest.raises(ProviderError):
        read_page(value)


@pytest.mark.parametrize("value", [{"data": [], "total": 0}, {"data": []}, {"total": 0}, {"data": None, "total": 0}])
def test_an_empty_list_is_read(value: object) -> None:
    assert read_page(value).items == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(job())), VALUES))
def test_any_job_is_either_read_or_refused(fields: dict[str, object]) -> None:
    try:
        read = read_job(fields)
    except ProviderError:
        return
    assert read.id


@pytest.mark.parametrize("odd", ["../../x", "a/b", "..", "a\x1b]0;x\x07", "a?b", "a b", "\u202ea", "a" * 201])
def test_an_id_that_could_lead_elsewhere_is_refused_before_it_names_a_file(odd: str) -> None:
    job = {"id": "j", "status": "SUCCESS"}
    for wrong in ({"id": odd}, {"output_file": odd}, {"error_file": odd}, {"input_files": ["f", odd]}):
        with pytest.raises(ProviderError, match=r"which is no id") as raised:
            read_job(job | wrong)
        assert raised.value.summary.isprintable()
    with pytest.raises(ProviderError, match=r"which is no id"):
        read_file({"id": odd})


def test_models_are_read_with_their_other_names_and_the_day_of_their_end() -> None:
    whole = {
        "id": "m-latest",
        "object": "model",
        "name": "m-2506",
        "aliases": ["m-2506", "m"],
        "deprecation": "2026-05-31T12:00:00Z",
        "deprecation_replacement_model": "m-2603",
        "capabilities": {},
    }
    read = read_models({"object": "list", "data": [whole, {"id": "org/x", "aliases": None, "deprecation": "soon"}]})
    assert read == (ModelCard("m-latest", "m-2506", ("m-2506", "m"), "2026-05-31", "m-2603"), ModelCard("org/x"))


@pytest.mark.parametrize("value", [[], {}, {"data": None}, {"data": [{}]}, {"data": [{"id": "m", "aliases": [3]}]}])
def test_what_is_no_list_of_models_does_not_pass_for_one(value: object) -> None:
    with pytest.raises(ProviderError):
        read_models(value)
