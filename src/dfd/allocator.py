"""How the C library hands out memory in a process that runs for weeks, with many threads."""

import ctypes
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""


def keep_to_arenas(count: int) -> bool:
    """Let all threads share so many arenas, pools from which glibc takes memory; before there are many threads.

    By itself it makes up to eight for each processor, gives a thread now one and now another, and each keeps the most
    that any analysis has ever needed of it: memory grows for as long as there are arenas that have not seen their worst
    (docs/operations.md has the figures). Arenas that exist already stay.

    Args:
        count: of arenas, at least 1; 0 changes nothing.

    Returns:
        whether that holds from now on; not where the C library is another, which has no arenas.
    """
    if count == 0 or not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl
        return False
    return bool(mallopt(ctypes.c_int(_M_ARENA_MAX), ctypes.c_int(count)) == 1)
