"""Links specs to those that they go on from, and puts them in the order of their references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from batchspec.commands.loaded import LoadedSpec
from batchspec.core.diagnostics import Diagnostic, did_you_mean
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import SpecResults


def linked(
    loaded: Sequence[LoadedSpec], find: Callable[[str], LoadedSpec | None], findings: list[Diagnostic]
) -> list[LoadedSpec]:
    """Return specs with those that they go on from, each after its own.

    `find` gives a spec of the project that is not among them. What cannot be linked goes to `findings`: a spec that
    there is not, or a chain that comes back to itself.
    """
    links = _Links({each.spec.name: each for each in loaded}, find, findings)
    for each in loaded:
        links.link(each, ())
    wanted = {each.spec.name for each in loaded}
    return [each for each in links.made.values() if each.spec.name in wanted]


class _Links:
    def __init__(
        self, by_name: dict[str, LoadedSpec], find: Callable[[str], LoadedSpec | None], findings: list[Diagnostic]
    ) -> None:
        self._by_name = by_name
        self._find = find
        self._findings = findings
        self._unlinked: set[str] = set()
        self.made: dict[str, LoadedSpec] = {}

    def link(self, each: LoadedSpec, way: tuple[str, ...]) -> LoadedSpec | None:
        """Return a spec with its own upstream, and remember it after that; None where it cannot be linked."""
        name = each.spec.name
        if name in self.made:
            return self.made[name]
        if name in self._unlinked:
            return None
        inputs = each.spec.inputs
        if isinstance(inputs, SpecResults):
            upstream = self._upstream(each, inputs.spec, (*way, name))
            if upstream is None:
                self._unlinked.add(name)
                return None
            each = replace(each, upstream=upstream)
        self.made[name] = each
        return each

    def _upstream(self, each: LoadedSpec, wanted: str, way: tuple[str, ...]) -> LoadedSpec | None:
        if wanted in way:
            circle = " -> ".join((*way[way.index(wanted) :], wanted))
            self._report(each, "spec-cycle", f"`{wanted}` goes on from itself: {circle}", "let one of them begin")
            return None
        try:
            other = self._by_name.get(wanted) or self._find(wanted)
        except InvalidInputError as error:
            self._findings.extend(error.diagnostics)
            return None
        if other is None:
            hint = did_you_mean(wanted, self._by_name) or "give the `name` of another spec of this project"
            self._report(each, "unknown-spec", f"there is no spec `{wanted}`", hint)
            return None
        self._by_name[wanted] = other
        return self.link(other, way)

    def _report(self, each: LoadedSpec, code: str, summary: str, hint: str) -> None:
        document = each.spec.document
        self._findings.append(document.diagnostic(("inputs", "spec"), code, summary, hint=hint))
