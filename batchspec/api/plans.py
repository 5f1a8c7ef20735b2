"""A plan as a value: what would be sent, and why; and the very thing that may be applied later."""

from __future__ import annotations

import html
import shutil
import weakref
from decimal import Decimal
from pathlib import Path

from batchspec.core.planning import Plan as Planned
from batchspec.core.pricing import total
from batchspec.report.documents import plan_document
from batchspec.report.style import Style
from batchspec.report.text import plan_text

Document = dict[str, object]
"""A document as `--json` writes it, read."""


def saved_in(folder: Path) -> Path:
    """Return where in a folder of its own a plan is saved."""
    return folder / "plan"


class Plan:
    """What would be sent, and why. Shown, it is the text of `batchspec plan`."""

    def __init__(self, planned: Planned, folder: Path | None) -> None:
        self._planned = planned
        self.path = None if folder is None else saved_in(folder)
        """Where it is saved, for as long as this object lives; None where nothing would be sent."""
        if folder is not None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def requests(self) -> int:
        """How many requests would be sent."""
        return self._planned.sends

    @property
    def cost_usd(self) -> Decimal | None:
        """What sending them costs at the most, in US dollars; None where nothing tells."""
        return total(variant.cost_usd for variant in self._planned.variants)

    def to_dict(self) -> Document:
        """Return the document of `plan --json`."""
        return dict(plan_document(self._planned))

    def __bool__(self) -> bool:
        """Whether anything would be sent."""
        return self.requests > 0

    def __repr__(self) -> str:
        return plan_text(self._planned, Style(colour=False), str)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"
