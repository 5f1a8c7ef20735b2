"""What the answers to some specs have used, summed anew only where anything was written since it was summed last."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.json_text import JsonError, encode, parse
from batchspec.core.usage import SpecUsage, Used


def usage_of(specs: Sequence[LoadedSpec], whole: Collection[str], world: World) -> Sequence[SpecUsage]:
    """Return what the recorded successes of these specs have used, by model; `whole` as in `Ledger.usage`."""
    names, ledger = [each.spec.name for each in specs], world.ledger
    # No spec has a name with a blank, so that this is the key of none.
    key, made_of = " ".join(["usage", *names]), _made_of(specs, whole)
    told = None if made_of is None else ledger.remembered_plan(key)
    known = None if told is None else _read(told, made_of)
    if known is not None:
        return known
    if world.locked:
        ledger.begin_planning()
    found = ledger.usage(names, whole)
    if world.locked and made_of is not None:
        ledger.remember_plans({key: encode({"made_of": made_of, "used": found}).decode("utf-8")})
    return found


def _made_of(specs: Sequence[LoadedSpec], whole: Collection[str]) -> str | None:
    """Return a digest of all that the sums depend on beside the ledger: which they are, and the program."""
    parts = [each.made_of() for each in specs if each.made_of is not None]
    if len(parts) < len(specs):
        return None
    return hashlib.sha256(encode([parts, sorted(whole)])).hexdigest()


def _read(told: str, made_of: str | None) -> list[SpecUsage] | None:
    try:
        value = parse(told.encode("utf-8", "replace"))
        if not isinstance(value, dict) or value["made_of"] != made_of:
            return None
        return [SpecUsage(spec, model, Used(*map(int, used))) for spec, model, used in value["used"]]
    except (JsonError, KeyError, TypeError, ValueError):
        return None
