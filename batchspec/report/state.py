"""The state's own commands as text and as documents: what it holds, one story of it, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from batchspec.commands.adopt import AdoptedJob
from batchspec.commands.forget import Forgettable
from batchspec.commands.inspect import Checked, ClaimTold, RequestTold, Shown
from batchspec.commands.rebuild import Rebuilt
from batchspec.core.inspection import AnswerStory, ClaimStory, Severity, status_word
from batchspec.core.json_text import JsonError, parse
from batchspec.core.model import BatchJob
from batchspec.core.rebuilding import Carried
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural, table

_LONGEST_LINE = 200
_SHORT = 12


def claims_text(stories: Sequence[ClaimStory], style: Style) -> str:
    """Return a line for each claim."""
    if not stories:
        return "nothing is recorded"
    heading = ("job", "phase", "status", "spec", "model", "try", "requests", "claimed", "shard", "gone")
    rows = [heading, *(_claim_row(story) for story in stories)]
    return table(rows, style)


def _claim_row(story: ClaimStory) -> tuple[str, ...]:
    claim, job = story.claim, story.job
    return (
        safe(claim.job_id or "-"),
        claim.phase.value,
        "-" if job is None else safe(job.status_text),
        safe(claim.spec or "-"),
        safe(claim.model),
        str(claim.attempt),
        f"{claim.requests:,}",
        _time(claim.claimed_at),
        safe(claim.shard[:_SHORT]),
        _gone(story),
    )


def _gone(story: ClaimStory) -> str:
    """Say what of a claim's job was deleted at the provider."""
    if story.deleted_at is not None:
        return "job"
    return "files" if story.files_deleted_at is not None else "-"


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def shown_text(shown: Shown, style: Style) -> str:
    """Return the stories of claims and of requests."""
    parts = ["\n".join(_claim_lines(told, style)) for told in shown.claims]
    parts += ["\n".join(request_lines(told, style)) for told in shown.requests]
    return "\n\n".join(parts)


def _claim_lines(told: ClaimTold, style: Style) -> Iterable[str]:
    yield from _story_lines(told.story, style)
    if told.requests:
        counts = ", ".join(f"{count:,} {status_word(status)}" for status, count in told.requests.items())
        yield f"  requests   {counts}"
    for line in told.quarantined:
        text = line.line.decode("utf-8", errors="replace")
        cut = " …" if len(text) > _LONGEST_LINE else ""
        yield f"  {style('quarantine', 'yellow')} {safe(line.reason)}: {safe(text[:_LONGEST_LINE].rstrip())}{cut}"


def _story_lines(story: ClaimStory, style: Style) -> Iterable[str]:
    claim, job = story.claim, story.job
    name = f"job {safe(claim.job_id)}" if claim.job_id else "no job"
    yield f"{style(name, 'bold')}  {safe(claim.spec or '-')}  {safe(claim.model)}  {claim.endpoint}"
    yield f"  shard      {safe(claim.shard)}, try {claim.attempt}, {plural(claim.requests, 'request')}"
    times = [("claimed", claim.claimed_at), ("sending", claim.sending_at), ("collected", story.collected_at)]
    yield f"  phase      {claim.phase.value}: " + ", ".join(
        f"{word} {_time(seconds)}" for word, seconds in times if seconds is not None
    )
    if story.released_at is not None:
        yield f"  released   {_time(story.released_at)}: {safe(story.release_reason or '')}"
    if job is not None:
        yield f"  {_status_line(job)}"
        yield f"  created    {_time(job.created_at)}, completed {_time(job.completed_at)}"
        for error in job.errors:
            yield f"  error      {safe(error)}"
    files = (*story.files, *filter(None, (job.output_file, job.error_file) if job else ()))
    if files:
        yield "  files      " + ", ".join(map(safe, files))
    if story.files_deleted_at is not None:
        yield f"  deleted    the files at the provider, {_time(story.files_deleted_at)}"
    if story.deleted_at is not None:
        yield f"  deleted    the job at the provider, {_time(story.deleted_at)}"


def request_lines(told: RequestTold, style: Style) -> Iterable[str]:
    """Yield a request's story: status and tries, the rows that declare it, its answer, its claims and jobs."""
    entry = told.entry
    name = style(f"request {entry.digest.hex()}", "bold")
    yield f"{name}  {status_word(entry.status)} after {_tries(entry.attempts)}"
    for spec, custom_id in told.rows:
        yield f"  row        {safe(custom_id)} of {safe(spec)}"
    answer = told.answer
    if answer is not None:
        status = "" if answer.status_code is None else f", status code {answer.status_code}"
        yield f"  answer     {answer.outcome}{status}{_tokens(answer)}"
        if answer.error is not None:
            yield f"  error      {safe(answer.error)}"
    for each in told.earlier:
        code = "" if each.status_code is None else f", status code {each.status_code}"
        said = "" if each.error is None else f": {safe(each.error)}"
        yield f"  earlier    {each.outcome}{code}, in {_job_of(each.claim_id, told.claims)}{said}"
    for story in told.claims:
        yield from (f"  {line}" for line in _story_lines(story, style))


def _job_of(claim_id: int, claims: Iterable[ClaimStory]) -> str:
    job_id = next((story.claim.job_id for story in claims if story.claim.id == claim_id), None)
    return "no job" if job_id is None else f"job {safe(job_id)}"


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count:,} tries"


def _tokens(answer: AnswerStory) -> str:
    if answer.prompt_tokens is None and answer.completion_tokens is None:
        return ""
    return f", {answer.prompt_tokens or 0:,} tokens in and {answer.completion_tokens or 0:,} out"


def adoptable_text(job: BatchJob, style: Style) -> str:
    """Return what the provider tells of a job that is about to be adopted."""
    lines = [
        f"{style(f'job {safe(job.id)}', 'bold')}  {safe(job.model or job.agent_id or '-')}  {safe(job.endpoint)}",
        f"  {_status_line(job)}",
        f"  created    {_time(job.created_at)}, completed {_time(job.completed_at)}",
    ]
    lines += [f"  {safe(key)}={safe(value)}" for key, value in job.metadata.items()]
    return "\n".join(lines)


def _status_line(job: BatchJob) -> str:
    counts = f"{job.succeeded_requests:,} succeeded, {job.failed_requests:,} failed, {job.total_requests:,} in all"
    return f"status     {safe(job.status_text)}: {counts}"


def adopted_text(adopted: AdoptedJob) -> str:
    """Return what became of a job that was to be adopted."""
    job = safe(adopted.job.id)
    if adopted.known:
        return f"the state knows job {job} already"
    if not adopted.taken:
        return f"job {job} is recorded; every request of it is in another job, or answered"
    then = "its answers are taken in" if adopted.job.status.ended else "`batchspec wait` waits for it"
    return f"job {job} is recorded with {plural(adopted.taken, 'request')}; {then}"


def carried_text(carried: Carried) -> str:
    """Return what only the old state knew, and what became of it."""
    lines = []
    if carried.answers:
        lines.append(f"{plural(carried.answers, 'request')} that the provider no longer tells of: carried over")
    if carried.in_flight:
        lines.append(f"{plural(carried.in_flight, 'request')} in flight there alone: carried over")
    if carried.asked:
        lines.append(f"{plural(carried.asked, 'request')} marked to be sent again: still marked")
    if carried.left:
        lines.append(f"{plural(carried.left, 'request')} that only the old state knows the end of: left behind")
    if carried.found:
        lines.append(f"{plural(carried.found, 'request')} that the old state did not know: found")
    return "\n".join(lines) or "the old state and the provider tell the same"


def rebuilt_text(rebuilt: Rebuilt, kept: str | None, unreadable: str | None, style: Style) -> str:
    """Return what a rebuilt state holds, how the old one differed, and where that is now."""
    lines = [] if rebuilt.carried is None else [carried_text(rebuilt.carried)]
    if unreadable is not None:
        sign = style("!", "yellow")
        lines.append(f"{sign} nothing could be taken from the old state: {safe(unreadable)}")
        lines.append("  answers that the provider no longer has are in it alone: keep it")
    running = f", {rebuilt.in_flight:,} of them in flight" if rebuilt.in_flight else ""
    lines.append(f"{style('Rebuilt', 'bold')}: {plural(rebuilt.jobs, 'job')}{running}.")
    if kept is not None:
        lines.append(f"the old state is {safe(kept)}")
    return "\n".join(lines)


def forgettable_text(found: Forgettable, style: Style) -> str:
    """Return what is about to be forgotten, and what that comes to."""
    if found.request is not None:
        entry = found.request
        return f"request {entry.digest.hex()}  {status_word(entry.status)} after {_tries(entry.attempts)}"
    assert found.claim is not None, "a job or a request is forgotten"
    lines = [*_story_lines(found.claim, style)]
    lines.append(f"  to forget  {plural(found.requests, 'request')}, to be sent and paid for again")
    if found.in_flight:
        sign = style("!", "yellow")
        lines.append(f"{sign} it may still run: `batchspec cancel` stops it; what it does is paid for, and not used")
    return "\n".join(lines)


def checked_text(checked: Checked, style: Style) -> str:
    """Return every finding with what to do, then what the state is."""
    lines = []
    for problem in checked.problems:
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        lines.append(f"{style(problem.severity.value, colour, 'bold')}[{problem.kind}]: {safe(problem.summary)}")
        lines.append(f"  help: {safe(problem.hint)}")
    facts = checked.facts
    if facts is not None:
        held = ", ".join(f"{count:,} in {name}" for name, count in facts.rows.items())
        lines.append(f"{safe(checked.path)}: version {facts.version}, {held}")
    asked = "" if checked.compared else " (the provider was not asked)"
    lines.append(f"{style('Sound', 'bold', 'green') if checked.sound else style('Not sound', 'bold', 'red')}{asked}")
    return "\n".join(lines)


def claims_document(stories: Iterable[ClaimStory]) -> Document:
    """Return the document of `state list --json`."""
    return {"format_version": FORMAT_VERSION, "claims": [claim_fields(story) for story in stories]}


def claim_fields(story: ClaimStory) -> Document:
    """Return a claim and its job as documents show them."""
    claim, job = story.claim, story.job
    return {
        "job_id": claim.job_id,
        "shard": claim.shard,
        "attempt": claim.attempt,
        "phase": claim.phase.value,
        "spec": claim.spec,
        "endpoint": claim.endpoint,
        "model": claim.model,
        "requests": claim.requests,
        "claimed_at": claim.claimed_at,
        "sending_at": claim.sending_at,
        "released_at": story.released_at,
        "release_reason": story.release_reason,
        "collected_at": story.collected_at,
        "input_files": list(story.files),
        "job": None
        if job is None
        else {
            "status": job.status_text,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "total_requests": job.total_requests,
            "succeeded_requests": job.succeeded_requests,
            "failed_requests": job.failed_requests,
            "output_file": job.output_file,
            "error_file": job.error_file,
            "errors": list(job.errors),
            "files_deleted_at": story.files_deleted_at,
            "deleted_at": story.deleted_at,
        },
    }


def shown_document(shown: Shown) -> Document:
    """Return the document of `state show --json`, answers with their bodies."""
    return {
        "format_version": FORMAT_VERSION,
        "claims": [
            claim_fields(told.story)
            | {
                "requests_by_status": {status_word(status): count for status, count in told.requests.items()},
                "quarantined": [
                    {"reason": each.reason, "line": each.line.decode("utf-8", errors="replace"), "at": each.at}
                    for each in told.quarantined
                ],
            }
            for told in shown.claims
        ],
        "requests": [request_fields(told) for told in shown.requests],
    }


def request_fields(told: RequestTold) -> Document:
    """Return a request with its claims and its answer as documents show it."""
    return {
        "digest": told.entry.digest.hex(),
        "status": status_word(told.entry.status),
        "attempts": told.entry.attempts,
        "rows": [{"spec": spec, "custom_id": custom_id} for spec, custom_id in told.rows],
        "claims": [claim_fields(story) for story in told.claims],
        "earlier": [
            {
                "job_id": next((story.claim.job_id for story in told.claims if story.claim.id == each.claim_id), None),
                "outcome": each.outcome,
                "status_code": each.status_code,
                "error": each.error,
            }
            for each in told.earlier
        ],
        "answer": None if told.answer is None else answer_fields(told.answer),
    }


def answer_fields(answer: AnswerStory) -> Document:
    """Return an answer as documents show it."""
    body: object = None
    if answer.body is not None:
        try:
            body = parse(answer.body)
        except JsonError:
            body = answer.body.decode("utf-8", errors="replace")
    return {
        "outcome": answer.outcome,
        "status_code": answer.status_code,
        "error": answer.error,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "body": body,
    }


def checked_document(checked: Checked) -> Document:
    """Return the document of `state check --json`."""
    facts = checked.facts
    return {
        "format_version": FORMAT_VERSION,
        "sound": checked.sound,
        "compared": checked.compared,
        "state": None
        if facts is None
        else {
            "version": facts.version,
            "project_id": facts.project_id,
            "provider": facts.provider,
            "rows": dict(facts.rows),
        },
        "problems": [
            {"severity": each.severity.value, "kind": each.kind, "summary": each.summary, "hint": each.hint}
            for each in checked.problems
        ],
    }
