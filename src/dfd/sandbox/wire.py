"""Messages between processes that do not trust each other: a kind, a length, a body of plain bytes, never objects.

Bodies are read with `struct` by whoever knows the kind. A message that is longer than the reader allows is refused
before its body is read, so a sender cannot make a reader take memory.
"""

import array
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_HEADER: Final = struct.Struct("<BI")
_MOST_FDS: Final = 8


class Nonsense(Exception):
    """What came is none of the messages that may come."""


class Gone(Exception):
    """The other side has closed, or died."""


class TooSlow(Exception):
    """Nothing came in time."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came: its kind, its body, and the file descriptors that came with it, which are the receiver's to close."""

    kind: int
    body: bytes = b""
    fds: tuple[int, ...] = field(default=())


class Channel:
    """One end of a pair of connected stream sockets. For one thread at a time."""

    def __init__(self, sock: socket.socket, most_bytes: int, *, takes_fds: bool = False) -> None:
        """Take over a socket.

        Args:
            sock: a Unix stream socket.
            most_bytes: longest body that is read.
            takes_fds: whether file descriptors are received; where not, the kernel drops what is sent.
        """
        self._sock = sock
        self._most_bytes = most_bytes
        self._takes_fds = takes_fds

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._sock.fileno()

    def hang_up(self) -> None:
        """End the conversation for both sides, also for a thread that waits in it."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        self._sock.close()

    def send(self, kind: int, body: bytes = b"", fds: Sequence[int] = (), timeout_s: float | None = None) -> None:
        """Send one message.

        Args:
            kind: what it is.
            body: its bytes.
            fds: file descriptors to go with it; they stay the sender's to close.
            timeout_s: longest wait for the other side to read; None waits for ever.

        Raises:
            Gone: nobody is there to read it.
            TooSlow: nobody reads.
        """
        data = memoryview(_HEADER.pack(kind, len(body)) + body)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self._set_timeout(timeout_s)
        try:
            if ancillary:
                data = data[self._sock.sendmsg([data], ancillary) :]
            self._sock.sendall(data)
        except TimeoutError as error:
            raise TooSlow from error
        except OSError as error:
            raise Gone from error

    def receive(self, timeout_s: float | None = None) -> Message:
        """Wait for the next message.

        Args:
            timeout_s: longest wait for the whole of it; None waits for ever.

        Raises:
            Gone: there will be none.
            TooSlow: it did not come in time.
            Nonsense: it is longer than allowed.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        header, fds = self._head(until_s)
        kind, length = _HEADER.unpack(header)
        if length > self._most_bytes:
            raise Nonsense(f"a message of {length} bytes")
        return Message(kind, self._exactly(length, until_s), fds)

    def pending(self) -> bool:
        """Whether there is something to read, were it the end."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def _head(self, until_s: float | None) -> tuple[bytes, tuple[int, ...]]:
        if not self._takes_fds:
            return self._exactly(_HEADER.size, until_s), ()
        self._limit(until_s)
        try:
            head, fds, _, _ = socket.recv_fds(self._sock, _HEADER.size, _MOST_FDS)
        except TimeoutError as error:
            raise TooSlow from error
        except OSError as error:
            raise Gone from error
        if not head:
            raise Gone
        return head + self._exactly(_HEADER.size - len(head), until_s), tuple(fds)

    def _exactly(self, count: int, until_s: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._limit(until_s)
            try:
                part = self._sock.recv(count - len(parts))
            except TimeoutError as error:
                raise TooSlow from error
            except OSError as error:
                raise Gone from error
            if not part:
                raise Gone
            parts += part
        return bytes(parts)

    def _limit(self, until_s: float | None) -> None:
        left_s = None if until_s is None else until_s - time.monotonic()
        if left_s is not None and left_s <= 0:
            raise TooSlow
        self._set_timeout(left_s)

    def _set_timeout(self, timeout_s: float | None) -> None:
        if timeout_s == self._sock.gettimeout():  # a child, which has none, may not make the system call
            return
        try:
            self._sock.settimeout(timeout_s)
        except OSError as error:
            raise Gone from error
