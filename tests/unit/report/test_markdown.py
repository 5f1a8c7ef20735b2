"""A plan as Markdown: what would be sent is seen at once, and no name of a file becomes markup."""

from __future__ import annotations

from collections import Counter

import pytest

from batchspec.commands.status import Status
from batchspec.core.ledger import RecordedJob
from batchspec.core.model import BatchJob, BatchJobStatus
from batchspec.core.planning import Action, Plan, SpecPlan, VariantPlan
from batchspec.report.markdown import plan_markdown, status_markdown


def variant(model: str = "mistral-small-latest", **counts: int) -> VariantPlan:
    actions = Counter({Action(name): count for name, count in counts.items()})
    return VariantPlan(
        model=model,
        rows=actions.total(),
        requests=actions.total(),
        actions=actions,
        reasons=Counter({"row added": actions[Action.SUBMIT]}),
        jobs=1 if actions[Action.SUBMIT] else 0,
        bytes=100 * actions[Action.SUBMIT],
    )


def spec(name: str, *variants: VariantPlan) -> SpecPlan:
    return SpecPlan(name=name, path=f"{name}.batchspec.yaml", endpoint="/v1/ocr", variants=variants)


def test_what_would_be_sent_comes_first_and_the_rest_is_folded_away() -> None:
    plan = Plan(specs=(spec("same", variant(done=7)), spec("new", variant(submit=3, done=2))), refreshed=True)
    told = plan_markdown(plan, ["adopted job 1"])
    assert told.splitlines() == [
        "### batchspec plan: 3 requests to send in 1 job (300 bytes)",
        "",
        "| spec | model | to send | why | otherwise |",
        "| --- | --- | ---: | --- | --- |",
        "| `new`<br>`new.batchspec.yaml` | `mistral-small-latest` | 3 | 3 row added | 2 done |",
        "",
        "<details><summary>1 spec without a change</summary>",
        "",
        "| spec | model | requests |",
        "| --- | --- | --- |",
        "| `same` | `mistral-small-latest` | 7 done |",
        "",
        "</details>",
        "",
        "```text",
        "adopted job 1",
        "```",
    ]


def test_a_plan_without_changes_and_without_a_provider_says_so() -> None:
    told = plan_markdown(Plan(specs=(spec("same", variant(done=7)),)))
    assert told.startswith("### batchspec plan: nothing to send\n\nFrom recorded state alone")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("@everyone", "`@everyone`"),
        ("<img src=x>", "`<img src=x>`"),
        ("a|b", "`a\\|b`"),
        ("a`b``c", "```a`b``c```"),
        ("`a", "`` `a ``"),
        ("a\nb\x1b[31m", "`a\u240ab\u241b[31m`"),
        ("[x](https://evil.example)", "`[x](https://evil.example)`"),
    ],
)
def test_a_name_stands_as_code_whatever_it_holds(name: str, shown: str) -> None:
    told = plan_markdown(Plan(specs=(spec("s", variant(name, submit=1)),)))
    assert f"| {shown} | 1 |" in told


def test_a_note_cannot_end_its_block() -> None:
    told = plan_markdown(Plan(specs=()), ["a ``` b", "c\nd"])
    assert told.endswith("````text\na ``` b\nc\u240ad\n````\n")


def test_a_thousand_specs_make_no_comment_that_is_too_long() -> None:
    plan = Plan(specs=tuple(spec(f"s{number}", variant(submit=1)) for number in range(1_000)))
    told = plan_markdown(plan)
    assert "and 900 specs more." in told
    assert len(told) < 65_536


def job(number: int, status: str = "RUNNING") -> RecordedJob:
    told = BatchJob(
        id=f"job-{number}",
        status=BatchJobStatus.RUNNING,
        status_text=status,
        endpoint="/v1/ocr",
        model="a-model",
        created_at=number,
        total_requests=5,
        succeeded_requests=3,
        failed_requests=1,
    )
    return RecordedJob(job=told, spec="s", model="a-model", collected=False)


def test_a_status_says_whether_all_is_done_then_every_variant_then_the_jobs() -> None:
    plan = Plan(specs=(spec("s", variant(done=7, in_flight=2, submit=1)),), refreshed=True)
    told = status_markdown(Status(plan=plan, jobs=(job(1),), notes=("a note",)))
    assert told.splitlines() == [
        "### batchspec status: not converged",
        "",
        "Not converged: 2 requests in flight, 1 request not sent. `batchspec apply` sends them.",
        "",
        "| spec | model | requests |",
        "| --- | --- | --- |",
        "| `s` | `mistral-small-latest` | 1 submit, 2 in flight, 7 done |",
        "",
        "<details><summary>1 job</summary>",
        "",
        "| job | status | spec | done | failed | of |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        "| `job-1` | `RUNNING` | `s` | 3 | 1 | 5 |",
        "",
        "</details>",
        "",
        "```text",
        "a note",
        "```",
    ]


def test_a_status_shows_the_latest_jobs_and_counts_the_rest() -> None:
    jobs = tuple(job(number) for number in range(23))
    told = status_markdown(Status(plan=Plan(specs=()), jobs=jobs))
    assert "| `job-22` |" in told
    assert "| `job-2` |" not in told
    assert "\nand 3 older jobs.\n" in told
    assert "From recorded state alone" in told


def test_a_jobs_status_of_the_providers_own_words_stands_as_code() -> None:
    told = status_markdown(Status(plan=Plan(specs=()), jobs=(job(1, "<b>|@x"),)))
    assert "| `<b>\\|@x` |" in told
