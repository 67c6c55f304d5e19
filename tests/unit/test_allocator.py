"""How many arenas glibc makes for many threads, seen in processes of their own: what is set cannot be taken back."""

import subprocess
import sys
from typing import Final

import pytest

from dfd.allocator import keep_to_arenas

_COUNTED: Final = """
import ctypes, sys, threading
from dfd.allocator import keep_to_arenas

held = keep_to_arenas(int(sys.argv[1]))
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
all_there = threading.Barrier(6)

def take() -> None:
    all_there.wait()  # a thread that has ended would leave its arena to the next
    libc.malloc(100_000)
    all_there.wait()

threads = [threading.Thread(target=take) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(held, open(sys.argv[2]).read().count("<heap nr"))
"""


def _arenas(wanted: int, folder: object) -> tuple[bool, int]:
    command = [sys.executable, "-c", _COUNTED, str(wanted), f"{folder}/arenas.xml"]
    held, count = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return held == "True", int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's arenas")
def test_threads_share_the_arenas_that_there_may_be(tmp_path: object) -> None:
    assert _arenas(0, tmp_path) == (False, 7)
    assert _arenas(2, tmp_path) == (True, 2)


def test_no_limit_is_none() -> None:
    assert keep_to_arenas(0) is False
