"""Loads specs: read, checked against the schema, built and compiled, every error of every file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from batchspec.commands.findings import found_words
from batchspec.commands.linking import linked
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.selecting import refuse_unknown_environment
from batchspec.commands.sources import RememberedFiles
from batchspec.core.answer_checks import AnswerCheck
from batchspec.core.columns import Columns
from batchspec.core.contents import PinnedFiles
from batchspec.core.diagnostics import Diagnostic, Location, Severity, has_errors
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.extending import environments_of, extended, in_environment
from batchspec.core.model import Inputs
from batchspec.core.model_lock import ModelLock, pinned
from batchspec.core.offered import NO_PLUGINS, MadeByPlugins, Maker, Offers
from batchspec.core.outputs import manifest_path
from batchspec.core.ports import ProjectFiles, RowSource
from batchspec.core.records import OutputFormat
from batchspec.core.rendering import SpecRenderer
from batchspec.core.row_shape import shaped
from batchspec.core.schema import SchemaChecker, document_diagnostics
from batchspec.core.shares import Recipe, RowWorkers
from batchspec.core.source import SourceDocument, load_source
from batchspec.core.spec import Spec, build_spec
from batchspec.core.variables import Given, GivenError, settled, undeclared

SPEC_SCHEMA = "batchspec.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecLoader:
    """What loading needs: the project's files, its defaults, the packaged schemas by name, and the input readers.

    `given` are values for variables, in place of those that the specs declare. `all_paths` are those of every spec of
    the project, for one that goes on from another. `lock` pins the models of all of them. `environment` is laid over
    every spec that declares it. `workers` may render in several processes. `program` tells the program itself by a
    digest; without it no plan is known again. `offers` are what installed plugins add.
    """

    files: ProjectFiles
    defaults: Mapping[str, object]
    default_places: Mapping[str, Location]
    output_dir: str
    schema: Callable[[str], Mapping[str, object]]
    open_rows: Callable[[Inputs, ProjectFiles], RowSource]
    given: Sequence[Given] = ()
    all_paths: Callable[[], Sequence[str]] = tuple
    lock: ModelLock = field(default_factory=ModelLock)
    environment: str | None = None
    workers: RowWorkers | None = None
    program: Callable[[], str] | None = None
    offers: Offers = NO_PLUGINS

    def load(self, paths: Sequence[str]) -> tuple[LoadedSpec, ...]:
        """Load every spec. Raises InvalidInputError with all that is wrong with any of them, each fault once."""
        checker = SchemaChecker(self.schema(SPEC_SCHEMA))
        loaded: list[LoadedSpec] = []
        findings: list[Diagnostic] = list(self._check_defaults(checker))
        # A spec is built from the defaults too, so that it cannot be judged before they are right.
        _raise_if_errors(findings)
        for path in paths:
            try:
                loaded.append(self._load_one(path, checker))
            except InvalidInputError as error:
                findings.extend(error.diagnostics)
                if not error.diagnostics:
                    raise
        if not findings and self.environment is not None:
            documents = [each.spec.document for each in loaded]
            refuse_unknown_environment(self.environment, documents, self.all_paths, self.files)
        if not findings:
            findings.extend(undeclared(self.given, {name for each in loaded for name in each.spec.variables}))
        findings.extend(_repeated_names([each.spec for each in loaded]))
        findings.extend(_repeated_outputs([each.spec for each in loaded]))
        if not has_errors(findings):
            loaded = linked(loaded, partial(self._find, checker=checker), findings)
        # What several specs extend is found wrong in each of them.
        _raise_if_errors(list(dict.fromkeys(findings)))
        return tuple(loaded)

    def _find(self, name: str, *, checker: SchemaChecker) -> LoadedSpec | None:
        """Return the spec of the project that has a name. Raises InvalidInputError where it is not valid."""
        for path in self.all_paths():
            try:
                value = load_source(self.files.read_text(path), path).value
            except (FileProblemError, InvalidInputError):
                # Another spec's faults are of no account here.
                continue
            if isinstance(value, dict) and value.get("name") == name:
                return self._load_one(path, checker)
        return None

    def _check_defaults(self, checker: SchemaChecker) -> Iterator[Diagnostic]:
        """Hold the project's defaults to what a spec may say, and point at their place in batchspec.toml."""
        spec = {"batchspec": 1, "name": "defaults", **self.defaults}
        for problem in checker.check(spec):
            pointer = problem.pointer
            place = next(
                (
                    self.default_places[key]
                    for length in range(len(pointer), 0, -1)
                    if (key := ".".join(str(step) for step in pointer[:length])) in self.default_places
                ),
                Location("batchspec.toml"),
            )
            yield Diagnostic(
                severity=Severity.ERROR,
                code=problem.kind,
                location=place,
                summary=problem.message,
                detail="it stands under [defaults]",
                hint=problem.hint,
            )

    def _load_one(self, path: str, checker: SchemaChecker) -> LoadedSpec:
        files = RememberedFiles(self.files)
        try:
            text = files.read_text(path)
        except FileProblemError as error:
            raise InvalidInputError(error.summary, why=error.why, hint=error.hint) from None
        document = extended(load_source(text, path), files)
        written_in = frozenset(files.texts)
        _raise_if_unfit(document, checker)
        environment = self.environment if self.environment in environments_of(document) else None
        if environment is not None:
            document = in_environment(document, environment)
            _raise_if_unfit(document, checker)
        built = build_spec(document, files, self.defaults, self.output_dir, environment, self.offers)
        spec = pinned(built, self.lock)
        try:
            spec = replace(spec, variables=settled(spec.variables, self.given))
        except GivenError as error:
            found = document.diagnostic(("vars",), "variable-type", str(error), hint="give a value of that type")
            raise InvalidInputError(f"{path} cannot take a variable", [found]) from None
        included = RememberedFiles(files)
        body_schema = self.schema(endpoint_at(spec.endpoint).schema)
        renderer = SpecRenderer(spec, included, body_schema)
        columns = Columns(spec, files) if spec.columns else None
        constants: dict[str, object] = {"spec": {"name": spec.name}, "vars": spec.variables}
        inputs = RememberedFiles(self.files)
        shape = partial(shaped, shape=spec.shape, names=constants)
        source = self.open_rows(spec.inputs, inputs)
        rows, makers = shape(source), source.makers if isinstance(source, MadeByPlugins) else ()
        schema = spec.response.schema
        return LoadedSpec(
            spec=spec,
            renderer=renderer,
            rows=rows,
            shape=shape,
            columns=columns,
            check=None if schema is None else AnswerCheck(spec.endpoint, schema),
            sources=files,
            written_in=written_in,
            included=included,
            inputs=inputs,
            recipe=Recipe(spec=spec, files=PinnedFiles(self.files, included.texts), schema=body_schema, rows=rows),
            workers=self.workers,
            made_of=None
            if self.program is None or any(each.mark is None for each in makers)
            else partial(_made_of, self._parts(spec, files, inputs, makers), self.program),
            read_at_load=frozenset(files.used),
            makers=makers,
            output_maker=None if OutputFormat.of(spec.output_path) else self.offers.writer_maker(spec.output_format),
        )

    def _parts(self, spec: Spec, files: RememberedFiles, inputs: RememberedFiles, makers: Sequence[Maker]) -> str:
        """Return all that a spec was loaded from, as text: files as they were read, and what is said elsewhere."""
        chosen = (spec.environment, spec.variables, spec.targets, spec.pins)
        return repr(
            (spec.path, files.used, self.defaults, self.output_dir, *chosen, [*inputs.opened], *map(tuple, makers))
        )


def _made_of(parts: str, program: Callable[[], str]) -> str:
    return hashlib.sha256(f"{program()} {parts}".encode("utf-8", "surrogatepass")).hexdigest()


def _raise_if_unfit(document: SourceDocument, checker: SchemaChecker) -> None:
    findings = document_diagnostics(document, checker)
    if has_errors(findings):
        raise InvalidInputError(f"{document.path} does not fit the schema", findings)


def _raise_if_errors(findings: Sequence[Diagnostic]) -> None:
    if has_errors(findings):
        count = sum(found.severity is Severity.ERROR for found in findings)
        raise InvalidInputError(found_words(count), findings)


def _repeated_outputs(specs: Sequence[Spec]) -> list[Diagnostic]:
    first: dict[str, Spec] = {}
    findings = []
    for spec in specs:
        # Outputs that differ in their suffix alone would share a manifest.
        earlier = first.setdefault(manifest_path(spec.output_path), spec)
        if earlier is not spec and earlier.name != spec.name:
            findings.append(
                spec.document.diagnostic(
                    ("output",),
                    "repeated-output",
                    f"the output `{spec.output_path}` is taken",
                    detail=f"{earlier.path} writes `{earlier.output_path}`; each would overwrite the other's results,"
                    " or the manifest beside them",
                    hint="give one of them another `output`",
                )
            )
    return findings


def _repeated_names(specs: Sequence[Spec]) -> list[Diagnostic]:
    first: dict[str, Spec] = {}
    findings = []
    for spec in specs:
        earlier = first.setdefault(spec.name, spec)
        if earlier is not spec:
            line = earlier.document.value_span(("name",)).line
            findings.append(
                spec.document.diagnostic(
                    ("name",),
                    "repeated-name",
                    f"the name `{spec.name}` is taken",
                    detail=f"{earlier.path}:{line} has it; a name is unique within a project",
                    hint="give one of them another name",
                )
            )
    return findings
