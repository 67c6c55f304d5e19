"""Taking away rights: once in the nursery what all its children inherit, then in each child the rest."""

import ctypes
import os
import resource
import signal
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from dfd.sandbox.landlock import forbid_files
from dfd.sandbox.layers import Layer, Limits
from dfd.sandbox.seccomp import filter_calls, seccomp_supported

NOBODY: Final = 65_534

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38

_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000

_CAPABILITY_VERSION: Final = 0x20080522
_LAST_CAPABILITY: Final = 63

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def confine_nursery() -> Layer:
    """Leave network, files and privileges as far as this system lets a process do that.

    Returns:
        what is in force now. What is missing is missing because the system does not allow it to this user.
    """
    layers = Layer(0)
    was_root = os.geteuid() == 0
    spaces = _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS
    if _LIBC.unshare(spaces if was_root else spaces | _CLONE_NEWUSER) == 0:
        layers |= Layer.NO_NETWORK
    with suppress(OSError):
        _enter_empty_root()
        layers |= Layer.EMPTY_ROOT
    if _drop_privileges(was_root):
        layers |= Layer.UNPRIVILEGED
    return layers


def confine_child(limits: Limits, kept_fds: Collection[int], parent_pid: int) -> tuple[Layer, int]:
    """Leave everything but some file descriptors, memory and time.

    Args:
        limits: what it may use.
        kept_fds: stay open, beside 0, 1 and 2.
        parent_pid: dies with this process.

    Returns:
        what is in force beside what `confine_nursery` told, and Landlock's ABI.

    Raises:
        OSError: something that every kernel has is refused.
    """
    _close_all_but(kept_fds)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise ProcessLookupError("the nursery has died")
    _prctl(_PR_SET_DUMPABLE, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _limit(limits)
    layers = Layer.LIMITS | Layer.NO_NEW_PRIVILEGES
    abi = forbid_files()
    if abi:
        layers |= Layer.LANDLOCK
    if filter_calls():
        layers |= Layer.SECCOMP
    return layers, abi


def _enter_empty_root() -> None:
    """Make an empty folder the root, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="dfd-sandbox-"))
    try:
        os.chdir(folder)
    finally:
        folder.rmdir()
    try:
        os.chroot(".")
    except OSError:
        os.chdir("/")
        raise


def _drop_privileges(was_root: bool) -> bool:
    """Become nobody where this is root, and lay down every capability; whether none is left."""
    if was_root:
        for capability in range(_LAST_CAPABILITY + 1):
            _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    laid_down = _LIBC.capset(ctypes.byref(header), nothing) == 0
    return laid_down and (not was_root or os.getuid() == NOBODY)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    address_bytes = limits.memory_bytes + limits.address_bytes
    resource.setrlimit(resource.RLIMIT_AS, (address_bytes, address_bytes))
    if not seccomp_supported():
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _close_all_but(kept_fds: Collection[int]) -> None:
    last = 2
    for kept in sorted(fd for fd in kept_fds if fd > 2):
        os.closerange(last + 1, kept)
        last = kept
    os.closerange(last + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option} is refused: {os.strerror(code)}")
