"""The HTML report's parts that an emulator's run does not bring about: slow jobs, many reasons, several costs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal

from batchspec.commands.report import Report, SpecReport, Variant
from batchspec.core.ledger import RecordedJob
from batchspec.core.manifest import Commit
from batchspec.core.model import BatchJob, BatchJobStatus
from batchspec.core.spending import Spent
from batchspec.core.usage import Used
from batchspec.report.html_page import report_page

JOB = BatchJob(
    id="job-0",
    status=BatchJobStatus.SUCCESS,
    status_text="SUCCESS",
    endpoint="/v1/chat/completions",
    model="m",
    created_at=1_000,
    completed_at=1_090,
    total_requests=3,
)


def spec(**more: object) -> SpecReport:
    told = SpecReport(name="demo", path="demo.batchspec.yaml", endpoint="/v1/chat/completions", output="out.jsonl")
    for name, value in more.items():
        setattr(told, name, value)
    return told


def page(told: SpecReport, *spent: Spent) -> str:
    return report_page(Report(specs=[told], spent=spent))


def drawn(text: str) -> list[tuple[str, str, int]]:
    """Return the name, the written value, and the width of each bar."""
    found = re.findall(r'<tr><td>([^<]*)</td><td class=bar><svg.*?<rect width="(\d+)".*?</svg> ([^<]*)</td>', text)
    return [(name, written, int(width)) for name, width, written in found]


def recorded(*seconds: int | None) -> list[RecordedJob]:
    jobs = []
    for number, took in enumerate(seconds):
        completed = None if took is None else 1_000 + took
        job = replace(JOB, id=f"job-{number}", completed_at=completed)
        jobs.append(RecordedJob(job=job, spec="demo", model="m", collected=True))
    return jobs


def test_jobs_are_drawn_slowest_first_and_each_is_in_the_table() -> None:
    text = page(spec(jobs=recorded(90, None, 3_600)))
    assert drawn(text) == [("job-2 m", "3,600", 100), ("job-0 m", "90", 2)]
    assert [word in text for word in ("job-0", "job-1", "job-2")] == [True] * 3


def test_of_many_jobs_the_slowest_are_drawn() -> None:
    bars = drawn(page(spec(jobs=recorded(*range(1, 101)))))
    assert [name for name, _, _ in bars] == [f"job-{number} m" for number in range(99, 79, -1)]


def test_costs_of_several_models_are_drawn_and_summed() -> None:
    spent = [
        Spent(spec="demo", model=name, used=Used(), cost_usd=Decimal(cost))
        for name, cost in (("a", "0.5"), ("b", "0.25"))
    ]
    text = page(spec(), *spent)
    assert "<p>Cost: $0.750000</p>" in text
    assert drawn(text) == [("a", "$0.500000", 100), ("b", "$0.250000", 50)]


def test_a_cost_that_is_not_known_makes_no_sum() -> None:
    spent = Spent(spec="demo", model="a", used=Used(), cost_usd=Decimal(1))
    text = page(spec(), spent, replace(spent, model="b", cost_usd=None))
    assert "Cost: not known for every model." in text
    assert drawn(text) == []


def test_reasons_stand_the_most_frequent_first() -> None:
    reasons = Counter({("failed", "too <b>long</b>"): 2, ("invalid", "`age` is no number"): 7})
    text = page(spec(reasons=reasons))
    assert text.index("`age` is no number") < text.index("too &lt;b&gt;long")
    assert "What went wrong" not in page(spec())


def test_what_a_page_is_of_is_told_by_digests_and_commit() -> None:
    text = page(spec(made_of={"demo.batchspec.yaml": "ab" * 32}, commit=Commit("c0ffee", frozenset())))
    assert "ab" * 32 in text
    assert "c0ffee</code>, and nothing of it has changed." in text
    changed = page(spec(commit=Commit("c0ffee", frozenset({"rows.csv"}))))
    assert "c0ffee</code>, with changes in it." in changed


def test_of_very_many_files_some_are_listed_and_the_others_counted() -> None:
    text = page(spec(made_of={f"part-{number:03}.csv": "0" * 64 for number in range(80)}))
    assert text.count(".csv</td>") == 50
    assert "30 further files." in text


def test_bars_of_variants_are_named_by_what_differs() -> None:
    variants = {Variant("m", f"temperature={number}", 0): Used(input_tokens=5) for number in range(3)}
    text = page(spec(used=variants, counts={each: Counter(succeeded=1) for each in variants}))
    assert [name for name, _, _ in drawn(text)] == ["temperature=0", "temperature=1", "temperature=2"]
