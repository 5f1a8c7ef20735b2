"""The WSGI application: which call a request is, whether its key is good, what befalls it, and its answer's shape."""

from __future__ import annotations

import hmac
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from batchspec.emulator.calls import Calls, as_json
from batchspec.emulator.faults import CALLS, FaultInjector, HtmlPage
from batchspec.emulator.refusals import Refusal, unauthorized

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_LOG = logging.getLogger(__name__)
_KEYLESS = "signed"

_ROUTES = Map(
    [
        Rule("/v1/files", methods=["POST"], endpoint="upload"),
        Rule("/v1/files", methods=["GET"], endpoint="list_files"),
        Rule("/v1/files/<file_id>", methods=["GET"], endpoint="get_file"),
        Rule("/v1/files/<file_id>", methods=["DELETE"], endpoint="delete_file"),
        Rule("/v1/files/<file_id>/content", methods=["GET"], endpoint="download"),
        Rule("/v1/files/<file_id>/url", methods=["GET"], endpoint="file_url"),
        Rule("/v1/batch/jobs", methods=["POST"], endpoint="create"),
        Rule("/v1/batch/jobs", methods=["GET"], endpoint="list"),
        Rule("/v1/batch/jobs/<job_id>", methods=["GET"], endpoint="get"),
        Rule("/v1/batch/jobs/<job_id>", methods=["DELETE"], endpoint="delete"),
        Rule("/v1/batch/jobs/<job_id>/cancel", methods=["POST"], endpoint="cancel"),
        Rule("/v1/models", methods=["GET"], endpoint="models"),
        Rule("/v1/models/<model_id>", methods=["GET"], endpoint="model"),
        Rule("/emulator/signed/<file_id>", methods=["GET"], endpoint=_KEYLESS),
        Rule("/emulator/ledger", methods=["GET"], endpoint="ledger"),
        Rule("/emulator/models", methods=["GET", "PUT"], endpoint="aliases"),
        Rule("/emulator/faults", methods=["GET", "PUT"], endpoint="faults"),
    ],
    strict_slashes=False,
    merge_slashes=False,
)


class Application:
    """Answers requests. `key` is the one that is accepted; None accepts any that is not empty."""

    def __init__(self, calls: Calls, faults: FaultInjector, key: str | None) -> None:
        self._calls = calls
        self._faults = faults
        self._key = key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as WSGI has it. Raises ConnectionError where the connection is to be closed without an answer."""
        response = self._respond(Request(environ), environ)
        response.headers.setdefault("mistral-correlation-id", str(uuid.uuid4()))
        return response(environ, start_response)

    def _respond(self, request: Request, environ: WSGIEnvironment) -> Response:
        try:
            call, parts = _ROUTES.bind_to_environ(environ).match()
            if call != _KEYLESS:
                self._authorize(request)
            return self._around(call, request, parts)
        except Refusal as refusal:
            response = as_json(refusal.body, refusal.status)
            response.headers.extend(refusal.headers)
            return response
        except HtmlPage as html:
            return Response(html.page, mimetype="text/html")
        except HTTPException as error:
            return as_json({"message": error.name, "request_id": str(uuid.uuid4())}, error.code or 500)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - a bug must not look like a broken connection
            _LOG.exception("the emulator failed on %s %s", request.method, request.path)
            return as_json(
                {"object": "error", "message": "Internal server error", "type": "internal", "code": "500"}, 500
            )

    def _around(self, call: str, request: Request, parts: Mapping[str, str]) -> Response:
        """Do the work of a call between what befalls it before and after."""
        injected = call in CALLS
        if injected:
            self._faults.before(call)
        response: Response = getattr(self._calls, call)(request, **parts)
        if injected:
            try:
                self._faults.after(call)
            except ConnectionError:
                response.close()
                raise
        return response

    def _authorize(self, request: Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given = key.strip()
        if scheme.lower() != "bearer" or not given:
            raise unauthorized()
        if self._key is not None and not hmac.compare_digest(given.encode(), self._key.encode()):
            raise unauthorized()
