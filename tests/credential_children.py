"""Children that read no content credentials (`dfd.sandbox.nursery.Entry`): they fail, or say what they are told to."""

import os
import time
from collections.abc import Sequence

from dfd.sandbox.wire import Channel

_FOUND = 17


def repeats(channel: Channel, fds: Sequence[int]) -> None:
    """Answers what it was given as authorities."""
    channel.send(_FOUND, channel.receive().body)


def sleeps(channel: Channel, fds: Sequence[int]) -> None:
    channel.receive()
    time.sleep(300)


def aborts(channel: Channel, fds: Sequence[int]) -> None:
    os.abort()


def fails(channel: Channel, fds: Sequence[int]) -> None:
    raise ValueError("a bug")


def leaves(channel: Channel, fds: Sequence[int]) -> None:
    channel.receive()


def talks(channel: Channel, fds: Sequence[int]) -> None:
    channel.receive()
    channel.send(_FOUND, bytes(1 << 20))


def digresses(channel: Channel, fds: Sequence[int]) -> None:
    channel.receive()
    channel.send(99, b"{}")
