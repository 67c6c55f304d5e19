"""A filter of system calls (``man 2 seccomp``), written as classic BPF and handed to the kernel through ``prctl``.

What is not known is refused with EPERM, so that a library that looks for something it can do without goes on; what only
an attacker asks for kills the process.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from typing import Final

from dfd.sandbox.syscalls import ALARMING, ALLOWED, CHECKED

_PROCESSORS: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""By `platform.machine`: AUDIT_ARCH, and the column of the tables of numbers."""

_X32: Final = 0x40000000
"""Bit of the numbers of x86-64's second set of calls."""

_LD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JEQ: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JGE: Final = 0x35
_JSET: Final = 0x45
_RET: Final = 0x06

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_ERRNO: Final = 0x00050000
_REFUSE: Final = _ERRNO | errno.EPERM
_UNKNOWN: Final = _ERRNO | errno.ENOSYS

_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16

_PR_SET_SECCOMP: Final = 22
_PR_GET_SECCOMP: Final = 21
_PR_SET_NAME: Final = 15
_SECCOMP_MODE_FILTER: Final = 2

_CLONE_THREAD: Final = 0x00010000
_PROT_EXEC: Final = 4
_AT_EMPTY_PATH: Final = 0x1000
_FCNTL_COMMANDS: Final = (1, 2, 3, 1030)  # F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def seccomp_supported() -> bool:
    """Whether the kernel has filters, and the tables know its processor."""
    return platform.machine() in _PROCESSORS and _LIBC.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def filter_calls() -> bool:
    """Filter the calls of this process, which must have one thread and ``no_new_privs``, and of threads to come.

    Returns:
        whether there is a filter now; False where it is not supported and nothing was done.

    Raises:
        OSError: the kernel has filters and refuses this one.
    """
    if not seccomp_supported():
        return False
    code = b"".join(struct.pack("<HBBI", *one) for one in program(platform.machine(), os.getpid()))
    described = _Program(len(code) // 8, code)
    if _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(described), 0, 0) != 0:
        code_number = ctypes.get_errno()
        raise OSError(code_number, f"the kernel refuses the filter of system calls: {os.strerror(code_number)}")
    return True


def program(machine: str, pid: int) -> list[Instruction]:
    """The filter for a kind of processor, as `platform.machine` calls it, and for the process of that number."""
    architecture, column = _PROCESSORS[machine]
    made: list[Instruction] = [
        (_LD, 0, 0, _ARCHITECTURE),
        (_JEQ, 1, 0, architecture),
        _ret(_KILL),
        (_LD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        made += [(_JGE, 0, 1, _X32), _ret(_KILL)]
    for number in _numbers(ALLOWED.values(), column):
        made += [(_JEQ, 0, 1, number), _ret(_ALLOW)]
    for name, rule in _rules(pid).items():
        for number in _numbers([CHECKED[name]], column):
            made += [(_JEQ, 0, len(rule), number), *rule]
    for number in _numbers(ALARMING.values(), column):
        made += [(_JEQ, 0, 1, number), _ret(_KILL)]
    return [*made, _ret(_REFUSE)]


def _rules(pid: int) -> dict[str, list[Instruction]]:
    """What decides on each call of `CHECKED`; each ends with a return."""
    return {
        "clone": _if_set(0, _CLONE_THREAD, _ALLOW, _REFUSE),  # threads, no processes
        "clone3": [_ret(_UNKNOWN)],  # its arguments lie in memory; the C library then takes clone
        "mmap": _if_set(2, _PROT_EXEC, _REFUSE, _ALLOW),
        "mprotect": _if_set(2, _PROT_EXEC, _REFUSE, _ALLOW),
        "prctl": _if_one_of(0, (_PR_SET_NAME,)),
        "prlimit64": _if_null(2),  # asking is allowed
        "fcntl": _if_one_of(1, _FCNTL_COMMANDS),
        "newfstatat": _if_set(3, _AT_EMPTY_PATH, _ALLOW, _REFUSE),  # of what is open
        "sendto": _if_null(4),  # to whom the socket is connected to
        "tgkill": _if_one_of(0, (pid,)),
    }


def _ret(action: int) -> Instruction:
    return (_RET, 0, 0, action)


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load one half of an argument; both kinds of processor are little endian."""
    return (_LD, 0, 0, _ARGUMENTS + 8 * index + 4 * high)


def _if_set(index: int, bits: int, then: int, otherwise: int) -> list[Instruction]:
    return [_argument(index), (_JSET, 0, 1, bits), _ret(then), _ret(otherwise)]


def _if_one_of(index: int, values: Iterable[int]) -> list[Instruction]:
    """Allowed where an argument, an int, is one of some."""
    tests: list[Instruction] = []
    for value in values:
        tests += [(_JEQ, 0, 1, value), _ret(_ALLOW)]
    return [_argument(index), *tests, _ret(_REFUSE)]


def _if_null(index: int) -> list[Instruction]:
    """Allowed where an argument, a pointer, is null."""
    return [
        _argument(index),
        (_JEQ, 0, 3, 0),
        _argument(index, high=True),
        (_JEQ, 0, 1, 0),
        _ret(_ALLOW),
        _ret(_REFUSE),
    ]


def _numbers(calls: Iterable[tuple[int | None, int | None]], column: int) -> list[int]:
    return [number for call in calls if (number := call[column]) is not None]
