"""What is written down of who did what. No secret and no content of a video is ever part of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

OPERATOR: Final = "operator"
"""Whoever works at the command line, who has the database in hand."""


class Action(StrEnum):
    """What was done."""

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    JOB_FORGOTTEN = "job.forgotten"
    FEEDBACK_GIVEN = "feedback.given"
    DELIVERY_REPLAYED = "delivery.replayed"
    SIGN_IN_FAILED = "sign_in.failed"
    ACCESS_REFUSED = "access.refused"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed.

    Attributes:
        at_s: seconds since the epoch.
        action: what was done.
        actor: who did it (`dfd.caller.Caller.subject`), or `OPERATOR`; None where nobody knows.
        tenant: whose thing it was done to, or who did it; None where nobody knows.
        subject: what it was done to: a job's or a key's id.
        request_id: of the request, as its answer and the service's log have it.
        address: whence it came, of failures alone.
        facts: what else there is to know.
        number: order of writing, given by the log; 0 before.
    """

    at_s: float
    action: Action
    actor: str | None = None
    tenant: str | None = None
    subject: str | None = None
    request_id: str | None = None
    address: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
