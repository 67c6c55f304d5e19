"""The service from Python: `Client` for ordinary code, `AsyncClient` for code that awaits (``docs/client.md``)."""

try:
    import httpx as _httpx  # noqa: F401 - only to say at once what is missing
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError("dfd.client needs httpx: pip install 'dfd[client]'", name="httpx") from _error

from dfd.client.awaited import AsyncClient
from dfd.client.blocking import Client
from dfd.client.calls import Media, Retries
from dfd.client.errors import (
    BadAnswer,
    ClientError,
    Conflict,
    NotFound,
    NotGenuine,
    NotInTime,
    ProblemError,
    Refused,
    ServiceFailed,
    TryLater,
    Unauthorized,
    Unreachable,
)
from dfd.client.feedback import Feedback, FeedbackHistory, Review
from dfd.client.receiving import WebhookEvent, event_in
from dfd.client.values import (
    Artifact,
    Delivery,
    DeliveryAttempt,
    ForgottenJob,
    Job,
    JobEvent,
    JobPage,
    Prediction,
    Progress,
)

__all__ = [
    "Artifact",
    "AsyncClient",
    "BadAnswer",
    "Client",
    "ClientError",
    "Conflict",
    "Delivery",
    "DeliveryAttempt",
    "Feedback",
    "FeedbackHistory",
    "ForgottenJob",
    "Job",
    "JobEvent",
    "JobPage",
    "Media",
    "NotFound",
    "NotGenuine",
    "NotInTime",
    "Prediction",
    "ProblemError",
    "Progress",
    "Refused",
    "Retries",
    "Review",
    "ServiceFailed",
    "TryLater",
    "Unauthorized",
    "Unreachable",
    "WebhookEvent",
    "event_in",
]
