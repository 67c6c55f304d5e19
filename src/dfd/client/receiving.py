"""The other side of ``callback_url``: what a receiver does with the requests that the service sends."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from dfd.client.errors import NotGenuine
from dfd.client.values import Job, understood
from dfd.signing import is_genuine


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """The end of a job, as its ``callback_url`` is told of it.

    Attributes:
        id: the same in every delivery, so that one which comes twice can be passed over.
        type: ``job.succeeded``, ``job.failed``, ``job.cancelled`` or ``job.expired``.
        created_at: when the job ended.
        job: without its report.
        report: where that is; None unless the job has succeeded.
    """

    id: str
    type: str
    created_at: datetime
    job: Job
    report: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        created_at = datetime.fromisoformat(data["created_at"])
        return cls(data["id"], data["type"], created_at, Job.read(data["job"]), data["report"])


def event_in(body: bytes, headers: Mapping[str, str], secret: str, *, now_s: float | None = None) -> WebhookEvent:
    """The event in a request, once its signature has been checked.

    Args:
        body: exactly as it came.
        headers: of the request, in whatever case their names are spelt.
        secret: one of the service's ``WEBHOOK_SECRET``.
        now_s: seconds since the epoch; None takes the clock's.

    Raises:
        NotGenuine: the signature does not hold, or the request is more than five minutes old.
        BadAnswer: it holds, and the body is no event.
    """
    if not is_genuine(secret, headers, body, time.time() if now_s is None else now_s):
        raise NotGenuine("the signature does not hold, or the request is old")
    return understood(body, lambda text: WebhookEvent.read(json.loads(text)))
