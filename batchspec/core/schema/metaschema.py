"""Whether a user's own JSON Schema is one: its keywords, its patterns, and that what it refers to is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, Schema, SchemaRegistry

from batchspec.core.schema.problems import Pointer, ProblemKind, SchemaProblem, place_name, shown


def is_valid_schema(schema: object) -> list[SchemaProblem]:
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
    problems = [_problem(error) for error in checker.iter_errors(schema)]
    if problems or isinstance(schema, bool):
        return problems
    return list(_unresolved(schema))


def _problem(error: ValidationError) -> SchemaProblem:
    pointer: Pointer = tuple(error.absolute_path)
    if error.validator == "format":
        message, detail = (
            f"`{shown(error.instance)}` is not a valid {error.validator_value}",
            str(error.cause or "") or None,
        )
    else:
        message, detail = f"{place_name(pointer)} is not what JSON Schema allows there", shown(error.message)
    return SchemaProblem(pointer=pointer, kind=ProblemKind.INVALID, message=message, detail=detail)


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
