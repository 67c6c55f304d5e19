"""What is sent, and when it may be sent again: all that the two clients share."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import httpx

from dfd.client.errors import BadAnswer, TryLater, Unreachable, left_undone, problem_in, retry_after_s
from dfd.feedback import Label

Media = str | os.PathLike[str] | bytes
"""A file by its path, or its bytes."""

POLL_FIRST_S: Final = 0.2
POLL_LONGEST_S: Final = 5.0

_NAME: Final = "media"  # the service does not look at the name of a file; neither is it told


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently a call is repeated.

    Attributes:
        attempts: calls in all, at least 1.
        first_delay_s: wait before the second where the service does not say; doubled for each further one.
        longest_delay_s: the most it grows to. A service that wants more patience (``Retry-After``) is not waited for.
    """

    attempts: int = 4
    first_delay_s: float = 0.5
    longest_delay_s: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_delay_s < 0 or self.longest_delay_s < 0:
            raise ValueError(f"a call needs an attempt, and delays are not negative, got {self}")

    def delay_s(self, attempt: int, said_s: float | None = None) -> float | None:
        """Wait after so many attempts, None where there is to be no other."""
        if attempt >= self.attempts or (said_s is not None and said_s > self.longest_delay_s):
            return None
        grown_s = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempt - 1, 30))
        return grown_s if said_s is None else max(said_s, grown_s)


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        method: of HTTP.
        path: below the service's address.
        params: of the query; None leaves one out.
        headers: beside those of the client.
        media: the files, each in a part named ``file``.
        json: the body, where it is JSON; None sends none.
        repeatable: whether sending it twice does no harm, also when the first may have arrived.
        followed: whether to go where the service sends the caller; to another host without the bearer secret.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    media: Sequence[Media] = ()
    json: Mapping[str, Any] | None = None
    repeatable: bool = True
    followed: bool = False

    @contextmanager
    def sendable(self) -> Iterator[dict[str, Any]]:
        """The arguments of httpx's ``request``, with every file open for as long as the block lasts.

        Raises:
            OSError: a file cannot be opened.
        """
        params = {name: value for name, value in self.params.items() if value is not None}
        with ExitStack() as stack:
            files = [("file", (_NAME, _opened(media, stack))) for media in self.media]
            arguments = {
                "method": self.method,
                "url": self.path,
                "params": params,
                "headers": dict(self.headers),
                "files": files or None,
                "json": self.json,
            }
            yield arguments | ({"follow_redirects": True} if self.followed else {})


def _opened(media: Media, stack: ExitStack) -> bytes | BinaryIO:
    return media if isinstance(media, bytes) else stack.enter_context(Path(media).open("rb"))


def pause_after(call: Call, retries: Retries, attempt: int, outcome: httpx.Response | httpx.TransportError) -> float:
    """How long to wait before a call is repeated.

    A request that never arrived may always be repeated, and so may one that was refused before anything was done; one
    whose answer was lost, or does not say what became of it, only where that does no harm.

    Args:
        call: what was sent.
        retries: the caller's patience.
        attempt: how often it has been sent, from 1.
        outcome: a response of status 400 or above which has been read, or why there is none.

    Returns:
        seconds.

    Raises:
        ProblemError, Unreachable: it is not to be repeated.
    """
    if isinstance(outcome, httpx.Response):
        error = problem_in(outcome)
        again = isinstance(error, TryLater) and (call.repeatable or left_undone(error))
        delay_s = retries.delay_s(attempt, retry_after_s(outcome)) if again else None
        if delay_s is None:
            raise error
        return delay_s
    never_arrived = isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    delay_s = retries.delay_s(attempt) if call.repeatable or never_arrived else None
    if delay_s is None:
        reason = str(outcome) or type(outcome).__name__
        raise Unreachable(f"the service does not answer: {reason}") from outcome
    return delay_s


def json_of(response: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        BadAnswer: there is none.
    """
    try:
        return response.json()
    except ValueError as error:
        raise BadAnswer("what answers at this address is not DFD: no JSON came") from error


# --- the requests -----------------------------------------------------------------------------------------------------


def predict(media: Media, fps: float | None, operating_point: str | None) -> Call:
    """Analyse now; not repeated once it may have arrived, because an analysis is dear."""
    params = {"fps": fps, "operating_point": operating_point}
    return Call("POST", "/predict", params, media=[media], repeatable=False)


def submit(media: Sequence[Media], wishes: Mapping[str, Any], key: str | None) -> Call:
    """Ask for jobs; a key makes it repeatable, so there always is one."""
    if not media:
        raise ValueError("there is no file to submit")
    given = {name: value for name, value in wishes.items() if value not in (None, False)}
    headers = {"Idempotency-Key": key or secrets.token_hex(16)}
    return Call("POST", "/v1/jobs", given, headers, media)


def listing(wanted: Mapping[str, Any], limit: int | None, cursor: str | None) -> Call:
    """One page of jobs."""
    return Call("GET", "/v1/jobs", {**wanted, "limit": limit, "cursor": cursor})


def of_job(method: str, job_id: str, suffix: str = "", headers: Mapping[str, str] | None = None) -> Call:
    """Something with one job."""
    return Call(method, f"/v1/jobs/{quote(job_id, safe='')}{suffix}", headers=headers or {})


def forget(job_id: str) -> Call:
    """Delete a job; repeated, it would be told that there is no such job."""
    return replace(of_job("POST", job_id, "/forget"), repeatable=False)


def replay(job_id: str, delivery_id: int) -> Call:
    """Send an event again; not repeated once it may have arrived, because that would send it once more."""
    return replace(of_job("POST", job_id, f"/deliveries/{int(delivery_id)}/replay"), repeatable=False)


def give_feedback(job_id: str, label: Label, note: str | None, reviewer: str | None) -> Call:
    """Label a video; not repeated once it may have arrived, because that would stand twice in the history."""
    said = {"label": label.value, "note": note, "reviewer": reviewer}
    return replace(of_job("POST", job_id, "/feedback"), json=said, repeatable=False)


def reviewing(limit: int | None, cursor: str | None) -> Call:
    """One page of the review queue."""
    return Call("GET", "/v1/reviews", {"limit": limit, "cursor": cursor})


def listening(job_id: str, last: int | None) -> Call:
    """Listen to a job, from behind the last event that was heard."""
    headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": str(last)})
    return of_job("GET", job_id, "/events", headers)


MADE_WHEN_ASKED: Final = ("report.html", "report.pdf")
"""Names of what is no file of a job, but made of them."""


def loading(job_id: str, name: str) -> Call:
    """Load a file of a job, or one of the forms of its report that are made when they are asked for."""
    if name in MADE_WHEN_ASKED:
        return of_job("GET", job_id, f"/{name}")
    return replace(of_job("GET", job_id, f"/artifacts/{quote(name, safe='')}"), followed=True)


@contextmanager
def arriving(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place once it is whole; one that breaks off leaves nothing.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


CONNECTIONS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.5)
"""An idle connection is given up before the service closes it, after five seconds (`dfd.cli.serving.KEEP_ALIVE_S`): a
request that crosses the closing on its way breaks off."""


def headers_of(token: str | None) -> dict[str, str]:
    """The headers of every request."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def polls() -> Callable[[], float]:
    """Seconds to wait between two looks at a job: short at first, longer the longer it takes."""
    pause_s = POLL_FIRST_S

    def following() -> float:
        nonlocal pause_s
        now_s, pause_s = pause_s, min(POLL_LONGEST_S, pause_s * 1.5)
        return now_s

    return following
