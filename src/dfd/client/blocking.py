"""The client for ordinary code."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from dfd.client.calls import CONNECTIONS, Retries, headers_of
from dfd.client.conversations import Conversations
from dfd.client.methods import Method
from dfd.client.steps import Asking, Found, NextLine, NextPiece, Pause, Send, Step, Telling
from dfd.client.streams import lines_of

Value = TypeVar("Value")


class Client:
    """Speaks with one service. A context manager; safe to use from several threads.

    Every method raises `dfd.client.ClientError`; those that send or load files also OSError.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        token: str | None = None,
        *,
        timeout_s: float = 300.0,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: address of the service.
            token: the bearer secret, where the service asks for one.
            timeout_s: longest silence of the service.
            retries: how often and how patiently a call is repeated.
            http: used instead of a client of its own, with its address, headers and timeouts; not closed here.
            sleep: waits for so many seconds.
            clock: seconds since any moment.
        """
        self._own = http is None
        self._http = http or httpx.Client(
            base_url=url, headers=headers_of(token), timeout=timeout_s, limits=CONNECTIONS
        )
        self._sleep = sleep
        self.conversations = Conversations(retries or Retries(), clock)

    def close(self) -> None:
        """Close its connections."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, steps: Asking[Value]) -> Value:
        wire, answer = _Wire(self._http, self._sleep), None
        with wire.open, closing(steps):
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration as end:
                    value: Value = end.value
                    return value
                answer = wire.take(step)

    def _tell(self, steps: Telling[Value]) -> Generator[Value, None, None]:
        wire, answer = _Wire(self._http, self._sleep), None
        with wire.open:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                if isinstance(step, Found):
                    yield step.value
                    answer = None
                else:
                    answer = wire.take(step)

    predict = Method(Conversations.predict, _ask)
    submit = Method(Conversations.submit, _ask)
    job = Method(Conversations.job, _ask)
    jobs = Method(Conversations.jobs, _tell)
    cancel = Method(Conversations.cancel, _ask)
    forget = Method(Conversations.forget, _ask)
    report = Method(Conversations.report, _ask)
    artifacts = Method(Conversations.artifacts, _ask)
    download = Method(Conversations.download, _ask)
    deliveries = Method(Conversations.deliveries, _ask)
    replay = Method(Conversations.replay, _ask)
    give_feedback = Method(Conversations.give_feedback, _ask)
    feedback = Method(Conversations.feedback, _ask)
    reviews = Method(Conversations.reviews, _tell)
    wait = Method(Conversations.wait, _ask)
    events = Method(Conversations.events, _tell)


class _Wire:
    """Takes the steps of one conversation.

    Attributes:
        open: holds the response that is open, if any.
    """

    def __init__(self, http: httpx.Client, sleep: Callable[[float], object]) -> None:
        self.open = ExitStack()
        self._http = http
        self._sleep = sleep
        self._lines: Iterator[str] = iter(())
        self._pieces: Iterator[bytes] = iter(())

    def take(self, step: Step) -> Any:
        """What became of a step."""
        try:
            match step:
                case Send():
                    return self._sent(step)
                case NextLine():
                    return next(self._lines, None)
                case NextPiece():
                    return next(self._pieces, None)
                case Pause(seconds):
                    self.open.close()
                    self._sleep(seconds)
                    return None
        except httpx.TransportError as error:
            return error

    def _sent(self, step: Send) -> httpx.Response:
        with step.call.sendable() as arguments:
            if not step.streamed:
                return self._http.request(**arguments)
            response = self.open.enter_context(self._http.stream(**arguments))
        self._lines, self._pieces = lines_of(response.iter_text()), response.iter_bytes()  # neither is begun yet
        if not response.is_success:
            response.read()
        return response
