"""What a decoder that was taken over might try. Each name of `DEEDS` runs in a child of the sandbox, which tells."""

import ctypes
import errno
import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from dfd.sandbox.wire import Channel

ENTRY = "tests.hostile:serve"

TOLD = 99
"""Kind of the message with what came of a deed."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def _called(number_of_x86: int, *arguments: int) -> str:
    """Make a system call; which error it ended with."""
    result = _LIBC.syscall(number_of_x86, *(ctypes.c_long(argument) for argument in arguments))
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def _tried(deed: Callable[[], object]) -> str:
    try:
        return f"done: {deed()!r}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


def _threads_started(count: int) -> int:
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count


def _memory_taken() -> str:
    kept: list[bytearray] = []
    try:
        while len(kept) < 1 << 12:
            kept += [bytearray(1 << 20)]
    except MemoryError:
        taken = len(kept)
        kept.clear()
        return f"{taken} MiB"
    return "no end"


def _spin() -> str:
    while True:
        pass


def _crash() -> str:
    ctypes.string_at(8)
    return "alive"


def _open_descriptors() -> list[int]:
    found = []
    for fd in range(64):
        with suppress(OSError):
            os.fstat(fd)
            found.append(fd)
    return found


def _fail() -> str:
    raise LookupError("a fault of our own")


def _raised_limit() -> str:
    wanted = ctypes.create_string_buffer(struct.pack("<QQ", 1 << 62, 1 << 62))
    return _called(302, 0, 9, ctypes.addressof(wanted), 0)  # prlimit64 of RLIMIT_AS


DEEDS: dict[str, Callable[[Sequence[int]], object]] = {
    "read what was handed over": lambda fds: os.pread(fds[0], 5, 0).decode(),
    "write to it": lambda fds: _tried(lambda: os.write(fds[0], b"x")),
    "list descriptors": lambda _: _open_descriptors(),
    "open a file": lambda _: _tried(lambda: os.open("/etc/passwd", os.O_RDONLY)),
    "look at a file": lambda _: _tried(Path("/etc/passwd").stat),
    "make a file": lambda _: _tried(lambda: Path("/x").write_bytes(b"x")),
    "make a file in memory": lambda _: _tried(lambda: os.memfd_create("x")),
    "open a socket": lambda _: _tried(lambda: socket.socket(socket.AF_INET)),
    "fork": lambda _: _tried(os.fork),
    "run a program": lambda _: _tried(lambda: os.execv("/bin/true", ["true"])),
    "clone a process": lambda _: _called(56, 17, 0, 0, 0, 0),
    "start threads": lambda _: _threads_started(20),
    "map memory to run": lambda _: _tried(
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    ),
    "signal the parent": lambda _: _tried(lambda: os.kill(os.getppid(), 0)),
    "raise a limit": lambda _: _raised_limit(),
    "trace a process": lambda _: _called(101, 16, os.getppid(), 0, 0),
    "use the second table of calls": lambda _: _called(0x40000000 + 39),
    "take memory": lambda _: _memory_taken(),
    "who am I": lambda _: (os.getuid(), os.getgid()),
    "spin": lambda _: _spin(),
    "sleep": lambda _: time.sleep(1000),
    "crash": lambda _: _crash(),
    "leave": lambda _: os._exit(7),
    "raise": lambda _: _fail(),
    "need memory": lambda _: bytearray(1 << 45),
}


def serve(channel: Channel, fds: Sequence[int]) -> None:
    """Do what the first message names, then tell what came of it."""
    deed = DEEDS[channel.receive().body.decode()]
    channel.send(TOLD, str(deed(fds)).encode())
