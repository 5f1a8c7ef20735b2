"""The lineage of an output: what it was made of, by whom answered, and what came of it. One JSON document, no clock.

The same spec, inputs, answers and commit give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from batchspec.core.json_text import encode_pretty
from batchspec.core.outputs import MANIFEST_SUFFIX
from batchspec.core.pricing import PriceTable, total
from batchspec.core.usage import Used, used_by

FORMAT_VERSION = "1.0"
_MOST_LISTED = 1000
_MOST_NAMES = 100


class Commit(NamedTuple):
    """The commit that is checked out, and the files that differ from it; None where that cannot be known."""

    id: str
    changed: frozenset[str] | None


@dataclass(slots=True)
class Answers:
    """What the answers to one model's requests tell of themselves, each request counted once."""

    named: set[str] = field(default_factory=set)
    used: Used = field(default_factory=Used)

    def add(self, bodies: Sequence[object]) -> None:
        """Count some answers."""
        self.used = Used(*map(sum, zip(self.used, *map(used_by, bodies), strict=True)))
        for body in bodies:
            name = body.get("model") if isinstance(body, dict) else None
            if isinstance(name, str) and len(self.named) < _MOST_NAMES:
                self.named.add(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """All that a manifest says. Paths are relative to the project's root, digests SHA-256 in hexadecimal.

    `clean` is whether nothing that git tracks, and nothing that the spec was read from, differs from the commit.
    `inputs` are None where their content is not what the rows are made of. `variants` are the combinations of the
    matrix, none without one. `pins` maps models that a lock has pinned to what the spec calls them.
    `plugins` are those that have read the rows or written the output, each with its version.
    """

    version: str
    spec: str
    spec_path: str
    sources: Mapping[str, str]
    commit: str | None
    clean: bool | None
    endpoint: str
    variants: Sequence[Mapping[str, object]]
    replicates: int
    revision: int
    environment: str | None
    inputs: Mapping[str, str] | None
    answers: Mapping[str, Answers]
    jobs: Sequence[str]
    output_path: str
    output_sha256: str
    counts: Mapping[str, int]
    pins: Mapping[str, str] = field(default_factory=dict)
    prices: PriceTable | None = None
    ends: Mapping[str, int] = field(default_factory=dict)
    plugins: Sequence[str] = ()


def is_manifest(path: str) -> bool:
    """Tell whether a path is that of a manifest."""
    return path.endswith(MANIFEST_SUFFIX)


def combined(digests: Mapping[str, str]) -> str:
    """Return one SHA-256 over several files: that of what `sha256sum` prints for them in the order of their paths."""
    lines = "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def manifest(lineage: Lineage) -> bytes:
    """Return the manifest's text."""
    costs = {sent: _cost(lineage, sent, answers.used) for sent, answers in lineage.answers.items()}
    used = Used()
    for answers in lineage.answers.values():
        used = used.plus(answers.used)
    commit = None if lineage.commit is None else {"commit": lineage.commit, "clean": lineage.clean}
    document = {
        "format_version": FORMAT_VERSION,
        "batchspec_version": lineage.version,
        # Nobody else's manifest changes for it.
        **({"plugins": list(lineage.plugins)} if lineage.plugins else {}),
        "spec": {"name": lineage.spec, "path": lineage.spec_path, **_files(lineage.sources)},
        "git": commit,
        "inputs": None if lineage.inputs is None else _files(lineage.inputs),
        "endpoint": lineage.endpoint,
        "matrix": list(lineage.variants),
        "replicates": lineage.replicates,
        "revision": lineage.revision,
        "environment": lineage.environment,
        "models": [
            {
                "asked": lineage.pins.get(sent, sent),
                "pinned": sent if sent in lineage.pins else None,
                "answered": sorted(answers.named),
                **_used(answers.used, costs[sent]),
            }
            for sent, answers in lineage.answers.items()
        ],
        "jobs": sorted(lineage.jobs),
        "output": {
            "path": lineage.output_path,
            "sha256": lineage.output_sha256,
            "rows": sum(lineage.counts.values()),
            "statuses": dict(sorted(lineage.counts.items())),
            "finish_reasons": dict(sorted(lineage.ends.items())),
        },
        **_used(used, total(costs.values())),
    }
    return (encode_pretty(document) + "\n").encode("utf-8", "replace")


def _files(digests: Mapping[str, str]) -> dict[str, object]:
    listed = [{"path": path, "sha256": digests[path]} for path in sorted(digests)[:_MOST_LISTED]]
    return {"sha256": combined(digests), "count": len(digests), "files": listed}


def _cost(lineage: Lineage, model: str, used: Used) -> Decimal | None:
    if not used.answers:
        return Decimal(0)
    return None if lineage.prices is None else lineage.prices.cost(model, used)


def _used(used: Used, cost: Decimal | None) -> dict[str, object]:
    """Return tokens as counted by the provider, and what they cost by the prices at hand."""
    tokens = {"input": used.input_tokens, "output": used.output_tokens}
    return {"answers": used.answers, "tokens": tokens, "cost_usd": None if cost is None else float(cost)}
