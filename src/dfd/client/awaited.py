"""The client for code that awaits."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from dfd.client.calls import CONNECTIONS, Retries, headers_of
from dfd.client.conversations import Conversations
from dfd.client.methods import Method
from dfd.client.steps import Asking, Found, NextLine, NextPiece, Pause, Send, Step, Telling
from dfd.client.streams import awaited_lines_of

Value = TypeVar("Value")


class AsyncClient:
    """Speaks with one service, as `dfd.client.Client` does. An asynchronous context manager."""

    def __init__(
        self,
        url: str = "http://localhost:8000",
        token: str | None = None,
        *,
        timeout_s: float = 300.0,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """As `dfd.client.Client`, but that `http` and `sleep` are awaited."""
        self._own = http is None
        self._http = http or httpx.AsyncClient(
            base_url=url, headers=headers_of(token), timeout=timeout_s, limits=CONNECTIONS
        )
        self._sleep = sleep
        self.conversations = Conversations(retries or Retries(), clock)

    async def close(self) -> None:
        """Close its connections."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, steps: Asking[Value]) -> Value:
        wire, answer = _Wire(self._http, self._sleep), None
        async with wire.open:
            with closing(steps):
                while True:
                    try:
                        step = steps.send(answer)
                    except StopIteration as end:
                        value: Value = end.value
                        return value
                    answer = await wire.take(step)

    async def _tell(self, steps: Telling[Value]) -> AsyncGenerator[Value, None]:
        wire, answer = _Wire(self._http, self._sleep), None
        async with wire.open:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                if isinstance(step, Found):
                    yield step.value
                    answer = None
                else:
                    answer = await wire.take(step)

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

    def __init__(self, http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[object]]) -> None:
        self.open = AsyncExitStack()
        self._http = http
        self._sleep = sleep
        self._lines: AsyncIterator[str] | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def take(self, step: Step) -> Any:
        """What became of a step."""
        try:
            match step:
                case Send():
                    return await self._sent(step)
                case NextLine():
                    return None if self._lines is None else await anext(self._lines, None)
                case NextPiece():
                    return None if self._pieces is None else await anext(self._pieces, None)
                case Pause(seconds):
                    await self.open.aclose()
                    await self._sleep(seconds)
                    return None
        except httpx.TransportError as error:
            return error

    async def _sent(self, step: Send) -> httpx.Response:
        with step.call.sendable() as arguments:
            if not step.streamed:
                return await self._http.request(**arguments)
            response = await self.open.enter_async_context(self._http.stream(**arguments))
        self._lines = awaited_lines_of(response.aiter_text())
        self._pieces = response.aiter_bytes()  # neither is begun yet
        if not response.is_success:
            await response.aread()
        return response
