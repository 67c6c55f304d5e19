"""Decoding in a child (`dfd.sandbox`): opens one file, and hands frames over as long as it is asked for them."""

import codecs
import importlib
import mmap
import os
import pkgutil
import resource
from collections import deque
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import av

from dfd.errors import InputError
from dfd.sandbox.wire import Channel, Message
from dfd.video.convert import Orientations
from dfd.video.fetch import Sampled
from dfd.video.handover import Description, learn_sitings
from dfd.video.limits import MediaLimits
from dfd.video.protocol import (
    NO_MEMORY,
    Delivery,
    Kind,
    Opened,
    Opening,
    Room,
    pack_error,
    unpack_times,
)
from dfd.video.pyav import LocalDecoder
from dfd.video.reader import StreamReader


def serve(channel: Channel, fds: Sequence[int]) -> None:
    """Open the file behind the one descriptor, then hand over what is asked for, until nobody asks any more."""
    request = channel.receive()
    opening = Opening.unpacked(request.body)
    readers: list[StreamReader] = []
    try:
        readers.append(StreamReader(Path(opening.name), opening.limits, opening.threads, lambda: _again(fds[0])))
        decoder = LocalDecoder(readers[0], opening.limits, raw=True)
    except InputError as error:
        starved = isinstance(error.__cause__, MemoryError) or any(reader.starved for reader in readers)
        channel.send(Kind.ERROR, _error(error, (starved and _is_short(opening.limits)) or _came_near(0)))
        return
    channel.send(Kind.OPENED, Opened(decoder.info, decoder.pixel_aspect, decoder.facts).packed())
    _Server(channel, decoder).run()


_FRAMES_NEAR = 4
"""A decoder takes memory for some frames at once."""

_RESERVED_NEAR = 96 << 20
"""What threads and allocators have reserved and not touched: it counts for the bound, and not for the peak."""


class _Stopped(Exception):
    """The sample is not wanted any more."""


class _Server:
    def __init__(self, channel: Channel, decoder: LocalDecoder) -> None:
        self._channel = channel
        self._decoder = decoder
        self._orientations = Orientations()
        self._memory = memoryview(b"")
        self._room = Room(0)
        self._free: deque[int] = deque()

    def run(self) -> None:
        while True:
            message = self._channel.receive()
            if message.kind == Kind.SAMPLE:
                self._sample(message.body)
            elif message.kind == Kind.STOP:
                self._channel.send(Kind.STOPPED)

    def _sample(self, body: bytes) -> None:
        times_s, with_next = unpack_times(body)
        self._free = deque(range(self._room.slots))
        self._decoder.reader.starved = False
        try:
            fetching = self._decoder.fetch(times_s, with_next=with_next)
            for sampled in fetching.frames():
                self._hand_over(sampled)
        except _Stopped:
            self._channel.send(Kind.STOPPED)
            return
        except InputError as error:
            self._channel.send(Kind.ERROR, _error(error, self._was_short()))
            return
        if fetching.damaged and self._was_short():
            self._channel.send(Kind.ERROR, pack_error(NO_MEMORY, ""))
            return
        self._channel.send(Kind.DONE, bytes([fetching.damaged]))

    def _was_short(self) -> bool:
        """Whether damage is for want of memory.

        A decoder said so, or it came near its bound: with several threads it may tell of that as of any other damage.
        """
        return self._decoder.reader.starved or _came_near(_FRAMES_NEAR * self._room.picture_bytes)

    def _hand_over(self, sampled: Sampled) -> None:
        while self._channel.pending():
            self._heed(self._channel.receive())
        frames = [frame for frame in (sampled.frame, sampled.following) if frame is not None]
        pictures = [Description.of(frame, self._orientations.of(frame)) for frame in frames]
        self._make_room(max(picture.size_bytes for picture in pictures))
        while not self._free:
            self._heed(self._channel.receive())
        slot = self._free.popleft()
        for number, (picture, frame) in enumerate(zip(pictures, frames, strict=True)):
            picture.write(frame, self._room.part(self._memory, slot, number))
        self._channel.send(Kind.FRAME, Delivery(sampled.pts_s, slot, tuple(pictures)).packed())

    def _make_room(self, size_bytes: int) -> None:
        """Ask for more shared memory where a picture is larger than all before it."""
        if size_bytes <= self._room.picture_bytes:
            return
        self._channel.send(Kind.NEEDS, Room(size_bytes).packed())
        while size_bytes > self._room.picture_bytes:
            self._heed(self._channel.receive())
        # the other side has copied out all that came before it read NEEDS
        self._free = deque(range(self._room.slots))

    def _heed(self, message: Message) -> None:
        if message.kind == Kind.STOP:
            raise _Stopped
        if message.kind == Kind.FREE:
            self._free.append(message.body[0])
        if message.kind == Kind.MEMORY:
            (fd,) = message.fds
            self._room = Room.unpacked(message.body)
            self._memory = memoryview(mmap.mmap(fd, self._room.size_bytes))
            os.close(fd)


def _error(error: InputError, is_short: bool) -> bytes:
    return pack_error(NO_MEMORY if is_short else error.code, str(error))


def _again(fd: int) -> FileIO:
    os.lseek(fd, 0, os.SEEK_SET)
    return FileIO(os.dup(fd))


def _came_near(frames_bytes: int) -> bool:
    """Whether this process came within some frames of its bound."""
    peak_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bound_bytes = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return 0 <= bound_bytes <= peak_bytes + frames_bytes + _RESERVED_NEAR


def _is_short(limits: MediaLimits) -> bool:
    """Whether memory is short indeed, now that something was refused some: damaged headers ask for absurd amounts."""
    try:
        mmap.mmap(-1, 4 * limits.max_pixels, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return True
    return False


def _prepare() -> None:
    """Load now what is else loaded when it is first needed: a child finds no file any more."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16"):
        codecs.lookup(encoding)
    learn_sitings()


_prepare()
