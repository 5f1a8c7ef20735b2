"""From an answer that is not what was asked for to the error that says what, why and how to mend it."""

from __future__ import annotations

from urllib.parse import urlsplit

from batchspec.core.errors import AccessError, BatchspecError, ProviderError, ProviderRefusedError
from batchspec.mistral.answer_text import (
    LONGEST_ID,
    LONGEST_MESSAGE,
    ErrorText,
    clean,
    cut,
    is_html,
    one_line,
    read_error,
)
from batchspec.mistral.base_url import VARIABLE as BASE_URL
from batchspec.mistral.exchange import Answer
from batchspec.mistral.key import VARIABLE as KEY
from batchspec.mistral.key import ApiKey

NOT_THE_API = f"what answers there is not the API: check {BASE_URL} and the proxy settings"

_HINTS = {
    400: "this version sends something that the provider does not take; look at its message",
    401: f"check {KEY}: it may be mistyped, revoked, or a key of another service",
    402: "batch billing is off for this workspace: turn it on in the provider's console, or use another key",
    403: f"the key of {KEY} may not do this: use one of the right workspace, with rights to batch jobs and files",
    404: f"the key of {KEY} sees no such thing: use the key of the workspace that owns it, and check the model's name",
    413: "the file is too large: lower `limits.bytes_per_file` in the spec",
    422: "mend what the provider names; a model also needs to be open to this workspace",
    429: "wait a while and run again: nothing was created, and nothing is paid for twice",
}


class Refusals:
    """Words the provider's refusals, with the key hidden in whatever it quotes back."""

    def __init__(self, place: str, key: ApiKey) -> None:
        self._place = place
        self._key = key

    def refusal(self, doing: str, answer: Answer) -> BatchspecError:
        """Return the error for a definite 4xx: AccessError for 401 and 403, else ProviderRefusedError."""
        said = self.read(answer)
        summary = f"{self._place} refused to {doing}: {said.message or 'no reason given'} (HTTP {answer.status})"
        hint = NOT_THE_API if is_html(answer.content_type, answer.body) else _HINTS.get(answer.status)
        if answer.status in (401, 403):
            return AccessError(summary, why=_request_id(said), hint=hint)
        return ProviderRefusedError(
            summary,
            status=answer.status,
            request_id=said.request_id,
            line_errors=said.lines,
            why=_request_id(said),
            hint=hint,
        )

    def failure(self, doing: str, answer: Answer) -> tuple[str, str | None, str | None]:
        """Return summary, request id and why for an answer that is no refusal: 408, 429 and 5xx."""
        said = self.read(answer)
        reason = f": {said.message}" if said.message else ""
        return f"{self._place} could not {doing} (HTTP {answer.status}){reason}", said.request_id, _request_id(said)

    def unexpected(self, doing: str, answer: Answer) -> ProviderError:
        """Return the error for an answer that the API never gives: a redirect, a page, no JSON."""
        if 300 <= answer.status < 400:
            host = _host(self._key.redact(answer.location or ""))
            what = f"redirects to {host}; redirects are not followed, because the key stays where it is"
        elif is_html(answer.content_type, answer.body):
            what = "sent a page for people"
        else:
            what = "sent something that is not the API's JSON"
        said = self.read(answer)
        return ProviderError(
            f"could not {doing}: {self._place} {what} (HTTP {answer.status})",
            status=answer.status,
            request_id=said.request_id,
            why=_request_id(said),
            hint=NOT_THE_API,
        )

    def read(self, answer: Answer) -> ErrorText:
        """Return what an answer says, made safe to show."""
        said = read_error(answer.body)
        request_id = answer.request_id or said.request_id
        return ErrorText(
            self._shown(said.message, LONGEST_MESSAGE),
            self._shown(request_id, LONGEST_ID),
            tuple((line, self._shown(words, LONGEST_MESSAGE) or "no reason given") for line, words in said.lines),
        )

    def _shown(self, text: str | None, longest: int) -> str | None:
        """Hide the key before the cut, which could leave the greater part of it."""
        return cut(self._key.redact(one_line(text)), longest) if text else None


def _request_id(said: ErrorText) -> str | None:
    return f"the provider's request id is {said.request_id}" if said.request_id else None


def _host(location: str) -> str:
    """Return the host alone: the rest of a signed address is a secret."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return clean(host, 100) if host else "another path"
