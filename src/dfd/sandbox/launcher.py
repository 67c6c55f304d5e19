"""Starting children, and ending them: the side of those who want something done."""

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from dfd.errors import Unavailable
from dfd.sandbox.layers import WORDS, Layer, Limits, in_words
from dfd.sandbox.nursery import MOST_BYTES, PID, STATE, STATUS, Kind
from dfd.sandbox.wire import Channel, Gone, Message, Nonsense, TooSlow

_LOG = logging.getLogger(__name__)

_START: Final = "import sys; sys.path[:] = {path!r}; from dfd.sandbox.nursery import main; main({fd}, {entry!r})"
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
"""All that the nursery gets of one: only a process with one thread can be forked, and what is not there cannot leak."""

_START_S: Final = 60.0
_ANSWER_S: Final = 20.0
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is in force in children.

    Attributes:
        layers: those in force.
        landlock_abi: version of Landlock; 0 where there is none.
    """

    layers: Layer
    landlock_abi: int

    @property
    def missing(self) -> Layer:
        """What this system does not allow."""
        return ~self.layers & Layer(sum(WORDS))

    def __str__(self) -> str:
        words = in_words(self.layers)
        return words.replace(WORDS[Layer.LANDLOCK], f"{WORDS[Layer.LANDLOCK]} {self.landlock_abi}")


class Launcher:
    """Starts children, each a process of its own for one piece of work. Safe to use from several threads.

    The nursery is started when it is first needed, started anew where it has died, and ends with this object.
    """

    def __init__(self, entry_name: str, most_answer_bytes: int) -> None:
        """Remember what to start.

        Args:
            entry_name: ``module:function`` of a `dfd.sandbox.nursery.Entry`.
            most_answer_bytes: longest message that is taken from a child.
        """
        self._entry_name = entry_name
        self._most_answer_bytes = most_answer_bytes
        self._lock = threading.Lock()
        self._nursery: _Started | None = None

    def warm_up(self) -> None:
        """Start the nursery in the background, so that the first piece of work need not wait for it."""
        threading.Thread(target=self._warm_up, name="dfd-sandbox-start", daemon=True).start()

    def examine(self, limits: Limits) -> Confinement:
        """Start a child and let it tell what is in force in it.

        Raises:
            Unavailable: none can be started.
        """
        with self.spawn(limits, []) as child:
            return child.confinement

    def spawn(self, limits: Limits, fds: Sequence[int]) -> "Child":
        """Start a child, which ends at the end of its block.

        Args:
            limits: what it may use.
            fds: what it works on; they stay the caller's to close.

        Raises:
            Unavailable: none can be started.
        """
        for attempt in range(_ATTEMPTS):
            nursery = self._started()
            try:
                return self._child_of(nursery, limits, fds)
            except _NurseryLost as lost:
                self._give_up(nursery)
                _LOG.warning("the process that decoders are forked from is lost (attempt %d): %s", attempt + 1, lost)
        raise Unavailable("no process can be started for a file")

    def _child_of(self, nursery: "_Started", limits: Limits, fds: Sequence[int]) -> "Child":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                answer = nursery.ask(Kind.SPAWN, limits.packed(), [theirs.fileno(), *fds])
            if answer.kind != Kind.SPAWNED:
                told = shown_text(answer.body)
                raise Unavailable(f"no process can be started for a file: {told}")  # noqa: TRY301 - the way out of all
            return Child(Channel(ours, self._most_answer_bytes), nursery, PID.unpack(answer.body)[0], self)
        except BaseException:
            ours.close()
            raise

    def close(self) -> None:
        """End the nursery and with it all children; it is started anew when it is needed again."""
        with self._lock:
            nursery, self._nursery = self._nursery, None
        if nursery is not None:
            nursery.end()

    def retire(self, nursery: "_Started") -> None:
        """Start the next children from a new nursery, whose addresses a child that was taken over does not know.

        The old one lives until its last child is closed.
        """
        with self._lock:
            if self._nursery is nursery:
                self._nursery = None

    def _give_up(self, nursery: "_Started") -> None:
        self.retire(nursery)
        nursery.end()

    def _warm_up(self) -> None:
        try:
            self._started()
        except Unavailable as error:  # the first piece of work meets it too, unless this process ends before
            _LOG.debug("%s", error)

    def _started(self) -> "_Started":
        with self._lock:
            if self._nursery is not None and self._nursery.pid_of_starter != os.getpid():
                self._nursery = None  # this process was forked; the nursery is the other's
            if self._nursery is None:
                self._nursery = _Started(self._entry_name)
            return self._nursery


class Child:
    """A process that works on one thing. For one thread at a time; a context manager that ends the process.

    Attributes:
        channel: to it; what comes from there is a stranger's word.
        confinement: what is in force in it.
    """

    def __init__(self, channel: Channel, nursery: "_Started", pid: int, launcher: Launcher) -> None:
        """Wait until a child is confined; raises `Unavailable` where it cannot be, and the child is gone."""
        self.channel = channel
        self._nursery = nursery
        self._pid = pid
        self._launcher = launcher
        self._status: int | None = None
        try:
            first = channel.receive(_ANSWER_S)
        except (Gone, TooSlow, Nonsense) as error:
            status = self.end()
            raise Unavailable(f"a process for a file ended at its start ({status})") from error
        if first.kind != Kind.READY:
            self.end()
            raise Unavailable(f"a process for a file cannot be confined: {shown_text(first.body)}")
        layers, abi = STATE.unpack(first.body)
        self.confinement = Confinement(Layer(layers), abi)

    def end(self) -> int | None:
        """Kill the process, if it lives, and tell how it ended; may be called again.

        Returns:
            its exit code, or the negative number of the signal that ended it; None where nobody knows, because the
            nursery died, and took its children with it.
        """
        if self._pid:
            pid, self._pid = self._pid, 0
            self.channel.close()
            with suppress(_NurseryLost):
                self._status = STATUS.unpack(self._nursery.ask(Kind.END, PID.pack(pid)).body)[0]
        return self._status

    @property
    def nursery_pid(self) -> int:
        """The process that this one was forked from."""
        return self._nursery.pid

    def distrust(self) -> None:
        """Let no further child have the addresses that this one had, because it may have been taken over."""
        self._launcher.retire(self._nursery)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class _NurseryLost(Exception):
    """The nursery does not answer."""


class _Started:
    """A nursery that runs, and the conversation with it."""

    def __init__(self, entry_name: str) -> None:
        """Start one; raises `Unavailable` where that fails."""
        self.pid_of_starter = os.getpid()
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = Channel(ours, MOST_BYTES)
        code = _START.format(path=[entry for entry in sys.path if entry], fd=theirs.fileno(), entry=entry_name)
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this, and code from this file
                [sys.executable, "-I", "-S", "-c", code],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # what is typed at a terminal is not for it
            )
        except OSError as error:
            self._channel.close()
            raise Unavailable(f"the process that decodes cannot be started: {error}") from error
        finally:
            theirs.close()
        self.pid = process.pid
        self._finish = weakref.finalize(self, _finish, self._channel, process)
        try:
            first = self._channel.receive(_START_S)
        except (Gone, TooSlow, Nonsense) as error:
            self.end()
            raise Unavailable(f"the process that decodes ends at its start ({process.returncode})") from error
        if first.kind != Kind.READY:
            self.end()
            raise Unavailable(f"the process that decodes cannot be started: {shown_text(first.body)}")

    def ask(self, kind: Kind, body: bytes, fds: Sequence[int] = ()) -> Message:
        """Ask, and wait for the answer. Where none comes the conversation is over, and the nursery ends.

        Raises:
            _NurseryLost: there is none.
        """
        with self._lock:
            try:
                self._channel.send(kind, body, fds, _ANSWER_S)
                return self._channel.receive(_ANSWER_S)
            except BaseException as error:  # an interrupt, too
                self._channel.hang_up()  # an answer that comes late would be taken for that to the next question
                if isinstance(error, (Gone, TooSlow, Nonsense)):
                    raise _NurseryLost(type(error).__name__) from error
                raise

    def end(self) -> None:
        """End it and its children."""
        self._channel.hang_up()
        with self._lock:
            self._finish()


def _finish(channel: Channel, process: "subprocess.Popen[bytes]") -> None:
    channel.close()
    try:
        process.wait(_ANSWER_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def shown_text(body: bytes) -> str:
    """Words from another process, fit for a log."""
    return re.sub(r"[^\x20-\x7e]", "?", body.decode(errors="replace"))[:500]
