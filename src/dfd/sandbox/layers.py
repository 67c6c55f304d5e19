"""What keeps a child in: the layers, and the limits."""

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Final, Self

from dfd.sandbox.wire import Nonsense

_LIMITS: Final = struct.Struct("<QQQI")


class Layer(IntFlag):
    """One thing that is in force in a child; each holds without the others."""

    LIMITS = 1
    """Bounds on memory, processor time, open files; no file can grow."""
    NO_NEW_PRIVILEGES = 2
    """No program it might run gains rights."""
    UNPRIVILEGED = 4
    """It has neither root's identity nor a capability."""
    NO_NETWORK = 8
    """A network namespace of its own, without interfaces."""
    EMPTY_ROOT = 16
    """Its root is an empty folder that no longer exists, so no name leads to a file."""
    LANDLOCK = 32
    """The kernel's Landlock: no file can be opened, made, changed or removed by name; from ABI 4 on no TCP."""
    SECCOMP = 64
    """A filter of system calls: no sockets, no processes, no programs, no memory that can be run."""


WORDS: Final = {
    Layer.LIMITS: "limits",
    Layer.NO_NEW_PRIVILEGES: "no new privileges",
    Layer.UNPRIVILEGED: "unprivileged user",
    Layer.NO_NETWORK: "network namespace",
    Layer.EMPTY_ROOT: "empty root",
    Layer.LANDLOCK: "Landlock",
    Layer.SECCOMP: "seccomp",
}
"""The layers in words, in their order."""


def in_words(layers: Layer) -> str:
    """The layers in words, with commas between; "none" where there are none."""
    return ", ".join(word for layer, word in WORDS.items() if layer in layers) or "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use.

    Attributes:
        memory_bytes: memory that it can write to (RLIMIT_DATA), its threads' stacks included.
        address_bytes: what it may map beside that: code, files, memory shared with the parent, reserved addresses.
        cpu_s: processor time of all its threads.
        open_files: file descriptors.
    """

    memory_bytes: int
    address_bytes: int
    cpu_s: int
    open_files: int

    def __post_init__(self) -> None:
        if min(self.memory_bytes, self.address_bytes, self.cpu_s, self.open_files) < 1:
            raise ValueError(f"limits must be positive, got {self}")

    def packed(self) -> bytes:
        """For the wire."""
        return _LIMITS.pack(self.memory_bytes, self.address_bytes, self.cpu_s, self.open_files)

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """What `packed` made.

        Raises:
            Nonsense: it is of another length.
        """
        if len(body) != _LIMITS.size:
            raise Nonsense(f"{len(body)} bytes of limits")
        return cls(*_LIMITS.unpack(body))
