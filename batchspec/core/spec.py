"""A spec as the program sees it, built from a document that already fits the schema.

Resolves `{file: …}` and `prompt`, fills in defaults, and keeps the way back from a body to the text that made it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from batchspec.core.answer_checks import ANY_ANSWER, ResponseRules, read_response
from batchspec.core.body import Tree
from batchspec.core.canonical import Pointer
from batchspec.core.diagnostics import Diagnostic, Location, Severity, has_errors
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.input_keys import read_inputs, read_shape
from batchspec.core.json_text import JsonError, parse
from batchspec.core.matrix import NO_MATRIX, Combination, read_matrix
from batchspec.core.model import AGENT_PREFIX, Inputs, Target
from batchspec.core.offered import NO_PLUGINS, Offers
from batchspec.core.origin import FileOrigin, TemplateText, holds_template, is_template
from batchspec.core.outputs import declared_output
from batchspec.core.ports import ProjectFiles
from batchspec.core.prompting import prompt_fields
from batchspec.core.records import OutputFormat, suffix_of
from batchspec.core.row_shape import RowShape
from batchspec.core.source import SourceDocument, load_source

DEFAULT_ENDPOINT = "/v1/chat/completions"
_DATA_SUFFIXES = (".json", ".yaml", ".yml")


class Submit(StrEnum):
    """How requests reach the provider: in uploaded files, in the job itself, or in the job where they are few."""

    FILE = "file"
    INLINE = "inline"
    AUTO = "auto"


class Limits(NamedTuple):
    """Bounds of one spec: `max_requests` and `max_cost_usd` stop `apply`, the others cut its requests into jobs."""

    max_requests: int | None = None
    requests_per_job: int = 100_000
    bytes_per_file: int = 500_000_000
    max_cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlOrigin:
    """Text that is a string of a spec."""

    document: SourceDocument
    pointer: Pointer

    def place(self, line: int, name: str | None = None) -> tuple[Location, str | None]:
        """Return the place in the spec."""
        span = self.document.locate_in_string(self.pointer, line, name)
        location = Location(self.document.path_at(self.pointer), span)
        return location, self.document.line_text(span.line, self.pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One spec. Paths are POSIX and relative to the project's root.

    `body` is JSON-like with a TemplateText wherever a string is a template. `replaced` maps places of the body to
    the places of the document that they were made from, where the two differ (`prompt`, `{file: …}`). `columns` are
    the output's, by name, each a TemplateText or constant text; empty where an output holds rows and answers whole.
    `combinations` are those of the matrix, a single empty one without it. `pins` maps those of the `models` that a
    lock has pinned to the alias that the spec names. `environment` is the one that it was read in, None where none was
    chosen or the spec has none of that name.
    """

    name: str
    path: str
    endpoint: str
    models: tuple[str, ...]
    inputs: Inputs
    body: Tree
    output_path: str
    document: SourceDocument
    shape: RowShape = field(default_factory=RowShape)
    custom_id: TemplateText | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    timeout_hours: int = 24
    limits: Limits = field(default_factory=Limits)
    max_attempts: int = 3
    submit: Submit = Submit.FILE
    description: str | None = None
    replaced: Mapping[Pointer, Pointer] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    combinations: tuple[Combination, ...] = NO_MATRIX
    replicates: int = 1
    revision: int = 0
    pins: Mapping[str, str] = field(default_factory=dict)
    response: ResponseRules = ANY_ANSWER
    tags: tuple[str, ...] = ()
    environment: str | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """What every body is sent to: each model, as often as there are replicates."""
        return tuple(
            Target(model, self.revision, replicate) for model in self.models for replicate in range(self.replicates)
        )

    @property
    def has_matrix(self) -> bool:
        """Whether the spec has variants beside its models."""
        return self.combinations != NO_MATRIX

    @property
    def output_format(self) -> str:
        """The form of the output, which its path says: an `OutputFormat`, or the suffix that a plugin is for."""
        return OutputFormat.of(self.output_path) or suffix_of(self.output_path)

    def finding(
        self,
        body_pointer: Pointer,
        code: str,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
        on_key: bool = False,
    ) -> Diagnostic:
        """Return a finding about a place of the body, at what the user wrote there."""
        pointer = self._document_pointer(body_pointer)
        on_key = on_key and bool(pointer) and isinstance(pointer[-1], str)
        return self.document.diagnostic(
            pointer, code, summary, detail=detail, hint=hint, severity=severity, on_key=on_key
        )

    def _document_pointer(self, body_pointer: Pointer) -> Pointer:
        for length in range(len(body_pointer), -1, -1):
            made_from = self.replaced.get(body_pointer[:length])
            if made_from is not None:
                pointer = (*made_from, *body_pointer[length:])
                break
        else:
            pointer = ("body", *body_pointer)
        while pointer and not self.document.has(pointer):
            pointer = pointer[:-1]
        return pointer


def build_spec(
    document: SourceDocument,
    files: ProjectFiles,
    defaults: Mapping[str, object],
    output_dir: str = "results",
    environment: str | None = None,
    offers: Offers = NO_PLUGINS,
) -> Spec:
    """Build a spec from a document that fits the schema, and the project's defaults.

    `environment` is one that is in the document already; by default its results lie in a folder of its own. `offers`
    are asked for formats that are not built in.

    Raises InvalidInputError with everything that the schema cannot say: files that are missing, a prompt beside
    messages, no model.
    """
    builder = _Builder(document, files, defaults, offers)
    spec = builder.build(output_dir if environment is None else f"{output_dir}/{environment}")
    if has_errors(builder.findings) or spec is None:
        raise InvalidInputError(f"{document.path} is not a valid spec", builder.findings)
    return replace(spec, environment=environment)


class _Builder:
    def __init__(
        self, document: SourceDocument, files: ProjectFiles, defaults: Mapping[str, object], offers: Offers
    ) -> None:
        self.findings: list[Diagnostic] = []
        self._offers = offers
        self._document = document
        self._files = files
        self._keys = _with_defaults(_mapping(document.value), defaults)
        self._replaced: dict[Pointer, Pointer] = {}

    def build(self, output_dir: str) -> Spec | None:
        keys = self._keys
        name = str(keys["name"])
        endpoint = str(keys.get("endpoint", DEFAULT_ENDPOINT))
        models = self._models()
        body = self._body(endpoint)
        inputs = read_inputs(self._document, self._files, self.report)
        custom_id = self.resolve(keys["custom_id"], ("custom_id",), ("custom_id",)) if "custom_id" in keys else None
        if custom_id is not None and not isinstance(custom_id, TemplateText):
            self.report(
                ("custom_id",),
                "custom-id",
                "`custom_id` is the same for every row",
                hint="use a column that is unique: custom_id: '{{ row.id }}'",
            )
            custom_id = None
        default_output = f"{output_dir}/{name}.jsonl"
        beside = self._beside_output()
        output = declared_output(keys.get("output"), default_output, beside, self._files, self, self._offers)
        variables = {key: self._constant(value, ("vars", key)) for key, value in _mapping(keys.get("vars", {})).items()}
        combinations = read_matrix(keys.get("matrix"), self)
        response = read_response(keys.get("response"), body, self)
        if self.findings or inputs is None:
            return None
        limits = _mapping(keys.get("limits", {}))
        return Spec(
            name=name,
            path=self._document.path,
            description=_text(keys.get("description")),
            endpoint=endpoint,
            models=models,
            inputs=inputs,
            shape=read_shape(self._document, lambda at: YamlOrigin(document=self._document, pointer=at)),
            custom_id=custom_id,
            body=body,
            output_path=output.path,
            columns=output.columns,
            document=self._document,
            metadata={key: str(value) for key, value in _mapping(keys.get("metadata", {})).items()},
            timeout_hours=_integer(keys.get("timeout_hours"), 24),
            limits=Limits(
                max_requests=_integer(limits["max_requests"], 0) if "max_requests" in limits else None,
                max_cost_usd=Decimal(str(limits["max_cost_usd"])) if "max_cost_usd" in limits else None,
                requests_per_job=_integer(limits.get("requests_per_job"), Limits().requests_per_job),
                bytes_per_file=_integer(limits.get("bytes_per_file"), Limits().bytes_per_file),
            ),
            max_attempts=_integer(_mapping(keys.get("retry", {})).get("max_attempts"), 3),
            submit=Submit(str(keys.get("submit", Submit.FILE))),
            variables=variables,
            replaced=self._replaced,
            combinations=combinations,
            replicates=_integer(keys.get("replicates"), 1),
            revision=_integer(keys.get("revision"), 0),
            response=response,
            tags=read_tags(keys),
        )

    def _beside_output(self) -> str:
        """Return the file that says where the output goes: the spec's own, where nothing does."""
        written = self._keys.get("output")
        named = isinstance(written, str) or (isinstance(written, dict) and "path" in written)
        return self._document.path_at(("output", "path")) if named else self._document.path

    def _constant(self, written: object, pointer: Pointer) -> object:
        """Return a variable's value: data with its files read, in which a template would stay as it is written."""
        value = self.resolve(written, pointer, pointer)
        if holds_template(value):
            self.report(
                pointer,
                "variable-template",
                f"`{pointer[-1]}` holds a template, and variables are constants",
                detail="it would reach the prompt as it is written here",
                hint="put the template where the variable is read, or wrap what is meant so in {% raw %}",
            )
        return value

    def _models(self) -> tuple[str, ...]:
        keys = self._keys
        if "model" in keys and "models" in keys:
            self.report(("models",), "two-models", "`model` and `models` are both given", hint="keep one", on_key=True)
        if "agent_id" in keys:
            for key in ("model", "models"):
                if self._document.has((key,)):
                    hint = "an agent has a model of its own: keep one of them"
                    self.report((key,), "two-models", f"`agent_id` and `{key}` are both given", hint=hint, on_key=True)
            return (AGENT_PREFIX + str(keys["agent_id"]),)
        listed = keys.get("models", [keys["model"]] if "model" in keys else None)
        if isinstance(listed, list):
            for model in listed:
                if str(model).startswith(AGENT_PREFIX):
                    place: Pointer = ("models",) if "models" in keys else ("model",)
                    self.report(
                        place, "agent-as-model", f"`{model}` is no model", hint="an agent goes under `agent_id:`"
                    )
            return tuple(str(model) for model in listed)
        self.report(
            (),
            "missing-key",
            "`model` is missing",
            detail="every job runs one model; neither this spec nor batchspec.toml names one",
            hint="add `model: mistral-small-latest`, or `models:` with a list, or `agent_id:`",
        )
        return ()

    def _body(self, endpoint: str) -> Tree:
        body: dict[str, Tree] = {}
        written = self._keys.get("body", {})
        resolved = self.resolve(written, ("body",), ())
        if isinstance(resolved, dict):
            body.update(resolved)
        elif not self.findings:
            self.report(("body",), "wrong-type", "`body` must be a mapping", hint="a file given here holds an object")
        if "prompt" in self._keys:
            body.update(self._prompt_fields(endpoint, body))
        return body

    def _prompt_fields(self, endpoint: str, taken: Collection[str]) -> dict[str, Tree]:
        written = self._keys["prompt"]
        by_role = isinstance(written, dict) and not _is_file(written)
        prompt = _mapping(written) if by_role else {"user": written}
        return prompt_fields(prompt, by_role, endpoint_at(endpoint), taken, self)

    def made_from(self, target: Pointer, pointer: Pointer) -> None:
        """Remember that a place of the body was made from a place of the spec."""
        self._replaced[target] = pointer

    def resolve(self, node: object, pointer: Pointer, target: Pointer) -> Tree:
        """Return a tree with its files read and its templates marked; `target` is where it goes in the body."""
        if _is_file(node):
            self._replaced[target] = pointer
            return self._read(str(_mapping(node)["file"]), (*pointer, "file"))
        if isinstance(node, dict):
            return {key: self.resolve(item, (*pointer, key), (*target, key)) for key, item in node.items()}
        if isinstance(node, list):
            return [self.resolve(item, (*pointer, index), (*target, index)) for index, item in enumerate(node)]
        if isinstance(node, str) and is_template(node):
            return TemplateText(text=node, origin=YamlOrigin(document=self._document, pointer=pointer))
        return node

    def _read(self, written: str, pointer: Pointer) -> Tree:
        try:
            path = self._files.join(self._document.path_at(pointer), written)
            text = self._files.read_text(path)
            if path.endswith(_DATA_SUFFIXES):
                return parse(text.encode("utf-8")) if path.endswith(".json") else load_source(text, path).value
        except FileProblemError as error:
            self.report(pointer, "file", error.summary, detail=error.why, hint=error.hint)
            return None
        except JsonError as error:
            line = text.count("\n", 0, error.offset) + 1
            self.report(pointer, "file", f"{path}:{line} is not JSON: {error}")
            return None
        except InvalidInputError as error:
            self.findings.extend(error.diagnostics)
            return None
        # The newline that an editor puts at the end of a file is not part of its text.
        text = text.removesuffix("\n").removesuffix("\r")
        return TemplateText(text=text, origin=FileOrigin(path=path, text=text)) if is_template(text) else text

    def report(
        self,
        pointer: Pointer,
        code: str,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        on_key: bool = False,
    ) -> None:
        """Report a fault at a place of the spec, or at the nearest one around it that is there."""
        while pointer and not self._document.has(pointer):
            pointer = pointer[:-1]
        on_key = on_key and bool(pointer)
        self.findings.append(self._document.diagnostic(pointer, code, summary, detail=detail, hint=hint, on_key=on_key))


def _with_defaults(keys: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Return a spec's keys over the project's: whole values, but for mappings, which are filled up key by key."""
    merged = dict(keys)
    for key, value in defaults.items():
        if key in {"model", "models"} and ("model" in keys or "models" in keys):
            continue
        own = merged.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            merged[key] = value | own
        elif key not in merged:
            merged[key] = value
    return merged


def read_tags(keys: Mapping[str, object]) -> tuple[str, ...]:
    """Return a spec's tags, in the order in which they are written."""
    listed = keys.get("tags", [])
    return tuple(str(tag) for tag in listed) if isinstance(listed, list) else ()


def _is_file(node: object) -> bool:
    return isinstance(node, dict) and set(node) == {"file"} and isinstance(node["file"], str)


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict), "the schema lets only mappings through here"
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _integer(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
