"""A decoder that is another process, and is not believed."""

import fcntl
import logging
import mmap
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from dfd.errors import (
    DecodeOutOfMemory,
    DecodeTimedOut,
    InputError,
    MediaTooLarge,
    NoVideoStream,
    Unavailable,
    UnreadableVideo,
    UnsupportedCodec,
)
from dfd.sampling import half_gaps
from dfd.sandbox.launcher import Child, shown_text
from dfd.sandbox.nursery import EXIT_NO_MEMORY
from dfd.sandbox.nursery import Kind as ChildKind
from dfd.sandbox.wire import Gone, Message, Nonsense, TooSlow
from dfd.video.fetch import Fetch, Sampled
from dfd.video.handover import FrameReader
from dfd.video.protocol import (
    MOST_SAMPLE_BYTES,
    NO_MEMORY,
    Delivery,
    Kind,
    Opened,
    Opening,
    Room,
    pack_times,
    unpack_error,
)
from dfd.video.pyav import Decoder

_LOG = logging.getLogger(__name__)

_ERRORS: Final = {kind.code: kind for kind in (UnreadableVideo, NoVideoStream, UnsupportedCodec, MediaTooLarge)}
"""All that a child may say of its file."""

_MOST_MESSAGE: Final = 500


class RemoteDecoder(Decoder):
    """Lets a child decode. For one thread at a time."""

    def __init__(self, child: Child, opening: Opening, wait_s: float) -> None:
        """Let a fresh child open its file; raises what it says of it."""
        self.name = opening.name
        self.max_pixels = opening.limits.max_pixels
        self._child = child
        self._left_s = wait_s
        self._memory: mmap.mmap | None = None
        self._room = Room(0)
        self._busy = False
        self._closed = False
        self._frames = FrameReader()
        self.send(Kind.OPEN, opening.packed())
        try:
            opened = Opened.unpacked(self.receive({Kind.OPENED}).body)
            opening.limits.check_duration(self.name, opened.info.duration_s)
        except Nonsense as nonsense:
            raise self.nonsense(nonsense) from nonsense
        self.info = opened.info
        self.facts = opened.facts
        self.pixel_aspect = opened.pixel_aspect
        self.facts = opened.facts

    def fetch(self, times_s: Sequence[float], *, with_next: bool) -> Fetch:
        half_gaps(times_s)  # complains of times that do not ascend
        self._give_up()
        self._busy = True
        self.send(Kind.SAMPLE, pack_times(times_s, with_next=with_next))
        return RemoteFetch(self, len(times_s), with_next)

    def close(self) -> None:
        self._closed = True
        self._child.end()
        self._forget_memory()

    def send(self, kind: Kind, body: bytes = b"", fds: Sequence[int] = ()) -> None:
        """Send the child a message; raises why it died, if it did."""
        try:
            self._child.channel.send(kind, body, fds, timeout_s=max(self._left_s, 0.001))
        except (Gone, TooSlow) as error:
            raise self._death(error) from error

    def receive(self, wanted: set[Kind]) -> Message:
        """The child's next message, of one of some kinds; raises what it says of its file, or why it died."""
        if self._closed:
            raise ValueError("the video is closed")
        message = self._next()
        if message.kind == Kind.ERROR:
            self._busy = False
            raise self._said(message.body)
        if message.kind == ChildKind.FAILED:
            _LOG.warning("a fault of the code that decodes a file: %s", shown_text(message.body))
            raise self._broken_down()
        if message.kind not in wanted:
            raise self.nonsense(Nonsense(f"message {message.kind}"))
        return message

    def take(self, message: Message, with_next: bool) -> Sampled:
        """Copy the frames of a sample out of shared memory, which may then be used again."""
        try:
            delivery = Delivery.unpacked(message.body, self.max_pixels)
            with memoryview(self._memory or b"") as memory:
                frames = [
                    self._frames.read(picture, self._room.part(memory, delivery.slot, number))
                    for number, picture in enumerate(delivery.pictures[: 1 + with_next])
                ]
        except Nonsense as nonsense:
            raise self.nonsense(nonsense) from nonsense
        self.send(Kind.FREE, bytes([delivery.slot]))
        turns = [picture.orientation for picture in delivery.pictures]
        if len(frames) == 1:
            return Sampled(delivery.pts_s, frames[0], orientation=turns[0])
        return Sampled(delivery.pts_s, frames[0], frames[1], turns[0], turns[1])

    def enlarge(self, message: Message) -> None:
        """Give the child memory for pictures of the size that it names."""
        try:
            room = Room.unpacked(message.body)
        except Nonsense as nonsense:
            raise self.nonsense(nonsense) from nonsense
        if room.picture_bytes > MOST_SAMPLE_BYTES * self.max_pixels:
            raise MediaTooLarge(f"{self.name}: its pictures take {room.picture_bytes / 1e6:.0f} MB each")
        fd = os.memfd_create("dfd-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, room.size_bytes)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self._forget_memory()
            self._memory, self._room = mmap.mmap(fd, room.size_bytes), room
            self.send(Kind.MEMORY, room.packed(), [fd])
        finally:
            os.close(fd)

    def done(self) -> None:
        """The sample has come to its end."""
        self._busy = False

    def nonsense(self, what: Nonsense) -> UnreadableVideo:
        """The error for a child that says what none says that is well; it is ended."""
        _LOG.warning("the process that decoded a file answered nonsense and was ended: %s", what)
        self._child.distrust()
        self._child.end()
        return UnreadableVideo(f"{self.name}: its decoder went wrong; the file is damaged, or made to do harm")

    def _next(self) -> Message:
        started_s = time.monotonic()
        try:
            return self._child.channel.receive(max(self._left_s, 0.0))
        except (Gone, TooSlow) as error:
            raise self._death(error) from error
        except Nonsense as nonsense:
            raise self.nonsense(nonsense) from nonsense
        finally:
            self._left_s -= time.monotonic() - started_s

    def _forget_memory(self) -> None:
        memory, self._memory = self._memory, None
        if memory is not None:
            with suppress(BufferError):  # the trace of an error still looks at it, and it goes with that
                memory.close()

    def _give_up(self) -> None:
        """Let the child give up a sample that was begun."""
        if not self._busy:
            return
        self.send(Kind.STOP)
        while self._next().kind != Kind.STOPPED:
            pass
        self._busy = False

    def _said(self, body: bytes) -> InputError:
        try:
            code, message = unpack_error(body)
        except Nonsense as nonsense:
            return self.nonsense(nonsense)
        if code == NO_MEMORY:
            return self._no_memory()
        if code not in _ERRORS:
            return self.nonsense(Nonsense(f"an error {code[:40]!r}"))
        return _ERRORS[code](_one_line(message))

    def _death(self, error: Exception) -> Exception:
        """Why the child is gone, or is ended now because it is too slow."""
        status = self._child.end()
        if isinstance(error, TooSlow) or status == -signal.SIGXCPU:
            return DecodeTimedOut(f"{self.name}: decoding takes too long; cut or convert it, or raise DECODE_TIMEOUT_S")
        if status is None:
            return Unavailable("the process that decodes was ended from outside")
        if status in (EXIT_NO_MEMORY, -signal.SIGKILL):  # the kernel's last means where the machine has no memory left
            return self._no_memory()
        word = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        _LOG.warning("the process that decoded a file died of it: %s", word)
        return self._broken_down()

    def _broken_down(self) -> UnreadableVideo:
        self._child.distrust()
        self._child.end()
        return UnreadableVideo(f"{self.name}: its decoder broke down; the file is damaged, or made to do harm")

    def _no_memory(self) -> DecodeOutOfMemory:
        return DecodeOutOfMemory(
            f"{self.name}: decoding takes too much memory; scale it down, or raise DECODE_MEMORY_MB"
        )


class RemoteFetch(Fetch):
    """A sample that a child reads."""

    def __init__(self, decoder: RemoteDecoder, most: int, with_next: bool) -> None:
        self._decoder = decoder
        self._most = most
        self._with_next = with_next

    def frames(self) -> Iterator[Sampled]:
        count, last_s = 0, float("-inf")
        while True:
            message = self._decoder.receive({Kind.FRAME, Kind.NEEDS, Kind.DONE})
            if message.kind == Kind.DONE:
                self.damaged = message.body != b"\0"
                self._decoder.done()
                return
            if message.kind == Kind.NEEDS:
                self._decoder.enlarge(message)
                continue
            sampled = self._decoder.take(message, self._with_next)
            count += 1
            if not last_s < sampled.pts_s < float("inf") or count > self._most:
                raise self._decoder.nonsense(Nonsense(f"frame {count} at {sampled.pts_s} s"))
            last_s = sampled.pts_s
            yield sampled


def _one_line(message: str) -> str:
    """A stranger's message, fit to be shown."""
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]", "?", message)[:_MOST_MESSAGE]
