"""What an analysis does in threads of its own: reading ahead, hashing the file, and what else can be done beside.

All are context managers, and no thread outlives its block, whatever ends it.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from dfd.errors import UnreadableVideo

Item = TypeVar("Item")
Given = TypeVar("Given")
Made = TypeVar("Made")

_HASH_CHUNK_BYTES = 1 << 20  # large enough that hashing runs without the interpreter's lock, small enough to stop soon


@contextmanager
def read_ahead(items: Iterable[Item], depth: int) -> Iterator[Iterator[Item]]:
    """Iterate over `items` in a thread, while the caller works on those already made.

    At most `depth` items wait, besides the one being made and the one the caller holds. An exception that `items`
    raises comes out of the iteration in its place, unchanged. Leaving the block stops the thread after the item it is
    making and waits for it, so that afterwards what `items` reads from can be closed.

    Args:
        items: iterated in the other thread only.
        depth: how many items may wait, at least 2; with 0 there is no thread, and items are made as they are taken.
    """
    if depth == 0:
        yield iter(items)
        return
    # Once stopped, the thread puts at most its last item and the end mark: with room for two it is never left blocked.
    if depth < 2:
        raise ValueError(f"depth must be at least 2, got {depth}")
    waiting: queue.Queue[tuple[Item] | None] = queue.Queue(depth)  # None marks the end
    stop = threading.Event()

    def produce() -> None:
        try:
            for item in items:
                waiting.put((item,))
                if stop.is_set():
                    return
        finally:
            waiting.put(None)

    def consume(made: Future[None]) -> Iterator[Item]:
        while (boxed := waiting.get()) is not None:
            yield boxed[0]
        made.result()  # raises what `items` raised

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dfd-read-ahead") as executor:
        try:
            yield consume(executor.submit(produce))
        finally:
            stop.set()
            _drain(waiting)


@contextmanager
def sha256_of(path: Path) -> Iterator[Future[str]]:
    """Hash a file's bytes in a thread.

    Yields:
        the future of the SHA-256 in lower-case hex. Its `result` raises `UnreadableVideo` when the file cannot be
        read. Leaving the block early stops the hashing; the result is then without meaning.
    """
    stop = threading.Event()

    def hash_file() -> str:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while not stop.is_set() and (chunk := file.read(_HASH_CHUNK_BYTES)):
                    digest.update(chunk)
        except OSError as error:
            raise UnreadableVideo(f"cannot read {path.name}: {error.strerror}") from error
        return digest.hexdigest()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dfd-hash") as executor:
        try:
            yield executor.submit(hash_file)
        finally:
            stop.set()


@contextmanager
def beside(work: Callable[[Given], Made], given: Given) -> Iterator[Future[Made]]:
    """Have something done in a thread while the block runs; leaving it waits for the end of the work.

    Yields:
        the future of what it makes.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dfd-beside") as executor:
        yield executor.submit(work, given)


def _drain(waiting: queue.Queue[tuple[Item] | None]) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        return
