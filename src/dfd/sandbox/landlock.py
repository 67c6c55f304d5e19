"""Landlock (Linux 5.13): a process forbids itself every file that it has not opened yet. See ``man 7 landlock``."""

import ctypes
import os
import struct
from typing import Final

_CREATE_RULESET: Final = 444  # the numbers are the same on every processor
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION

_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many of the rights over files, the lowest bits, each ABI knows; 16 from ABI 5 on."""

_TCP: Final = 0b11  # bind, connect; from ABI 4
_SCOPES: Final = 0b11  # abstract sockets and signals of processes outside; from ABI 6

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """The version that this kernel has; 0 where it has none, or has it switched off."""
    return max(0, int(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def forbid_files() -> int:
    """Forbid this thread, and all it starts, every right that Landlock knows. Needs ``no_new_privs``.

    Returns:
        the ABI that is in force; 0 where there is none and nothing was done.

    Raises:
        OSError: the kernel has Landlock and refuses all the same.
    """
    abi = landlock_abi()
    if not abi:
        return 0
    rights = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    attributes = struct.pack("<Q", rights)
    if abi >= 4:
        attributes += struct.pack("<Q", _TCP)
    if abi >= 6:
        attributes += struct.pack("<Q", _SCOPES)
    ruleset = _checked(
        _LIBC.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)), "a ruleset"
    )
    try:
        _checked(_LIBC.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "its restriction")
    finally:
        os.close(ruleset)
    return abi


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock refuses {what}: {os.strerror(code)}")
    return result
