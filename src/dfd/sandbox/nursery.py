"""The process that children are forked from. It has one thread, no secret in memory, and never sees a file.

It is started by `dfd.sandbox.launcher` as a fresh interpreter with an empty environment, in a session of its own. A
copy of it is ready in milliseconds, where a new interpreter takes a good fifth of a second.

Requests on its channel, each answered in turn:

- ``SPAWN``: limits, and three file descriptors: the child's channel, and what it works on.
- ``END``: a child's number; kills and buries it, and tells how it ended.
"""

import gc
import importlib
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final

from dfd.sandbox.confinement import confine_child, confine_nursery
from dfd.sandbox.layers import Layer, Limits
from dfd.sandbox.wire import Channel, Gone

MOST_BYTES: Final = 4096
"""Longest message of and to the nursery."""

MOST_REQUEST_BYTES: Final = 4 << 20
"""Longest message to a child."""

PID: Final = struct.Struct("<I")
STATUS: Final = struct.Struct("<i")
STATE: Final = struct.Struct("<HH")
"""Layers, and Landlock's ABI."""

EXIT_NO_MEMORY: Final = 81
EXIT_FAULT: Final = 82
EXIT_NOT_CONFINED: Final = 83

Entry = Callable[[Channel, Sequence[int]], None]
"""What a child does: its channel, and the file descriptors that it works on."""


class Kind(IntEnum):
    """Messages between launcher and nursery, and the first that a child sends."""

    READY = 1
    FAILED = 2
    SPAWN = 3
    SPAWNED = 4
    END = 5
    ENDED = 6


def main(fd: int, entry_name: str) -> None:
    """Load the code, then fork a child for each request until the launcher is gone.

    Args:
        fd: of the channel to the launcher.
        entry_name: ``module:function`` of an `Entry`.
    """
    channel = Channel(socket.socket(fileno=fd), MOST_BYTES, takes_fds=True)
    try:
        module, _, name = entry_name.partition(":")
        entry: Entry = getattr(importlib.import_module(module), name)
        layers = confine_nursery()
    except Exception as error:  # noqa: BLE001 - the edge of a process; the launcher tells
        channel.send(Kind.FAILED, f"{type(error).__name__}: {error}".encode()[:MOST_BYTES])
        return
    gc.collect()
    gc.freeze()  # a collection in a child would touch, hence copy, what it shares with the others
    channel.send(Kind.READY, STATE.pack(layers, 0))
    _Nursery(channel, entry, layers).run()


class _Nursery:
    def __init__(self, channel: Channel, entry: Entry, layers: Layer) -> None:
        self._channel = channel
        self._entry = entry
        self._layers = layers

    def run(self) -> None:
        while True:
            try:
                request = self._channel.receive()
                if request.kind == Kind.SPAWN:
                    self._spawn(Limits.unpacked(request.body), request.fds)
                elif request.kind == Kind.END:
                    self._channel.send(Kind.ENDED, STATUS.pack(_end(*PID.unpack(request.body))))
            except Gone:
                return  # its children die with it

    def _spawn(self, limits: Limits, fds: tuple[int, ...]) -> None:
        here = os.getpid()
        try:
            child = os.fork()
            if child == 0:
                _live(self._entry, limits, fds, here, self._layers)
            answer = Kind.SPAWNED, PID.pack(child)
        except OSError as error:
            answer = Kind.FAILED, str(error).encode()
        for fd in fds:  # also those for a child that there is not: they would hold its file
            os.close(fd)
        self._channel.send(*answer)


def _live(entry: Entry, limits: Limits, fds: Sequence[int], parent_pid: int, layers: Layer) -> None:
    """The life of a child, which ends with its process."""
    code = EXIT_NOT_CONFINED
    try:
        channel = Channel(socket.socket(fileno=fds[0]), MOST_REQUEST_BYTES, takes_fds=True)
        more, abi = confine_child(limits, fds, parent_pid)
        channel.send(Kind.READY, STATE.pack(layers | more, abi))
        code = EXIT_FAULT
        entry(channel, fds[1:])
        code = 0
    except MemoryError:
        code = EXIT_NO_MEMORY
    except Gone:
        code = 0
    except BaseException as error:  # noqa: BLE001 - the edge of a process
        _tell(channel, code, error)
    finally:
        os._exit(code)


def _tell(channel: Channel, code: int, error: BaseException) -> None:
    """Say what kind of error ends the process, and where it was raised: of use to those who look after the code."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = "" if where is None else f" in line {where.tb_lineno} of {where.tb_frame.f_code.co_filename.split('/')[-1]}"
    detail = f": {error}" if code == EXIT_NOT_CONFINED else ""
    channel.send(Kind.FAILED, f"{type(error).__name__}{place}{detail}".encode(errors="replace")[:MOST_BYTES])


def _end(pid: int) -> int:
    """Kill a child, bury it, and tell how it ended: its exit code, or the negative number of a signal."""
    os.kill(pid, signal.SIGKILL)  # what has died of something else keeps that as its cause
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
