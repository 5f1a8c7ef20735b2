"""The forms that a spec's body takes: one for each combination of its matrix, compiled, and filled in row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.core.body import compile_body
from batchspec.core.canonical import body_digest, default_custom_id
from batchspec.core.checking import BodyChecker
from batchspec.core.custom_ids import CustomIds
from batchspec.core.matrix import MOST_FORMS, Combination
from batchspec.core.model import BodyDigest, InputRow, Target
from batchspec.core.origin import TemplateText, holds_template
from batchspec.core.row_blocks import RowBlock
from batchspec.core.schema import SchemaProblem
from batchspec.core.spec import Spec
from batchspec.core.template import Compiled, TemplateCompiler

NAMES = ("row", "spec", "vars", "matrix", "replicate")
"""What the templates of a request may read."""

_ROW_ALONE = frozenset({"row"})
_Names = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Form:
    """One form of a spec's body: by a combination of its matrix, and by replicate where templates read that.

    `targets` are what bodies of this form are sent to. `sample` is the replicate that it is of, None for any.
    """

    combination: Combination
    targets: tuple[Target, ...]
    sample: int | None = None
    key: str = field(init=False)
    """What tells a row in this form from the same row in others; empty where there is no other."""

    def __post_init__(self) -> None:
        label = self.combination.label
        object.__setattr__(self, "key", label if self.sample is None else f"{label}#{self.sample}")

    @property
    def first(self) -> bool:
        """Whether it is the first form of its combination."""
        return not self.sample


def forms_of(spec: Spec, *, by_replicate: bool) -> tuple[Form, ...]:
    """Return the forms of a spec, in the order of its matrix; `by_replicate` where a template reads `replicate`."""
    if not by_replicate or spec.replicates == 1:
        return tuple(Form(combination=each, targets=spec.targets) for each in spec.combinations)
    return tuple(
        Form(
            combination=each,
            targets=tuple(Target(model, spec.revision, sample) for model in spec.models),
            sample=sample,
        )
        for each in spec.combinations
        for sample in range(spec.replicates)
    )


def too_many(spec: Spec, forms: Sequence[Form]) -> str | None:
    """Return what to say of more forms than there may be."""
    if len(forms) <= MOST_FORMS:
        return None
    return (
        f"{len(spec.combinations):,} combinations by {spec.replicates:,} replicates, which templates read, are"
        f" {len(forms):,} bodies for every row; {MOST_FORMS} are the most"
    )


class FormColumns(NamedTuple):
    """The requests of some rows in one form, each part in the order of the rows."""

    form: Form
    custom_ids: Sequence[str]
    bodies: Sequence[bytes]
    digests: list[BodyDigest]


class FormRenderer:
    """A form, compiled. Raises TemplateProblems, TemplateError or CanonicalError where that cannot be done."""

    def __init__(
        self,
        spec: Spec,
        form: Form,
        compiler: TemplateCompiler,
        schema: Mapping[str, object] | None,
        custom_id: CustomIds | None = None,
    ) -> None:
        self.form = form
        self.custom_id = None if custom_id is None else custom_id.apart()
        constants: _Names = {"spec": {"name": spec.name}, "vars": spec.variables, "replicate": form.sample or 0}
        names: _Names = dict(compiler.globals) | constants
        fixed: dict[str, object] = {}
        self._varying: dict[str, Callable[[_Names], object]] = {}
        for name, value in form.combination.values.items():
            if not holds_template(value):
                fixed[name] = value
        names["matrix"] = constants["matrix"] = fixed
        for name, value in form.combination.values.items():
            if holds_template(value):
                reads: set[str] = set()
                filled = _value(value, compiler, reads)
                if reads & _ROW_ALONE:
                    self._varying[name] = filled
                else:
                    fixed[name] = filled(names)
        self._fixed = fixed
        self.names = names
        varying = _ROW_ALONE | ({"matrix"} if self._varying else set())
        self.body = compile_body(spec.body, compiler, constants, varying)
        self.checker = None if schema is None else BodyChecker(schema, self.body)

    def enter(self, row: InputRow) -> _Names:
        """Return the names that templates read, for a row. Raises TemplateError where a matrix value fails."""
        names = self.names
        names["row"] = row.values
        if self._varying:
            names["matrix"] = self._fixed
            made = {name: filled(names) for name, filled in self._varying.items()}
            names["matrix"] = self._fixed | made
        return names

    def in_columns(self, block: RowBlock, is_told: Callable[[SchemaProblem], bool]) -> FormColumns | None:
        """Render rows column by column; None where that cannot be done, or where there is something to say of one.

        Warnings that were given already, by `is_told`, are not given again. Raises TemplateError and CanonicalError,
        where rendering any of the rows does.
        """
        if self._varying:
            return None
        names, count = self.names, len(block)
        values = self.body.columns(names, block)
        if self.checker is not None:
            problems = self.checker.verdict_of_all(values)
            if problems is None or not all(map(is_told, problems)):
                return None
        bodies = self.body.encode_all(values, count)
        digests = list(map(body_digest, bodies))
        if self.custom_id is None:
            return FormColumns(self.form, list(map(default_custom_id, digests)), bodies, digests)
        custom_ids = self.custom_id.of_all(names, block)
        return None if custom_ids is None else FormColumns(self.form, custom_ids, bodies, digests)


def _value(tree: object, compiler: TemplateCompiler, reads: set[str]) -> Callable[[_Names], object]:
    """Compile a JSON-like value that holds templates; `reads` takes in the names that they read."""
    if isinstance(tree, TemplateText):
        compiled: Compiled = compiler.compile(tree)
        reads |= compiled.reads
        return compiled.render
    if isinstance(tree, dict):
        items = {key: _value(value, compiler, reads) for key, value in tree.items()}
        return lambda names: {key: filled(names) for key, filled in items.items()}
    if isinstance(tree, list):
        parts = [_value(value, compiler, reads) for value in tree]
        return lambda names: [filled(names) for filled in parts]
    return lambda _names: tree
