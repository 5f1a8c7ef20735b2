"""The JSON Schemas that a spec hands on to a model: whether each of them is one, before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchspec.core.canonical import Pointer, keeps_key_order
from batchspec.core.diagnostics import Diagnostic
from batchspec.core.origin import holds_template
from batchspec.core.schema import is_valid_schema
from batchspec.core.spec import Spec


def schema_findings(spec: Spec) -> Iterator[Diagnostic]:
    """Yield what is wrong with the schemas in a spec's body. One that is made per row is left to the provider."""
    for pointer, schema in _schemas(spec.body, ()):
        if holds_template(schema):
            continue
        for problem in is_valid_schema(schema):
            yield spec.finding(
                (*pointer, *problem.pointer),
                problem.kind,
                problem.message,
                detail=problem.detail or "this is no JSON Schema that a model could follow",
                hint=problem.hint,
                on_key=problem.on_key,
            )


def _schemas(node: object, pointer: Pointer) -> Iterator[tuple[Pointer, object]]:
    """Yield every schema of a body: the places where the order of keys counts are the schemas' own."""
    if keeps_key_order(pointer):
        yield pointer, node
        return
    items: Iterable[tuple[str | int, object]] = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for key, item in items:
        yield from _schemas(item, (*pointer, key))
