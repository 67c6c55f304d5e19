"""What every adapter of `TallyStore` must do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.feedback_fakes import FakeTallyStore
from tests.job_databases import new_database

from dfd.job_store.sql import SqlJobStore
from dfd.ports.feedback import Tally, TallyStore

SCORE = Tally("deepfake", "2", "score", "b" * 16)
LIGHT = replace(SCORE, measure="brightness")

Opened = Callable[[], TallyStore]


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Gives one more replica's way to the same counts."""
    if request.param == "fake":
        fake = FakeTallyStore()
        yield lambda: fake
        return
    url = new_database(request, tmp_path)
    stores: list[SqlJobStore] = []

    def another() -> TallyStore:
        stores.append(SqlJobStore(url))
        stores[-1].migrate()
        return stores[-1].tallies()

    yield another
    for store in stores:
        store.close()


def test_counts_are_kept_apart_by_all_that_they_are_of(opened: Opened) -> None:
    store = opened()
    store.count(5, {SCORE: 0, LIGHT: 3})
    store.count(5, {SCORE: 0})
    store.count(6, {SCORE: 9})
    assert store.counts(SCORE, 0, 10) == {0: 2, 9: 1}
    assert store.counts(SCORE, 5, 5) == {0: 2}
    assert store.counts(SCORE, 6, 9) == {9: 1}
    assert store.counts(LIGHT, 0, 10) == {3: 1}
    for other in (
        replace(SCORE, model_name="other"),
        replace(SCORE, model_version="3"),
        replace(SCORE, binning="c" * 16),
    ):
        assert store.counts(other, 0, 10) == {}


def test_counting_nothing_is_nothing(opened: Opened) -> None:
    store = opened()
    store.count(5, {})
    assert store.counts(SCORE, 0, 10) == {}


def test_earlier_hours_are_forgotten(opened: Opened) -> None:
    store = opened()
    for hour in (1, 2, 3):
        store.count(hour, {SCORE: hour})
    store.forget_hours(3)
    assert store.counts(SCORE, 0, 10) == {3: 1}


def test_replicas_that_count_at_once_lose_nothing(opened: Opened) -> None:
    replicas = [opened() for _ in range(4)]
    barrier = threading.Barrier(4)

    def count(store: TallyStore) -> None:
        barrier.wait()
        for number in range(10):
            found = {SCORE: number % 2, LIGHT: 1}
            store.count(7, found if number % 3 else dict(reversed(found.items())))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, replicas))
    assert opened().counts(SCORE, 7, 7) == {0: 20, 1: 20}
    assert opened().counts(LIGHT, 7, 7) == {1: 40}
