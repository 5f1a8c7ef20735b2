"""Every page of a list, each thing once, ending for sure however the server counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from batchspec.core.errors import ProviderError
from batchspec.mistral.wire import Page

PAGE_SIZE = 100
_MOST_PAGES = 10_000


class _WithId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_WithId)


def every_page(fetch: Callable[[int], Page], read: Callable[[object], T]) -> Iterator[T]:
    """Yield what every page holds. `fetch` takes a page's number, from 0.

    A full page is never taken for the last, and a short one only where the provider's total agrees: a job that is
    overlooked may be paid for again. A page that brings nothing new ends the list. Raises ProviderError for a list
    without end.
    """
    seen: set[str] = set()
    for number in range(_MOST_PAGES):
        page = fetch(number)
        known = len(seen)
        for item in map(read, page.items):
            if item.id not in seen:
                seen.add(item.id)
                yield item
        short = len(page.items) < PAGE_SIZE
        if len(seen) == known or (short and len(seen) >= (page.total or 0)):
            return
    raise ProviderError("the provider's list has no end", hint="run again; if it stays so, tell the provider")
