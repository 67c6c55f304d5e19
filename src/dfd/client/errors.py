"""What can go wrong for a caller, in one tree, made from the problems (RFC 9457) that the service answers.

::

    ClientError
    ├── Unreachable           no answer came
    ├── BadAnswer             an answer came, but none of DFD's
    ├── NotGenuine            a webhook is not the service's, or old
    ├── NotInTime             a job has not ended in the time that was given
    └── ProblemError          the service said no, and why
        ├── Refused           the request or the media is at fault
        │   ├── Unauthorized  no valid credential
        │   ├── NotFound      no such job
        │   └── Conflict      the job, or the key, is in no state for it
        ├── TryLater          busy, or a part is away; says when to come back
        └── ServiceFailed     the service is at fault
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

_TRY_LATER: Final = frozenset({429, 502, 503, 504, 507})
_NO_PROBLEM: Final = "unknown"

_REFUSED_UNBEGUN: Final = frozenset({"overloaded", "queue_full", "identity_unavailable"})
"""Codes of the service's own 503 that come before anything is done. Any other, as a proxy's `unavailable` in place of a
502 or 504, or `job_store_unavailable` while an answer is made, may come after it."""


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class Unreachable(ClientError):
    """No answer came."""


class BadAnswer(ClientError):
    """What answered is not DFD, or a version that this client does not know."""


class NotGenuine(ClientError):
    """A webhook does not come from the service, or is an old one that somebody repeats."""


class NotInTime(ClientError):
    """A job has not ended in the time that was given; it goes on all the same."""


class ProblemError(ClientError):
    """The service said no.

    Attributes:
        status: HTTP status.
        code: stable code, see ``docs/api.md``; "unknown" where the answer was no problem of DFD's, as a proxy's.
        detail: for people.
        request_id: names the request in the service's log.
        errors: the parameters at fault, each with ``parameter`` and ``message``.
        retry_after_s: when to come back; None where the service did not say.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        """Read the body of a problem; whatever is missing in it is left empty."""
        self.status = status
        self.code = str(body.get("code", _NO_PROBLEM))
        self.detail = str(body.get("detail", ""))
        self.request_id = str(body.get("request_id", ""))
        found = body.get("errors")
        self.errors: list[dict[str, str]] = found if isinstance(found, list) else []
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {self.code}: {self.detail}".removesuffix(": "))


class Refused(ProblemError):
    """The request or the media is at fault: the same request will be refused again."""


class Unauthorized(Refused):
    """No bearer token, or the wrong one."""


class NotFound(Refused):
    """There is no such job, or it is no longer kept."""


class Conflict(Refused):
    """The job, or the idempotency key, is in no state for what was asked."""


class TryLater(ProblemError):
    """The service is busy, the caller has had enough for now, or a part is away."""


class ServiceFailed(ProblemError):
    """The service is at fault."""


_BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {401: Unauthorized, 404: NotFound, 409: Conflict}


def problem_in(response: httpx.Response) -> ProblemError:
    """The error that a response of status 400 or above, which has been read, stands for."""
    try:
        body = response.json()
    except ValueError:
        body = None
    status = response.status_code
    kind = _BY_STATUS.get(status, Refused if status < 500 else ServiceFailed)
    if status in _TRY_LATER:
        kind = TryLater
    return kind(status, body if isinstance(body, dict) else {}, retry_after_s(response))


def left_undone(error: ProblemError) -> bool:
    """Whether nothing can have come of a call that was answered so."""
    if error.status in {429, 507}:
        return True
    return error.status == httpx.codes.SERVICE_UNAVAILABLE and error.code in _REFUSED_UNBEGUN


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds to wait as the response's header says; the form with a date is not used by DFD, and passed over."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdecimal() else None
