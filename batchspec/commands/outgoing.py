"""What a spec sends: its lines, cut into shards that are written as they fill, and what sending them comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from batchspec.core.forms import Form
from batchspec.core.lines import request_lines, told_of
from batchspec.core.matrix import variant_mark
from batchspec.core.metering import Costing, Meter, Sends
from batchspec.core.model import Target
from batchspec.core.planning import PendingShard, VariantPlan
from batchspec.core.ports import SpoolWriter
from batchspec.core.rendered import RenderedRows
from batchspec.core.sharding import CutShard, ShardCutter, goes_inline, inline_limits
from batchspec.core.spec import Spec, Submit

Variants = Mapping[tuple[str, str], VariantPlan]
"""The variants of a spec, by the label of a combination of its matrix and by model."""


class Outgoing:
    """Takes in what is to be sent, in the order of the rows; `shards` are those that are full so far."""

    def __init__(
        self, spec: Spec, variants: Variants, begin: Callable[[], SpoolWriter], costing: Costing | None
    ) -> None:
        self.shards: list[PendingShard] = []
        self._spec = spec
        self._variants = variants
        self._begin = begin
        self._costing = costing
        self._meters: dict[str, Meter] = {}
        self._groups: dict[tuple[Target, ...], tuple[Sends, frozenset[Target]]] = {}
        self._cutters: dict[Form, ShardCutter[Target]] = {}

    def add(self, form: Form, requests: RenderedRows, targets: tuple[Target, ...]) -> None:
        """Take in requests in one form, each of which goes to the same targets."""
        sends, group = self._group(targets)
        if self._costing is not None:
            self._meter(form.combination.label, self._costing).add(requests.digests, requests.bodies, sends)

        def told(start: int, end: int) -> bytes:
            return told_of(requests.custom_ids[start:end], requests.digests[start:end])

        for cut in self._cutter(form).add(request_lines(requests.custom_ids, requests.bodies), group, told):
            self._keep(form, cut)

    def finish(self) -> None:
        """Close the shards that are still open."""
        for form, cutter in self._cutters.items():
            for cut in cutter.finish():
                self._keep(form, cut)

    def meter(self, label: str) -> Meter:
        """Return what has metered the requests of a combination of the matrix."""
        return self._meters[label]

    def _group(self, targets: tuple[Target, ...]) -> tuple[Sends, frozenset[Target]]:
        """Return targets as a meter and as a cutter take them; there are few groups, and many rows of each."""
        group = self._groups.get(targets)
        if group is None:
            group = (frozenset(Counter(target.model for target in targets).items()), frozenset(targets))
            self._groups[targets] = group
        return group

    def _meter(self, label: str, costing: Costing) -> Meter:
        meter = self._meters.get(label)
        if meter is None:
            body = self._spec.body if isinstance(self._spec.body, dict) else {}
            meter = self._meters[label] = costing.meter(self._spec.endpoint, body)
        return meter

    def _cutter(self, form: Form) -> ShardCutter[Target]:
        """Return what cuts a form's lines; one that sends nothing needs no file."""
        cutter = self._cutters.get(form)
        if cutter is None:
            spec = self._spec
            inline = spec.submit is Submit.INLINE
            limits = inline_limits(spec.limits) if inline else spec.limits
            cutter = self._cutters[form] = ShardCutter(form.targets, limits, self._begin, one_part=inline)
        return cutter

    def _keep(self, form: Form, cut: CutShard[Target]) -> None:
        spec, label = self._spec, form.combination.label
        inline = goes_inline(spec.submit, cut)
        for target in cut.targets:
            variant = self._variants[label, target.model]
            variant.jobs += 1
            variant.bytes += cut.size
            self.shards.append(
                PendingShard(
                    spec=spec.name,
                    endpoint=spec.endpoint,
                    model=target.model,
                    revision=target.revision,
                    replicate=target.replicate,
                    variant=variant_mark(label),
                    parts=cut.parts,
                    inline=inline,
                )
            )
