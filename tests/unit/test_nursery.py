"""The process that forks decoders where there is no room for one: nothing of the file is kept."""

import errno
import os
import socket
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from dfd.sandbox.layers import Layer, Limits
from dfd.sandbox.nursery import MOST_BYTES, Kind, _Nursery
from dfd.sandbox.wire import Channel

LIMITS = Limits(memory_bytes=256 << 20, address_bytes=4 << 30, cpu_s=30, open_files=16)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def no_room() -> NoReturn:
    raise OSError(errno.EAGAIN, "no room")


def test_a_file_for_which_there_is_no_process_is_let_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "fork", no_room)
    ours, theirs = socket.socketpair()
    asking, asked = Channel(ours, MOST_BYTES), Channel(theirs, MOST_BYTES, takes_fds=True)
    nursery = threading.Thread(target=_Nursery(asked, lambda _channel, _fds: None, Layer(0)).run)
    nursery.start()
    upload = tmp_path / "upload"
    upload.touch()
    before = open_descriptors()
    for _ in range(5):
        with upload.open("rb") as file:
            asking.send(Kind.SPAWN, LIMITS.packed(), [file.fileno()])
            answer = asking.receive(10)
        assert (answer.kind, b"no room" in answer.body) == (Kind.FAILED, True)
    assert open_descriptors() == before
    asking.close()
    nursery.join(10)
    asked.close()
