import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dfd.background import read_ahead, sha256_of
from dfd.errors import UnreadableVideo


class Boom(Exception):
    pass


def test_items_come_in_order_and_from_another_thread() -> None:
    makers: set[int] = set()

    def items() -> Iterator[int]:
        for item in range(50):
            makers.add(threading.get_ident())
            yield item

    with read_ahead(items(), depth=2) as ahead:
        assert list(ahead) == list(range(50))
    assert threading.get_ident() not in makers
    assert len(makers) == 1


def test_none_is_an_item_like_any_other() -> None:
    with read_ahead([None, None], depth=2) as ahead:
        assert list(ahead) == [None, None]


def test_without_room_there_is_no_other_thread() -> None:
    with read_ahead((threading.current_thread() for _ in range(3)), 0) as items:
        assert list(items) == [threading.current_thread()] * 3


def test_an_error_comes_out_unchanged_in_its_place() -> None:
    error = Boom("from the other thread")

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    seen = []
    with pytest.raises(Boom) as raised, read_ahead(items(), depth=2) as ahead:
        for item in ahead:
            seen.append(item)  # noqa: PERF402 - what came before the error is the point
    assert raised.value is error
    assert seen == [1, 2]


def test_only_so_many_items_wait() -> None:
    made = threading.Semaphore(0)
    count = 0

    def items() -> Iterator[int]:
        nonlocal count
        while True:
            count += 1
            made.release()
            yield count

    with read_ahead(items(), depth=3) as ahead:
        assert next(ahead) == 1
        for _ in range(5):  # the one taken, three that wait, and the one that finds no room
            assert made.acquire(timeout=10)
        assert not made.acquire(timeout=0.05)
        assert count == 5


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_no_thread_is_left_when_the_caller_fails(taken: int) -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        item = 0
        while True:
            yield item
            item += 1

    with pytest.raises(Boom), read_ahead(endless(), depth=2) as ahead:
        for _ in range(taken):
            next(ahead)
        raise Boom
    assert threading.active_count() == before


def test_an_error_met_after_the_caller_left_is_of_no_interest() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise Boom

    with read_ahead(items(), depth=2) as ahead:
        assert next(ahead) == 1


def test_less_room_than_stopping_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"), read_ahead([1], depth=1):
        pass


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 17])
def test_the_hash_is_of_the_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    with sha256_of(path) as digest:
        assert digest.result() == hashlib.sha256(b"x" * size).hexdigest()


def test_a_file_that_vanished_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match=r"gone\.mp4"), sha256_of(tmp_path / "gone.mp4") as digest:
        digest.result()


def test_leaving_early_stops_the_hashing_of_an_endless_file() -> None:
    before = threading.active_count()
    with sha256_of(Path("/dev/zero")):
        pass
    assert threading.active_count() == before
