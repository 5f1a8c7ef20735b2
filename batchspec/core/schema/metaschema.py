"""Whether a user's own JSON Schema is one: its keywords, its patterns, and that what it refers to is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, Schema, SchemaRegistry

from batchspec.core.schema.explaining import explain
from batchspec.core.schema.fault import Fault
from batchspec.core.schema.problems import ProblemKind, SchemaProblem, shown
from batchspec.core.schema.validators import faults

_FORMATS = {"regex": "regular expression", "uri": "address", "uri-reference": "address"}


def problems_of(schema: object) -> list[SchemaProblem]:
    """Return what is wrong with a JSON Schema, of the draft that it names, else of 2020-12."""
    if not isinstance(schema, bool | dict):
        message = "a JSON Schema is a mapping"
        return [
            SchemaProblem(pointer=(), kind=ProblemKind.WRONG_TYPE, message=message, hint="begin with `type: object`")
        ]
    named = schema.get("$schema") if isinstance(schema, dict) else None
    draft = validator_for(schema, default=Draft202012Validator)
    if named is not None and draft.META_SCHEMA.get("$schema", "").rstrip("#") != str(named).rstrip("#"):
        return [_unknown_draft(named)]
    # jsonschema knows the metaschemas, so that nothing is fetched for them either.
    checker = draft(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER)
    problems = [problem for fault in faults(checker, schema) for problem in _explained(fault)]
    if problems or isinstance(schema, bool):
        return problems
    return list(_unresolved(schema))


def _explained(fault: Fault) -> Iterator[SchemaProblem]:
    if fault.keyword != "format":
        yield from explain(fault)
        return
    detail = None
    if fault.wanted == "regex":
        try:
            re.compile(str(fault.found))
        except re.error as error:
            detail = str(error)
    message = f"`{shown(fault.found)}` is not a valid {_FORMATS.get(str(fault.wanted), fault.wanted)}"
    yield SchemaProblem(pointer=fault.pointer, kind=ProblemKind.INVALID, message=message, detail=detail)


def _unknown_draft(named: object) -> SchemaProblem:
    return SchemaProblem(
        pointer=("$schema",),
        kind=ProblemKind.NOT_ALLOWED_VALUE,
        message=f"`{shown(named)}` is no draft of JSON Schema that is known here",
        hint="use https://json-schema.org/draft/2020-12/schema, or remove the key",
        key="$schema",
    )


def _unresolved(schema: Mapping[str, object]) -> Iterator[SchemaProblem]:
    resource: Resource[Schema] = Resource.from_contents(dict(schema), default_specification=DRAFT202012)
    registry: SchemaRegistry = Registry().with_resource(resource.id() or "", resource)
    pending = [(resource, registry.resolver(resource.id() or ""))]
    while pending:
        part, resolver = pending.pop()
        contents = part.contents
        for reference in _references(contents):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                yield _dangling(reference)
        pending.extend((inner, resolver.in_subresource(inner)) for inner in part.subresources())


def _references(contents: Schema) -> list[str]:
    if not isinstance(contents, Mapping):
        return []
    return [str(contents[keyword]) for keyword in ("$ref", "$dynamicRef") if isinstance(contents.get(keyword), str)]


def _dangling(reference: str) -> SchemaProblem:
    return SchemaProblem(
        pointer=(),
        kind=ProblemKind.INVALID,
        message=f"the schema refers to `{shown(reference)}`, which is not in it",
        detail="other files and addresses are never read",
        hint="put the part under `$defs` and refer to it as `#/$defs/…`",
    )
