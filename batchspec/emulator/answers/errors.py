"""What an answerer says of a body that it cannot answer."""

from __future__ import annotations


class AnswerError(Exception):
    """A body that the endpoint refuses: the line fails with `status` and an error object, as the API's lines do."""

    def __init__(self, message: str, *, kind: str = "invalid_request_error", code: str = "3051", status: int = 400):
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.code = code
        self.status = status

    def body(self) -> dict[str, object]:
        """Return the API's error object."""
        return error_object(self.message, kind=self.kind, code=self.code, status=self.status)


def error_object(message: str, *, kind: str, code: str, status: int) -> dict[str, object]:
    """Return the object that stands, written as a JSON string, in the body of an error line."""
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }
