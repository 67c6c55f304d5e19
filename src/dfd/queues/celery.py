"""Waking the workers of many machines: a call is a Celery task in Redis or RabbitMQ.

A worker takes one call when it begins to wait, and confirms it when it waits again, so that a busy machine holds no
call that an idle one could answer. That is why Celery's own worker, which fetches ahead, has no part in it. Nothing
rests on a call: polling the table finds what was lost, and a call that comes twice finds nothing to claim.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from celery import Celery
from kombu import Connection, Consumer, Message, Queue
from kombu.exceptions import KombuError

from dfd.errors import ConfigurationError, Unavailable
from dfd.ports import JobQueue

_LOG = logging.getLogger(__name__)

TASK: Final = "dfd.wake"
"""Name of the task; its one argument is the name of the job."""

MOST_CALLS: Final = 1000
"""Calls that may stand unheard: who did not hear those will not hear another, and they must not grow for ever."""

_CONNECT_S: Final = 2.0
_LEAST_WAIT_S: Final = 0.05  # an answer of the server takes a moment, also when a call is there

_REDIS: Final = {
    # A call that a dead worker held is given to another after this time; the other two make Celery look so often.
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "polling_interval": 1,
    "socket_connect_timeout": _CONNECT_S,
    "socket_timeout": 5.0,
}
_NO_RETRY: Final = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.0, "interval_max": 0.0}


class CeleryQueue(JobQueue):
    """Calls through a broker. One that is away costs a polling interval, and a warning when that begins."""

    def __init__(self, broker_url: str, name: str = "dfd-jobs") -> None:
        """Use a broker; nothing is connected yet.

        Args:
            broker_url: ``redis://...`` or ``amqp://...``; may hold a password.
            name: of the queue in it.

        Raises:
            ConfigurationError: the address is of a kind that cannot be used.
        """
        options = {**_NO_RETRY, **(_REDIS if broker_url.startswith("redis") else {})}
        self._app = Celery("dfd", broker=broker_url, set_as_current=False)
        self._app.conf.update(
            broker_transport_options=options, broker_connection_timeout=_CONNECT_S, task_ignore_result=True
        )
        self._queue = Queue(name, routing_key=name, durable=True)
        self._lock = threading.Lock()
        self._senders: list[Connection] = []
        self._listeners: list[_Listener] = []
        self._away = False
        try:
            connection = self._app.connection_for_write()
            self._errors = (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)
        except (ImportError, KeyError, ValueError) as error:
            raise ConfigurationError("BROKER_URL cannot be used; it needs pip install 'dfd[celery]'") from error

    def announce(self, job_ids: Sequence[str]) -> None:
        try:
            with self._sender() as connection:
                for job_id in job_ids[: self._room(connection)]:
                    self._app.send_task(TASK, (job_id,), connection=connection, queue=self._queue, retry=False)
        except self._errors as error:
            self._tell_away(error)

    def check(self) -> None:
        try:
            with self._sender() as connection:
                self._room(connection)
        except self._errors as error:
            raise Unavailable(f"the broker does not answer: {type(error).__name__}") from error

    def wait(self, timeout_s: float) -> bool:
        until_s = time.monotonic() + timeout_s
        try:
            with self._listener() as listener:
                called = listener.heard(timeout_s)
            self._away = False
        except self._errors as error:
            self._tell_away(error)
            time.sleep(max(0.0, until_s - time.monotonic()))
            return False
        return called

    def close(self) -> None:
        with self._lock:
            senders, self._senders = self._senders, []
            listeners, self._listeners = self._listeners, []
        for connection in senders:
            _drop(connection)
        for listener in listeners:
            listener.close()

    def _room(self, connection: Connection) -> int:
        """How many more calls the queue takes; also makes it, for a broker may have lost it."""
        channel = connection.default_channel
        self._queue(channel).declare()
        told = channel.queue_declare(queue=self._queue.name, durable=True, auto_delete=False)
        return max(0, MOST_CALLS - int(told.message_count))

    @contextmanager
    def _sender(self) -> Iterator[Connection]:
        """A connection that nobody else uses for now; a broken one is not used again."""
        with self._lock:
            connection = self._senders.pop() if self._senders else self._app.connection_for_write()
        try:
            yield connection
        except BaseException:
            _drop(connection)
            raise
        with self._lock:
            self._senders.append(connection)

    @contextmanager
    def _listener(self) -> "Iterator[_Listener]":
        """Likewise."""
        with self._lock:
            listener = self._listeners.pop() if self._listeners else None
        listener = listener or _Listener(self._app.connection_for_read(), self._queue)
        try:
            yield listener
        except BaseException:
            listener.close()
            raise
        with self._lock:
            self._listeners.append(listener)

    def _tell_away(self, error: Exception) -> None:
        if not self._away:
            _LOG.warning("the broker is away, workers look for jobs themselves: %s", type(error).__name__)
        self._away = True


class _Listener:
    """One connection that takes one call at a time."""

    def __init__(self, connection: Connection, queue: Queue) -> None:
        self._connection = connection
        self._queue = queue
        self._consumer: Consumer | None = None
        self._call: Message | None = None

    def heard(self, timeout_s: float) -> bool:
        """Confirm the last call, and wait for the next; whether one came."""
        if self._consumer is None:
            self._consumer = self._consuming()
        if self._call is not None:
            self._call.ack()
            self._call = None
        until_s = time.monotonic() + max(timeout_s, _LEAST_WAIT_S)
        while self._call is None and (left_s := until_s - time.monotonic()) > 0:
            try:
                self._connection.drain_events(timeout=left_s)
            except TimeoutError:
                break
        return self._call is not None

    def close(self) -> None:
        """Give up the connection; a call that is not confirmed goes to somebody else."""
        self._consumer = None
        _drop(self._connection)

    def _consuming(self) -> Consumer:
        channel = self._connection.default_channel
        consumer = Consumer(channel, [self._queue], on_message=self._take, prefetch_count=1)
        consumer.consume()
        return consumer

    def _take(self, message: Any) -> None:
        self._call = message


def _drop(connection: Connection) -> None:
    """Close a connection that may be broken already."""
    with suppress(*connection.connection_errors, *connection.channel_errors, KombuError):
        connection.release()
