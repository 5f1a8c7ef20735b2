"""The stories of `show` as text and as documents: a spec's results from source to bytes, and a row's requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from batchspec.commands.show import OutputState, RequestStory, SpecStory, WrittenManifest
from batchspec.core.canonical import TAG
from batchspec.core.json_text import encode_pretty, parse
from batchspec.core.manifest import Answers, combined
from batchspec.core.spending import usd
from batchspec.core.usage import Used
from batchspec.report.costs import dollars
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.state import claim_fields, claims_text, request_fields, request_lines
from batchspec.report.style import Style, plural
from batchspec.report.variants import matrix_words

_SHORT = 16
_MOST_FILES = 20
_WIDTH = 11
_OUTPUT = {
    OutputState.CURRENT: "is what would be written now",
    OutputState.DIFFERS: "differs from what would be written now: `batchspec results` writes it",
    OutputState.MISSING: "is not there: `batchspec results` writes it",
}


def spec_story_text(story: SpecStory, style: Style) -> str:
    """Return a spec's story, its jobs in a table at the end."""
    lines = "\n".join(_spec_lines(story, style))
    return "\n\n".join([lines, claims_text(story.claims, style)])


def _spec_lines(story: SpecStory, style: Style) -> Iterator[str]:
    told = story.lineage
    place = f"{safe(told.spec_path)}  {told.endpoint}"
    yield f"{style(safe(told.spec), 'bold')}  {style(place, 'dim')}"
    if story.description:
        yield f"  {safe(story.description)}"
    yield from _field("spec", _files(told.sources))
    yield from _field("git", [_commit(told.commit, told.clean)])
    if story.upstream is not None:
        yield from _field("goes on", [f"from the results of {safe(story.upstream)}"])
    inputs = ["files that are rows themselves are not digested"] if told.inputs is None else _files(told.inputs)
    yield from _field("inputs", inputs)
    if told.variants:
        yield from _field("variants", [" ".join(matrix_words(variant)) for variant in told.variants])
    if told.replicates > 1 or told.revision:
        yield from _field("samples", [f"{told.replicates:,} of each request, revision {told.revision}"])
    yield from _field("models", [_model(model, answers, story) for model, answers in told.answers.items()])
    counts = ", ".join(f"{count:,} {status}" for status, count in _by_count(told.counts))
    yield from _field("results", [counts or "no rows"])
    yield from _field("output", [f"{safe(told.output_path)}  {_OUTPUT[story.output]}"])
    yield from _field("", [f"sha256 {told.output_sha256}"])
    yield from _field("manifest", [f"{safe(story.manifest_path)}  {_manifest(story.manifest)}"])


def _field(name: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {name:<{_WIDTH}}{line}"
        name = ""


def _files(digests: Mapping[str, str]) -> list[str]:
    if not digests:
        return ["none: the rows are in the spec"]
    lines = [f"{safe(path)}  sha256 {digests[path][:_SHORT]}…" for path in sorted(digests)[:_MOST_FILES]]
    if len(digests) > 1:
        more = f"and {len(digests) - _MOST_FILES:,} more; " if len(digests) > _MOST_FILES else ""
        lines.append(f"{more}all {len(digests):,} together: sha256 {combined(digests)[:_SHORT]}…")
    return lines


def _commit(commit: str | None, clean: bool | None) -> str:
    if commit is None:
        return "no commit"
    words = {True: "clean", False: "with changes that are not committed", None: "whether it is clean is not known"}
    return f"commit {safe(commit)}, {words[clean]}"


def _model(sent: str, answers: Answers, story: SpecStory) -> str:
    asked = story.lineage.pins.get(sent)
    name = safe(sent) if asked is None else f"{safe(sent)}, asked for as {safe(asked)}"
    if not answers.used.answers:
        return f"{name}: no answers yet"
    by = f", answered as {', '.join(map(safe, sorted(answers.named)))}" if answers.named else ""
    cost = story.costs.get(sent)
    spent = "" if cost is None else f", {dollars(cost)}"
    return f"{name}{by}: {plural(answers.used.answers, 'answer')}, {_tokens(answers.used)}{spent}"


def _tokens(used: Used) -> str:
    if used.unmetered:
        return "tokens not told by all of them"
    return f"{used.input_tokens:,} tokens in and {used.output_tokens:,} out"


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _manifest(manifest: WrittenManifest | None) -> str:
    if manifest is None:
        return "is not there, or cannot be read"
    return f"written by batchspec {safe(manifest.version or '?')}, {_commit(manifest.commit, manifest.clean)}"


def row_story_text(stories: Sequence[RequestStory], style: Style) -> str:
    """Return the stories of a row's requests, the body that some of them share told once."""
    parts = []
    shown: bytes | None = None
    for story in stories:
        if story.row.digest != shown:
            shown = story.row.digest
            parts.append("\n".join(_row_lines(story, style)))
        parts.append("\n".join(_request_lines(story, style)))
    return "\n\n".join(parts)


def _row_lines(story: RequestStory, style: Style) -> Iterator[str]:
    row = story.row
    yield f"{style(safe(row.custom_id), 'bold')}  {style(safe(row.row.place), 'dim')}"
    if row.form.combination.shown:
        yield from _field("variant", [" ".join(matrix_words(row.form.combination.shown))])
    yield from _field("body", _block(encode_pretty(parse(row.body))))
    yield from _field("digest", [f"sha256 {row.digest.hex()} of the body as it is sent"])


def _request_lines(story: RequestStory, style: Style) -> Iterator[str]:
    if story.told is None:
        yield f"{style(f'request {story.digest.hex()}', 'bold')}  not sent"
    else:
        yield from request_lines(story.told, style)
    target = story.target
    pinned = "" if story.asked == target.model else f" (asked for as {safe(story.asked)})"
    made_of = f"{TAG.decode()}, {story.endpoint}, {safe(target.model)}{pinned}"
    yield from _field("made of", [f"{made_of}, revision {target.revision}, replicate {target.replicate}, the body"])
    if story.text is not None:
        yield from _field("text", _block(story.text))


def _block(text: str) -> list[str]:
    return [safe(line) for line in text.splitlines()] or [""]


def spec_story_document(story: SpecStory) -> Document:
    """Return the document of `show --json`."""
    told = story.lineage
    written = story.manifest
    return {
        "format_version": FORMAT_VERSION,
        "spec": {"name": told.spec, "path": told.spec_path, "description": story.description, **_listed(told.sources)},
        "git": _git(told.commit, told.clean),
        "upstream": story.upstream,
        "inputs": None if told.inputs is None else _listed(told.inputs),
        "endpoint": told.endpoint,
        "matrix": [dict(variant) for variant in told.variants],
        "replicates": told.replicates,
        "revision": told.revision,
        "models": [_model_fields(model, answers, story) for model, answers in told.answers.items()],
        "rows": {"total": sum(told.counts.values()), "statuses": dict(sorted(told.counts.items()))},
        "jobs": list(told.jobs),
        "claims": [claim_fields(each) for each in story.claims],
        "output": {"path": told.output_path, "state": story.output.value, "sha256": told.output_sha256},
        "manifest": {
            "path": story.manifest_path,
            "written": None
            if written is None
            else {
                "batchspec_version": written.version,
                "git": _git(written.commit, written.clean),
                "output_sha256": written.output_sha256,
            },
        },
    }


def _git(commit: str | None, clean: bool | None) -> Document | None:
    return None if commit is None else {"commit": commit, "clean": clean}


def _listed(digests: Mapping[str, str]) -> Document:
    files = [{"path": path, "sha256": digests[path]} for path in sorted(digests)]
    return {"sha256": combined(digests), "files": files}


def _model_fields(sent: str, answers: Answers, story: SpecStory) -> Document:
    used, pins = answers.used, story.lineage.pins
    return {
        "asked": pins.get(sent, sent),
        "pinned": sent if sent in pins else None,
        "answered": sorted(answers.named),
        "answers": used.answers,
        "tokens": None if used.unmetered else {"input": used.input_tokens, "output": used.output_tokens},
        "cost_usd": usd(story.costs.get(sent)),
    }


def row_story_document(stories: Sequence[RequestStory]) -> Document:
    """Return the document of `show --id --json`."""
    return {"format_version": FORMAT_VERSION, "requests": [_story_fields(story) for story in stories]}


def _story_fields(story: RequestStory) -> Document:
    row, target, told = story.row, story.target, story.told
    return {
        "custom_id": row.custom_id,
        "path": row.row.path,
        "line": row.row.line,
        "row": dict(row.row.values),
        "matrix": dict(row.form.combination.shown),
        "body": parse(row.body),
        "digest": story.digest.hex(),
        "digest_of": {
            "tag": TAG.decode(),
            "endpoint": story.endpoint,
            "model": target.model,
            "revision": target.revision,
            "replicate": target.replicate,
            "body_sha256": row.digest.hex(),
        },
        "asked": story.asked,
        "text": story.text,
        "recorded": None if told is None else request_fields(told),
    }
