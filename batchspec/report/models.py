"""Models as text and as documents: what `lock` has done or found, and what a plan says of the models in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchspec.commands.lock import Locked, LockedAlias, Standing
from batchspec.commands.pins import ModelInUse, ModelsInUse
from batchspec.core.model_lock import LOCK_FILE
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural

_SIGNS = {
    Standing.ADDED: ("+", "green", "pinned"),
    Standing.MOVED: ("~", "yellow", "moved"),
    Standing.KEPT: ("=", "dim", "kept"),
    Standing.DRIFTED: ("!", "yellow", "drifted"),
    Standing.MISSING: ("!", "red", "not in the lock"),
    Standing.UNPINNED: ("?", "yellow", "cannot be pinned"),
}


def locked_text(locked: Locked, style: Style, *, check: bool) -> str:
    """Return every alias with its pin, then what has become of the file."""
    lines = [line for each in locked.aliases for line in _alias_lines(each, style)]
    if not locked.aliases:
        lines.append("no spec names a model by an alias")
    return "\n".join([*lines, _summary(locked, style, check=check)])


def _alias_lines(each: LockedAlias, style: Style) -> Iterator[str]:
    sign, colour, word = _SIGNS[each.standing]
    model = "" if each.model is None else f"  {safe(each.model)}"
    yield f"{style(f'{sign} {safe(each.asked)}', colour)}{model}  {style(_said(each, word), 'dim')}"
    if each.recorded:
        sent = each.before or each.asked
        yield (
            f"  {plural(each.recorded, 'request')} sent to {safe(sent)} will be sent, and paid for, again where specs"
            " still declare them: `batchspec plan` says what that comes to"
        )


def _said(each: LockedAlias, word: str) -> str:
    parts = [word]
    if each.standing is Standing.MOVED and each.before != each.model:
        parts = [f"moved from {safe(each.before or each.asked)}"]
    elif each.standing is Standing.MOVED:
        parts = ["kept, with what the provider says of it now"]
    if each.standing in {Standing.DRIFTED, Standing.MISSING} and each.now is not None:
        parts.append(f"stands for {safe(each.now)} now")
    if each.unknown:
        parts.append(safe(each.unknown))
    return ", ".join([*parts, *_ending(each.deprecation, each.replacement)])


def _ending(deprecation: str | None, replacement: str | None) -> Iterator[str]:
    if deprecation is not None:
        yield f"deprecated from {deprecation} on"
    if replacement is not None:
        yield f"replaced by {safe(replacement)}"


def _summary(locked: Locked, style: Style, *, check: bool) -> str:
    if not check:
        word = "written" if locked.changed else "is as it was"
        return f"{style('Locked', 'bold')}: {LOCK_FILE} {word}"
    asked = "" if locked.asked_provider else " (the provider was not asked, so drift cannot be seen)"
    if locked.holds:
        return f"{style('Holds', 'bold', 'green')}: {LOCK_FILE} covers every alias{asked}"
    missing = sum(each.standing is Standing.MISSING for each in locked.aliases)
    drifted = sum(each.standing is Standing.DRIFTED for each in locked.aliases)
    help_lines = []
    if missing:
        help_lines.append(f"{missing:,} not in {LOCK_FILE}: run `batchspec lock`")
    if drifted:
        help_lines.append(f"{drifted:,} drifted: `batchspec lock --upgrade` moves the pins")
    return f"{style('Does not hold', 'bold', 'red')}{asked}: {'; '.join(help_lines)}"


def locked_document(locked: Locked, *, check: bool) -> Document:
    """Return the document of `lock --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "path": LOCK_FILE,
        "written": locked.changed and not check,
        "holds": locked.holds,
        "provider_asked": locked.asked_provider,
        "models": [
            {
                "asked": each.asked,
                "standing": each.standing.value,
                "pinned": each.model,
                "before": each.before,
                "stands_for": each.now,
                "unknown": each.unknown or None,
                "deprecation": each.deprecation,
                "replacement": each.replacement,
                "recorded_requests": each.recorded,
                "specs": list(each.specs),
            }
            for each in locked.aliases
        ],
    }


def model_notes(found: ModelsInUse) -> list[str]:
    """Return what a plan has to say of the models in use: drift, deprecations, what the lock does not cover."""
    notes = [note for each in found.models for note in _notes(each)]
    if found.uncovered:
        listed = ", ".join(found.uncovered)
        notes.append(f"{LOCK_FILE} does not pin {listed}; `batchspec lock` does")
    if found.failure is not None:
        notes.append(f"whether models have drifted or are deprecated is not known: {found.failure}")
    return notes


def _notes(each: ModelInUse) -> Iterator[str]:
    if each.drifted:
        yield f"{each.asked} now stands for {each.stands_for}; pinned to {each.sent}"
    named = each.sent if each.sent == each.asked else f"{each.sent} (asked for as {each.asked})"
    if each.deprecation is not None:
        then = "" if each.replacement is None else f"; {each.replacement} replaces it"
        yield f"{named} is deprecated from {each.deprecation} on{then}"
    if each.pinned and each.listed is False:
        yield f"{named} is no longer among the provider's models"


def models_document(models: Iterable[ModelInUse]) -> list[Document]:
    """Return the models in use as a plan's document has them."""
    return [
        {
            "asked": each.asked,
            "model": each.sent,
            "pinned": each.pinned,
            "stands_for": each.stands_for,
            "drifted": each.drifted,
            "listed": each.listed,
            "deprecation": each.deprecation,
            "replacement": each.replacement,
            "specs": list(each.specs),
        }
        for each in models
    ]
