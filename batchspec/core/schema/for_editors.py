"""Makes the JSON Schema of specs that editors use: the program's own, with the keys of each endpoint's body.

It says the same of a spec's keys in a form that language servers complete and explain better: alternatives are told
apart by type, so that one thing wrong is one error at its place; descriptions are Markdown; and a template or
`{file: path}` may stand for any value of a body, as it may in a spec. It holds no description of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batchspec.core.json_text import encode
from batchspec.core.schema.bundling import ReadSchema, bundled

Schema = Mapping[str, Any]

_DEFINITIONS = "#/$defs/"
_TEMPLATED = "templated"
_A_FILE = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}, "maxProperties": 1}
# Without descriptions, which a language server would show for the key in place of its own.
_WHAT_STANDS_FOR_ANY_VALUE = {"anyOf": [{"type": "string", "pattern": r"\{[{%]"}, _A_FILE]}
_DEFAULT_ENDPOINT = "/v1/chat/completions"
_IN_VALUES = ("items", "additionalProperties")
_MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs")
_LISTS_OF_SCHEMAS = ("anyOf", "oneOf", "allOf")
# Objects come last: what is still empty under a cursor is most often the beginning of one.
_DISPATCH = ("string", "array", "number", "integer", "boolean", "null", "object")
_OF_PROGRAM = "x-batchspec-"
_DESCRIBING = ("description", "markdownDescription", "examples")
_PLAIN = re.compile(r"[A-Za-z./][\w ./-]*")

SNIPPETS: tuple[Mapping[str, object], ...] = (
    {
        "label": "spec: a question about each row",
        "description": "Chat completions over a table, a row to a request.",
        "body": {
            "batchspec": 1,
            "name": "${1:triage}",
            "description": "${2:What it is for.}",
            "model": "${3:mistral-small-latest}",
            "inputs": "${4:data/rows.csv}",
            "custom_id": '"{{ row.${5:id} }}"',
            "prompt": {"system": "${6:Answer in one word.}", "user": '"{{ row.${7:text} }}"'},
            "body": {"temperature": 0, "max_tokens": "^${8:200}"},
        },
    },
    {
        "label": "spec: embeddings",
        "description": "An embedding of each row's text.",
        "body": {
            "batchspec": 1,
            "name": "${1:passages}",
            "endpoint": "/v1/embeddings",
            "model": "${2:mistral-embed}",
            "inputs": "${3:data/rows.csv}",
            "custom_id": '"{{ row.${4:id} }}"',
            "body": {"input": '"{{ row.${5:text} }}"'},
        },
    },
    {
        "label": "spec: read documents",
        "description": "OCR of documents that a table lists by address.",
        "body": {
            "batchspec": 1,
            "name": "${1:invoices}",
            "endpoint": "/v1/ocr",
            "model": "${2:mistral-ocr-latest}",
            "inputs": "${3:data/rows.csv}",
            "custom_id": '"{{ row.${4:id} }}"',
            "body": {"document": {"type": "document_url", "document_url": '"{{ row.${5:url} }}"'}},
        },
    },
)
"""What a new file is offered, in the placeholders of the Language Server Protocol; `^` keeps a number a number."""


def schema_for_editors(spec: Schema, bodies: Mapping[str, Schema], read: ReadSchema) -> dict[str, Any]:
    """Return the schema of specs for editors. `bodies` are the schemas of bodies by endpoint.

    `read` returns another schema that a body's refers to, by its `$id`.
    Raises ValueError where two of them define a name otherwise.
    """
    definitions: dict[str, Any] = {_TEMPLATED: _WHAT_STANDS_FOR_ANY_VALUE}
    for endpoint, schema in bodies.items():
        whole = bundled(schema, read)
        own: Any = whole.pop("$defs", {})
        for name, definition in {_body_name(endpoint): whole, **own}.items():
            made = _inside(definition, own)
            if definitions.setdefault(name, made) != made:
                raise ValueError(f"{name} is defined in two ways")
        # The prompt, the model and files that are extended give keys too, so none can be missed here.
        for absent in ("required", "anyOf", "$schema", "$id"):
            definitions[_body_name(endpoint)].pop(absent, None)
    known = definitions | spec["$defs"]
    told = _told(spec, known)
    told["$id"] = "urn:batchspec:schema:editor"
    # What stands in a body depends on the endpoint, and no example is right for all.
    del told["properties"]["body"]["defaultSnippets"]
    told["$defs"] |= {name: _told(each, known) for name, each in definitions.items()}
    told["allOf"] = [
        {"if": _is_for(endpoint), "then": _with_body({"$ref": _DEFINITIONS + _body_name(endpoint)})}
        for endpoint in bodies
    ]
    told["defaultSnippets"] = list(SNIPPETS)
    return told


def _body_name(endpoint: str) -> str:
    return "body" + endpoint.removeprefix("/v1").replace("/", "-")


def _is_for(endpoint: str) -> dict[str, Any]:
    """Return what tells that a spec is for an endpoint: it says so, or says nothing and has none from elsewhere."""
    said = {"required": ["endpoint"], "properties": {"endpoint": {"const": endpoint}}}
    if endpoint != _DEFAULT_ENDPOINT:
        return said
    return {"anyOf": [said, {"not": {"anyOf": [{"required": ["endpoint"]}, {"required": ["extends"]}]}}]}


def _with_body(body: Schema) -> dict[str, Any]:
    """Return what holds a spec's body to a schema, and the bodies of environments that name no other endpoint."""
    environment = {"if": {"not": {"required": ["endpoint"]}}, "then": {"properties": {"body": body}}}
    return {"properties": {"body": body, "environments": {"additionalProperties": environment}}}


def _inside(schema: Schema, definitions: Schema) -> dict[str, Any]:
    """Return a body's schema with every value inside it free to be a template."""
    changed = dict(schema)
    if isinstance(changed.get("properties"), dict):
        changed["properties"] = {name: _free(inner, definitions, name) for name, inner in changed["properties"].items()}
    for group in _IN_VALUES:
        if isinstance(changed.get(group), dict):
            changed[group] = _free(changed[group], definitions, "")
    if "oneOf" in changed:
        # A template where they differ fits all of them.
        changed["anyOf"] = changed.pop("oneOf")
    for group in _LISTS_OF_SCHEMAS:
        if group in changed:
            changed[group] = [_inside(inner, definitions) for inner in changed[group]]
    return changed


def _free(schema: Schema, definitions: Schema, name: str) -> dict[str, Any]:
    """Return a schema that a template fits, too. What an editor tells and writes for a key stands on the outside."""
    free: dict[str, Any] = {"if": {"$ref": _DEFINITIONS + _TEMPLATED}, "else": _inside(schema, definitions)}
    outer = {**_resolved(schema, definitions), **schema}
    if name:
        free["title"] = outer.get("title", name)
    if "description" in outer:
        free["description"] = outer["description"]
    types = list(dict.fromkeys(_types(schema, definitions)))
    if types:
        free["type"] = list(dict.fromkeys([*types, "string", "object"]))
    if "x-batchspec-message" in outer:
        # It is known only in order to be refused.
        free["doNotSuggest"] = True
    values = [outer["const"]] if "const" in outer else outer.get("enum", ())
    if values:
        free["defaultSnippets"] = [{"label": str(value), "body": value} for value in values if value is not None]
    return free


def _told(schema: Schema, definitions: Schema) -> dict[str, Any]:
    """Return a schema as an editor tells it best, down to its parts."""
    told = {key: value for key, value in schema.items() if not key.startswith(_OF_PROGRAM)}
    for group in _MAPS_OF_SCHEMAS:
        if isinstance(told.get(group), dict):
            told[group] = {name: _told(inner, definitions) for name, inner in told[group].items()}
    for group in (*_IN_VALUES, "else", "propertyNames", "not"):
        if isinstance(told.get(group), dict):
            told[group] = _told(told[group], definitions)
    for group in _LISTS_OF_SCHEMAS:
        if group in told:
            told[group] = [_told(inner, definitions) for inner in told[group]]
    if "description" in told:
        told["markdownDescription"] = told["description"]
    if told.get("default") in ([], {}):
        # It would be written out by a completion, where nothing is as good.
        del told["default"]
    _blame(schema, told)
    _offer(told)
    return _dispatched(told, definitions)


def _blame(schema: Schema, told: dict[str, Any]) -> None:
    """Say what is wrong in the program's words, where the language server has none that help."""
    hint = schema.get("x-batchspec-hint")
    if message := schema.get("x-batchspec-message"):
        told["errorMessage"] = f"{message}: {hint}" if hint else message
    elif hint and "pattern" in schema:
        told["patternErrorMessage"] = hint
    elif hint:
        told["errorMessage"] = hint


def _offer(told: dict[str, Any]) -> None:
    """Offer the first example of a mapping whole; a language server shows others as no more than `[object Object]`."""
    examples = told.get("examples", ())
    if told.get("type") == "object" and examples:
        label = f"{told.get('title', 'mapping')}: an example"
        told["defaultSnippets"] = [{"label": label, "body": _snippet(examples[0])}]
    elif examples:
        told["examples"] = [each for each in examples if not isinstance(each, dict | list)]


def _snippet(value: object) -> object:
    """Return a value as a snippet holds it: a text that YAML would read otherwise is quoted."""
    if isinstance(value, dict):
        return {key: _snippet(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_snippet(inner) for inner in value]
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        return value
    return re.sub(r"[\\$]", r"\\\g<0>", encode(value).decode())


def _dispatched(told: dict[str, Any], definitions: Schema) -> dict[str, Any]:
    """Return a schema with its alternatives told apart by type, where each has types of its own."""
    if "anyOf" not in told:
        return told
    by_type: dict[str, list[dict[str, Any]]] = {}
    for option in told["anyOf"]:
        types = list(_types(option, definitions))
        if not types:
            return told
        for kind in types:
            by_type.setdefault(kind, []).append(option)
    if len(by_type) < 2:
        return told
    if "description" in told:
        by_type = {kind: [_undescribed(option) for option in alike] for kind, alike in by_type.items()}
    rest = {key: value for key, value in told.items() if key != "anyOf"}
    kinds = [kind for kind in _DISPATCH if kind in by_type]
    return rest | {"type": kinds} | _chain([(kind, by_type[kind]) for kind in kinds])


def _undescribed(option: dict[str, Any]) -> dict[str, Any]:
    """Return an alternative without what is told of the key that it belongs to."""
    return {key: value for key, value in option.items() if key not in _DESCRIBING}


def _chain(options: Sequence[tuple[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    (kind, alike), *rest = options
    one = alike[0] if len(alike) == 1 else {"anyOf": alike}
    if rest:
        return {"if": {"type": kind}, "then": one, "else": _chain(rest)}
    # That none of the types fits is said once, and not here.
    return {"allOf": [{key: value for key, value in one.items() if key != "type"}]}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith(_DEFINITIONS):
        return schema
    return _resolved(definitions[reference.removeprefix(_DEFINITIONS)], definitions)


def _types(schema: Schema, definitions: Schema) -> Iterator[str]:
    """Yield the types of values that a schema takes; none where it does not say."""
    schema = _resolved(schema, definitions)
    if "type" in schema:
        yield from [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    elif "const" in schema:
        yield _type_of(schema["const"])
    elif "enum" in schema:
        yield from dict.fromkeys(map(_type_of, schema["enum"]))
    else:
        for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from _types(option, definitions)


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array"}
    return names.get(type(value), "object")
