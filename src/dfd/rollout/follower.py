"""Following an alias: when it names another version, that one is loaded beside the old one and takes over.

A version that cannot be loaded changes nothing: the old one goes on, the error is logged, and `state` tells of it.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dfd.errors import DfdError
from dfd.ports.observing import Observer
from dfd.rollout.live import LiveModel, LoadedModel

_LOG = logging.getLogger(__name__)

RETRY_S: Final = 60.0
"""How long a version that failed to load is left alone, unless somebody asks for it: hashing it costs time."""


@dataclass(frozen=True, slots=True)
class FollowState:
    """How following goes.

    Attributes:
        alias: what is followed.
        wanted: version that it names; None where that is not known.
        error: code of what keeps that version from answering, or from being known; None where nothing does.
    """

    alias: str
    wanted: str | None
    error: str | None = None

    @property
    def known(self) -> bool:
        """Whether it could be read at the last look which version the alias names."""
        return self.wanted is not None

    @property
    def behind(self) -> bool:
        """Whether a version that is known cannot take over. Where none is, there is nothing to be behind of."""
        return self.known and self.error is not None


class AliasFollower:
    """Keeps a `LiveModel` at the version that an alias names, by looking every few seconds."""

    def __init__(
        self,
        live: LiveModel,
        alias: str,
        wanted: Callable[[], str],
        load: Callable[[str], LoadedModel],
        poll_s: float,
        clock: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
    ) -> None:
        """Put the parts together; nothing runs yet.

        Args:
            live: kept up to date.
            alias: its name, for `state`.
            wanted: the version it names; raises `DfdError`.
            load: makes a version ready to answer, which must include that it answers; raises `DfdError`.
            poll_s: seconds between two looks.
            clock: seconds since some fixed moment.
            observer: told of versions that take over, or cannot.
        """
        self._live = live
        self._wanted = wanted
        self._load = load
        self._poll_s = poll_s
        self._clock = clock
        self._observer = observer or Observer()
        self._state = FollowState(alias, live.current.manifest.version)
        self._complaint = ""
        self._refused: tuple[str, float] | None = None  # a version, and when it may be tried again
        self._calls: queue.SimpleQueue[bool] = queue.SimpleQueue()  # may be filled by a handler of signals
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> FollowState:
        """How it goes."""
        return self._state

    def start(self) -> None:
        """Look every few seconds, in a thread."""
        self._thread = threading.Thread(target=self._run, name="dfd-models", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and wait for a look under way."""
        if self._thread is not None:
            self._calls.put(False)
            self._thread.join()
            self._thread = None

    def nudge(self) -> None:
        """Look now, also at a version that failed to load. May be called from a handler of signals."""
        self._calls.put(True)

    def look(self, *, insist: bool = False) -> bool:
        """Look once, and switch where need be.

        Args:
            insist: try a version that failed to load even if that was a moment ago.

        Returns:
            whether another version took over.
        """
        version: str | None = None
        try:
            version = self._wanted()
            if version == self._live.current.manifest.version:
                self._note(version)
                return False
            if not insist and self._left_alone(version):
                return False
            model = self._load(version)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever is wrong with it, the old model goes on
            self._failed(version, error)
            return False
        before = self._live.current.identity
        self._live.switch(model)
        self._observer.model_switched()
        self._note(version)
        _LOG.info("%s/%s takes over from version %s", before.name, version, before.version)
        return True

    def _run(self) -> None:
        insist = False
        while True:
            self.look(insist=insist)
            try:
                insist = self._calls.get(timeout=self._poll_s)
            except queue.Empty:
                insist = False
                continue
            if not insist:
                return

    def _left_alone(self, version: str) -> bool:
        return self._refused is not None and self._refused[0] == version and self._clock() < self._refused[1]

    def _note(self, version: str) -> None:
        self._state = FollowState(self._state.alias, version)
        self._complaint, self._refused = "", None

    def _failed(self, version: str | None, error: Exception) -> None:
        self._state = FollowState(
            self._state.alias, version, error.code if isinstance(error, DfdError) else DfdError.code
        )
        if version is not None:
            self._observer.model_refused(self._state.error or DfdError.code)
            self._refused = (version, self._clock() + RETRY_S)
        current = self._live.current.identity
        complaint = f"{current.name}/{version or f'the {self._state.alias}'} cannot take over: {error}"
        if version is not None or complaint != self._complaint:  # that an alias cannot be read is said once
            trace = None if isinstance(error, DfdError) else error
            _LOG.error("%s; version %s goes on answering", complaint, current.version, exc_info=trace)
        self._complaint = complaint
