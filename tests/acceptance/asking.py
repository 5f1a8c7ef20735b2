"""What tests ask a served emulator themselves, beside the program that they run against it."""

from __future__ import annotations

from typing import Any

import requests

from batchspec.emulator.server import EmulatorServer

KEY = {"Authorization": "Bearer any"}


def get(server: EmulatorServer, path: str) -> Any:
    """Return the JSON document at a path."""
    return requests.get(f"{server.url}{path}", headers=KEY, timeout=60).json()


def executions(server: EmulatorServer) -> int:
    """Return how many requests it has executed, each time that it did."""
    return int(get(server, "/emulator/ledger")["executions"])


def executed_and_repeated(server: EmulatorServer) -> tuple[int, int]:
    """Return how many requests it has executed, and how many of these executions were of one that had been already."""
    told = get(server, "/emulator/ledger")
    return told["executions"], told["repeated"]
