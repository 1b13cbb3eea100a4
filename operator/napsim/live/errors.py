"""What can go wrong between us and the API server, as exceptions of the client. Only the writer turns them into values.

The class follows the Status object's reason where there is one, else the HTTP code (apimachinery pkg/api/errors).
"""

from __future__ import annotations

from typing import Final

import msgspec

_DISRUPTION_BUDGET_CAUSE: Final = "DisruptionBudget"  # policy/v1 DisruptionBudgetCause
_SHOWN_CHARACTERS: Final = 1000  # some messages quote the whole object


class Cause(msgspec.Struct, frozen=True):
    """One cause in a Status: on validation errors the ``field`` it is about."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True):
    """The ``Status`` object that the API server answers failures with."""

    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails | None = None
    code: int = 0


class TransportError(Exception):
    """The API server gave no answer.

    ``ambiguous``: the request may have been carried out all the same (it is False only if no connection came about).
    """

    def __init__(self, message: str, *, ambiguous: bool) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous


class ApiError(Exception):
    """The API server refused or failed. ``retry_after_seconds`` is 0 where it named none."""

    def __init__(self, code: int, status: Status, retry_after_seconds: float = 0.0) -> None:
        super().__init__(f"{code} {status.reason or 'no reason'}: {status.message[:_SHOWN_CHARACTERS]}")
        self.code = code
        self.reason = status.reason
        self.message = status.message[:_SHOWN_CHARACTERS]
        self.causes = status.details.causes if status.details else ()
        self.retry_after_seconds = retry_after_seconds


class BadRequest(ApiError):
    """400."""


class Unauthorized(ApiError):
    """401: the token is not, or no longer, accepted."""


class Forbidden(ApiError):
    """403: RBAC or admission."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the resourceVersion or uid is not the one that was asked for."""


class AlreadyExists(ApiError):
    """409 of a create."""


class Gone(ApiError):
    """410: the resourceVersion or the continue token is too old."""


class Invalid(ApiError):
    """422: validation by schema, CEL or admission; or a JSON-patch that does not apply."""


class EvictionBlocked(ApiError):
    """429 of an eviction: a PodDisruptionBudget has nothing to spare, or is not processed yet."""


class Throttled(ApiError):
    """429 of API priority and fairness (or a server that is not ready): try again after ``retry_after_seconds``."""


class ServerError(ApiError):
    """5xx: the request may have been carried out all the same."""


_BY_REASON: Final[dict[str, type[ApiError]]] = {
    "AlreadyExists": AlreadyExists,
    "Expired": Gone,
    "Gone": Gone,
}
_BY_CODE: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Throttled,
}


def error_from_answer(code: int, body: bytes, retry_after: str | None) -> ApiError:
    """The exception for an HTTP answer; a body that is no Status object (a proxy's page) becomes the message."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        status = Status(message=body[:_SHOWN_CHARACTERS].decode(errors="replace").strip())
    return error_from_status(code, status, retry_after)


def error_from_status(code: int, status: Status, retry_after: str | None = None) -> ApiError:
    """The exception for a Status object, also one inside a watch's ERROR event."""
    details = status.details
    seconds = float(details.retry_after_seconds) if details else 0.0
    if retry_after is not None and retry_after.isdigit():
        seconds = float(retry_after)
    kind = _BY_REASON.get(status.reason) or _BY_CODE.get(code) or (ServerError if code >= 500 else ApiError)
    if kind is Throttled and details and any(cause.reason == _DISRUPTION_BUDGET_CAUSE for cause in details.causes):
        kind = EvictionBlocked
    return kind(code, status, seconds)
