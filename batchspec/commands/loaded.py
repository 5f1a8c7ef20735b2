"""A spec as commands work with it: built, compiled, and with its rows at hand."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from batchspec.commands.sources import RememberedFiles
from batchspec.core.answer_checks import AnswerCheck
from batchspec.core.columns import Columns
from batchspec.core.model import InputFiles
from batchspec.core.offered import Maker
from batchspec.core.ports import RowSource
from batchspec.core.rendering import SpecRenderer
from batchspec.core.shares import Parcel, Recipe, RowWorkers
from batchspec.core.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSpec:
    """A spec that is ready to be rendered, with the rows to render it over; `columns` of its output, if it has any.

    `sources` are the files that it was read from: itself, and what it includes; `inputs` those that rows are read from.
    Of the sources, it is `written_in` itself and what it extends, and `included` are those that its templates include.
    Of a spec that goes on from another one, `upstream` is that one, and `rows` has none: they are joined to its
    answers, and `shape` then says which of them count. `check` is what answers are held to, if to anything. `workers`
    may render it by its `recipe` in several processes. `made_of` gives a digest of all that it was loaded from, and of
    the program. `read_at_load` are the sources that were read for it; the others are read by what rows say.
    `makers` are the plugins that have read its rows, and `output_maker` is the one that writes its output, if one does.
    """

    spec: Spec
    renderer: SpecRenderer
    rows: RowSource
    shape: Callable[[RowSource], RowSource]
    columns: Columns | None
    check: AnswerCheck | None
    sources: RememberedFiles
    written_in: frozenset[str]
    included: RememberedFiles
    inputs: RememberedFiles
    recipe: Recipe
    upstream: LoadedSpec | None = None
    workers: RowWorkers | None = None
    made_of: Callable[[], str] | None = None
    read_at_load: frozenset[str] = frozenset()
    makers: tuple[Maker, ...] = ()
    output_maker: Maker | None = None

    def processes(self) -> int:
        """Return how many processes to render this spec in."""
        inputs = self.spec.inputs
        reads_files = isinstance(inputs, InputFiles) and not inputs.remote
        if self.workers is None or not reads_files or self.upstream is not None or self.renderer.opens_files:
            return 1
        return self.workers.count([*self.inputs.opened])

    def parcels(self, processes: int) -> Generator[Parcel, None, None]:
        """Yield the chunks of this spec, rendered by other processes."""
        assert self.workers is not None
        recipe = replace(self.recipe, readings=self.inputs.readings)
        return self.workers.render(recipe, [*self.inputs.opened], processes)
