"""One keyword of a schema that a value does not fit, as typed data; and a schema's patterns. No library of schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from batchspec.core.schema.problems import Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One keyword of a schema that a value does not fit.

    `wanted` is what the schema says, `found` the value; `path` leads to it from the fault around this one, `pointer`
    from the very top. `inner` are the faults of its alternatives, each with the `branch` that it is in.
    """

    keyword: str
    wanted: object
    found: object
    schema: Mapping[str, object]
    path: Pointer
    pointer: Pointer
    branch: object
    inner: tuple[Fault, ...]

    @property
    def types(self) -> list[str]:
        """The types that a `type` allows."""
        return [str(name) for name in self.wanted] if isinstance(self.wanted, list) else [str(self.wanted)]

    @property
    def values(self) -> list[object]:
        """The values that an `enum` or `const` allows."""
        return list(self.wanted) if self.keyword == "enum" and isinstance(self.wanted, list) else [self.wanted]

    @property
    def mapping(self) -> Mapping[str, object]:
        """The value, which is a mapping wherever a keyword is about keys."""
        return self.found if isinstance(self.found, dict) else {}


class UnusableSchemaError(Exception):
    """A schema that nothing can be judged by, with the reason in words."""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a schema's pattern with JSON Schema's meaning of a last `$`: the very end. Raises re.error."""
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.compile(pattern)
