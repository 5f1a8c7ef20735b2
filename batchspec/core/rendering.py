"""From a spec and its rows to requests: every row rendered, checked and digested, one after the other.

Pure: the same spec and the same rows give the same bytes, on every machine and at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from batchspec.core.body import TemplateProblems
from batchspec.core.canonical import CanonicalError, Pointer, body_digest, default_custom_id
from batchspec.core.contents import sha256_of
from batchspec.core.custom_ids import CustomIds
from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Severity
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.forms import NAMES, Form, FormRenderer, forms_of, too_many
from batchspec.core.model import InputRow
from batchspec.core.ports import ProjectFiles
from batchspec.core.rendered import RenderedRow, RenderedRows, in_turn, rendered_rows
from batchspec.core.row_blocks import RowBlock
from batchspec.core.schema import SchemaProblem
from batchspec.core.spec import Spec
from batchspec.core.template import TemplateCompiler, TemplateError
from batchspec.core.uploads import LocalFile
from batchspec.core.user_schemas import schema_findings


class _RowRefused(Exception):  # noqa: N818 - control flow inside this module
    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)


class SpecRenderer:
    """A spec, compiled. Raises InvalidInputError when a template does not compile."""

    def __init__(self, spec: Spec, files: ProjectFiles, body_schema: Mapping[str, object] | None) -> None:
        self.spec = spec
        self._files = files
        self._marks: dict[str, str] = {}
        self.uploads: dict[str, LocalFile] = {}
        """The local files that the rendered requests name, by SHA-256: to be uploaded before the requests are sent."""
        self._compiler = compiler = TemplateCompiler(
            _reader(spec, files), dict.fromkeys(NAMES), _byte_reader(spec, files), self._mark_of_upload
        )
        findings: list[Diagnostic] = [*schema_findings(spec)]
        self._custom_id: CustomIds | None = None
        try:
            self._custom_id = None if spec.custom_id is None else CustomIds(spec.custom_id, compiler)
        except TemplateError as error:
            findings.append(_template_finding(spec, (), error))
        forms = forms_of(spec, by_replicate=False)
        self._forms = self._compile(forms, compiler, body_schema, findings)
        if not findings and "replicate" in compiler.reads:
            forms = forms_of(spec, by_replicate=True)
            excess = too_many(spec, forms)
            if excess is None:
                self._forms = self._compile(forms, compiler, body_schema, findings)
            else:
                hint = "take fewer replicates, or leave combinations out"
                findings.append(spec.document.diagnostic(("replicates",), "matrix-size", excess, hint=hint))
        if findings:
            raise InvalidInputError(f"{spec.path} has a body that cannot be sent", findings)
        self._warned: set[tuple[Pointer, str]] = set()

    @property
    def opens_files(self) -> bool:
        """Whether rendering a row may open files that compiling the spec has not."""
        return self._compiler.opens_files

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms that every row is rendered in."""
        return tuple(each.form for each in self._forms)

    def _compile(
        self,
        forms: Sequence[Form],
        compiler: TemplateCompiler,
        schema: Mapping[str, object] | None,
        findings: list[Diagnostic],
    ) -> list[FormRenderer]:
        """Return the forms, compiled; what cannot be goes to `findings`, once for all of them."""
        spec, compiled = self.spec, []
        found: dict[Diagnostic, None] = {}
        for form in forms:
            try:
                compiled.append(FormRenderer(spec, form, compiler, schema, self._custom_id))
            except TemplateProblems as error:
                found.update((_template_finding(spec, pointer, problem), None) for pointer, problem in error.problems)
            except TemplateError as error:
                found[_template_finding(spec, (), error)] = None
            except CanonicalError as error:
                found[spec.finding(error.pointer, "not-json", str(error))] = None
        findings.extend(found)
        return compiled

    def _mark_of_upload(self, path: str) -> str:
        mark = self._marks.get(path)
        if mark is None:
            at = self._files.join(self.spec.path, path)
            file = LocalFile(sha256_of(at, self._files), at)
            self.uploads[file.sha256] = file
            mark = self._marks[path] = file.mark
        return mark

    @property
    def names_its_ids(self) -> bool:
        """Whether the spec says what its custom_ids are; otherwise they follow from the bodies."""
        return self._custom_id is not None

    def render_block(self, block: RowBlock, sink: DiagnosticSink) -> RenderedRows:
        """Return the requests of some rows, as `render` does."""
        requests = self._in_columns(block)
        if requests is None:
            # One of the rows is to be refused, or warned of: what to say of it is found row by row.
            made = [(index, request) for index, row in enumerate(block) for request in self.render((row,), sink)]
            requests = rendered_rows([request for _, request in made], block, [index for index, _ in made])
        return requests

    def _in_columns(self, block: RowBlock) -> RenderedRows | None:
        """Render rows column by column, several times faster; None where there is something to say of one of them."""
        columns = []
        for form in self._forms:
            try:
                made = form.in_columns(block, self._is_told)
            except (TemplateError, CanonicalError):
                return None
            if made is None:
                return None
            columns.append(made)
        return in_turn(columns, block)

    def _is_told(self, problem: SchemaProblem) -> bool:
        """Whether a problem is a warning that was given already."""
        return problem.kind == "unknown-key" and (problem.pointer, problem.message) in self._warned

    def render(self, rows: Iterable[InputRow], sink: DiagnosticSink) -> Iterator[RenderedRow]:
        """Yield every row's requests, one for each form, in order.

        A row that cannot be rendered goes to `sink`, and rendering goes on.
        """
        for row in rows:
            told: list[Diagnostic] = []
            for form in self._forms:
                try:
                    yield self._render_row(form, row, sink)
                except _RowRefused as refused:
                    # What is wrong in several forms is told once.
                    fresh = [found for found in refused.diagnostics if found not in told]
                    told += fresh
                    for found in fresh:
                        sink(found)

    def custom_id_of(self, row: InputRow) -> str | None:
        """Return the custom_id of a row whose answer to go on from is not there; None where it depends on that."""
        form = self._forms[0]
        if form.custom_id is None:
            return None
        try:
            return form.custom_id.of(form.enter(row), row)
        except TemplateError:
            return None

    def _render_row(self, form: FormRenderer, row: InputRow, sink: DiagnosticSink) -> RenderedRow:
        try:
            names = form.enter(row)
            values = form.body.values(names)
            body = form.body.encode(values)
            if form.checker is not None:
                problems = form.checker.check(values)
                if problems:
                    self._refuse(problems, row, sink)
            digest = body_digest(body)
            custom_id = default_custom_id(digest) if form.custom_id is None else form.custom_id.of(names, row)
        except TemplateError as error:
            raise _RowRefused([replace(_template_finding(self.spec, (), error), row=row.place)]) from None
        except CanonicalError as error:
            found = self.spec.finding(error.pointer, "not-json", str(error))
            raise _RowRefused([replace(found, row=row.place)]) from None
        return RenderedRow(row, custom_id, body, digest, form.form)

    def _refuse(self, problems: Iterable[SchemaProblem], row: InputRow, sink: DiagnosticSink) -> None:
        """Report a body that does not fit. A key that the schema does not know is worth a warning, once."""
        errors = []
        for problem in problems:
            warning = problem.kind == "unknown-key"
            missing = problem.kind == "missing-key"
            verdict = "requires it" if missing else "does not take this"
            of_body = missing and not problem.pointer and problem.key is not None
            found = self.spec.finding(
                problem.pointer,
                problem.kind,
                problem.message,
                detail=None if warning else f"{self.spec.endpoint} {verdict}",
                hint=endpoint_at(self.spec.endpoint).hint_for_missing(str(problem.key)) if of_body else problem.hint,
                severity=Severity.WARNING if warning else Severity.ERROR,
                on_key=problem.on_key,
            )
            if not warning:
                errors.append(replace(found, row=row.place))
            elif (problem.pointer, problem.message) not in self._warned:
                self._warned.add((problem.pointer, problem.message))
                sink(found)
        if errors:
            raise _RowRefused(errors)


def _reader(spec: Spec, files: ProjectFiles) -> Callable[[str], tuple[str, str]]:
    """Return what reads an included file: its path is relative to the spec, wherever the template itself stands."""

    def read(path: str) -> tuple[str, str]:
        at = files.join(spec.path, path)
        return files.read_text(at), at

    return read


def _byte_reader(spec: Spec, files: ProjectFiles) -> Callable[[str, int], bytes]:
    """Return what reads a file for a filter: its path is relative to the spec."""

    def read(path: str, most: int) -> bytes:
        at = files.join(spec.path, path)
        with files.open(at) as stream:
            try:
                return stream.read(most)
            except OSError as error:
                why = error.strerror or str(error)
                raise FileProblemError(f"`{at}` cannot be read", why=why, hint="check the file and the disk") from None

    return read


def _template_finding(spec: Spec, pointer: Pointer, error: TemplateError) -> Diagnostic:
    if error.origin is None:
        return spec.finding(pointer, error.code, error.message, detail=error.detail, hint=error.hint)
    location, source_line = error.origin.place(error.line, error.name)
    return Diagnostic(
        severity=Severity.ERROR,
        code=error.code,
        location=location,
        summary=error.message,
        detail=error.detail,
        hint=error.hint,
        source_line=source_line,
    )
