"""What a provider has executed, in three numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """`jobs` created, requests `paid` for over all jobs, and those of them that were paid for before (`twice`)."""

    jobs: int
    paid: int
    twice: int
