"""`results`: the declared rows joined to their answers, in input order, one line per row and model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from batchspec.commands.desired import RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loading import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import encode, parse
from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.rendering import RenderedRow

_STATUS = {
    RequestStatus.CLAIMED: "pending",
    RequestStatus.SUCCEEDED: "succeeded",
    RequestStatus.FAILED: "failed",
    RequestStatus.FAILED_PASSING: "failed",
    RequestStatus.HELD: "held",
    RequestStatus.LOST: "lost",
    RequestStatus.ASKED: "pending",
}

_WITHOUT_ANSWER = frozenset({"failed", "held", "lost"})


@dataclass(slots=True, kw_only=True)
class Output:
    """A written results file: its path relative to the project's root, its lines by status, the rows it is of."""

    spec: str
    path: str
    rows_digest: str = ""
    counts: Counter[str] = field(default_factory=Counter)


def write_results(
    loaded: LoadedSpec, stream: BinaryIO, world: World, *, path: str, failed_only: bool = False
) -> Output:
    """Write a spec's rows with their answers to `stream`. Raises InvalidInputError when a row cannot be rendered."""
    spec = loaded.spec
    endpoint = endpoint_at(spec.endpoint)
    output = Output(spec=spec.name, path=path)
    findings = Findings()
    identities = {model: RequestIdentity(spec.endpoint, model) for model in spec.models}
    world.progress.start("results")
    rows_digest = RowsDigest()
    for rows in rendered_chunks(loaded, findings, world.progress, world.stop):
        rows_digest.add(rows)
        columns = [_answers(identity, rows, world) for identity in identities.values()]
        lines: list[bytes] = []
        for index, row in enumerate(rows):
            shown_row = encode(row.row.values)
            for model, (digests, recorded, results) in zip(spec.models, columns, strict=True):
                digest = digests[index]
                known = recorded.get(digest)
                status = "pending" if known is None else _STATUS[known.status]
                output.counts[status] += 1
                if not failed_only or status in _WITHOUT_ANSWER:
                    lines.append(_line(row, model, status, shown_row, results.get(digest), endpoint.answer_text))
        stream.write(b"".join(lines))
    world.progress.finish()
    findings.raise_if_errors()
    output.rows_digest = rows_digest.told()
    return output


def export(specs: Sequence[LoadedSpec], world: World) -> list[Output]:
    """Write the output file of each spec, whole or not at all."""
    outputs = []
    for loaded in specs:
        path = loaded.spec.output_path
        with world.open_output(path) as stream:
            outputs.append(write_results(loaded, stream, world, path=path))
        world.ledger.save_output(path, _fingerprint(path, outputs[-1].rows_digest, world))
    return outputs


def is_current(loaded: LoadedSpec, rows_digest: str, world: World) -> bool:
    """Tell whether a spec's output file is the one that was written last, by this state and of these rows."""
    path = loaded.spec.output_path
    return world.ledger.saved_output(path) == _fingerprint(path, rows_digest, world)


def _fingerprint(path: str, rows_digest: str, world: World) -> str:
    return f"{world.fingerprint(path)} {rows_digest}"


_Column = tuple[list[RequestDigest], Mapping[RequestDigest, Recorded], Mapping[RequestDigest, RecordedResult]]


def _answers(identity: RequestIdentity, rows: Sequence[RenderedRow], world: World) -> _Column:
    digests = [identity.digest(row.digest) for row in rows]
    return digests, world.ledger.recorded(digests), world.ledger.results(digests)


def _line(
    row: RenderedRow,
    model: str,
    status: str,
    shown_row: bytes,
    result: RecordedResult | None,
    answer_text: Callable[[object], str | None],
) -> bytes:
    text = usage = error = b"null"
    body = b"null"
    if result is not None and status != "pending":
        if result.body is not None:
            body = result.body
            value = parse(body)
            text = encode(answer_text(value))
            usage = encode(value.get("usage") if isinstance(value, dict) else None)
        if result.error is not None:
            error = encode({"status_code": result.status_code, "message": result.error})
    return b"".join(
        (
            b'{"custom_id":',
            encode(row.custom_id),
            b',"model":',
            encode(model),
            b',"status":"',
            status.encode("ascii"),
            b'","row":',
            shown_row,
            b',"text":',
            text,
            b',"response":',
            body,
            b',"usage":',
            usage,
            b',"error":',
            error,
            b"}\n",
        )
    )
