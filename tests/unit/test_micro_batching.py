"""Batches of several videos in one call."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.fakes import FakeBackend

from dfd.backends.micro_batching import MicroBatcher
from dfd.errors import BackendUnavailable
from dfd.types import FloatArray

PATIENCE_S = 30


@dataclass
class Held(FakeBackend):
    """Scores a crop as its mean; the first call waits until it is let go. Fails on calls that hold a negative crop."""

    entered: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    threads: list[str] = field(default_factory=list)

    def predict(self, batch: FloatArray) -> FloatArray:
        self.threads.append(threading.current_thread().name)
        first = not self.batch_sizes
        self.batch_sizes.append(len(batch))
        if first:
            self.entered.set()
            assert self.go.wait(PATIENCE_S)
        if batch.shape[1:] != (2, 2, 3):
            raise ValueError("the model takes")
        if (batch < 0).any():
            raise BackendUnavailable("a negative crop")
        return np.asarray(batch.mean(axis=(1, 2, 3)), np.float32)


def crops(*greys: float) -> FloatArray:
    return np.broadcast_to(np.array(greys, np.float32).reshape(-1, 1, 1, 1), (len(greys), 2, 2, 3)).astype(np.float32)


def in_line(batcher: MicroBatcher, count: int) -> None:
    """Wait until so many batches stand in line."""
    stop = threading.Event()
    for _ in range(PATIENCE_S * 200):
        if len(batcher._line) == count:
            return
        stop.wait(0.005)
    raise AssertionError(f"{len(batcher._line)} in line")


def run(batches: list[FloatArray], max_batch: int = 8) -> tuple[Held, list[FloatArray | Exception]]:
    """Score the first batch, and the others while it is being scored."""
    held = Held()
    batcher = MicroBatcher(held, max_batch)

    def score(batch: FloatArray) -> FloatArray | Exception:
        try:
            return batcher.predict(batch)
        except (BackendUnavailable, ValueError) as error:
            return error

    with ThreadPoolExecutor(len(batches)) as pool:
        futures = [pool.submit(score, batches[0])]
        assert held.entered.wait(PATIENCE_S)
        for number, batch in enumerate(batches[1:]):
            futures.append(pool.submit(score, batch))
            in_line(batcher, number + 1)
        held.go.set()
        return held, [future.result(PATIENCE_S) for future in futures]


def test_alone_a_batch_is_scored_at_once_in_its_own_thread() -> None:
    held = Held()
    held.go.set()
    batcher = MicroBatcher(held, 8)
    for _ in range(2):
        np.testing.assert_array_equal(batcher.predict(crops(0.5, 0.25)), np.array([0.5, 0.25], np.float32))
    assert held.threads == [threading.current_thread().name] * 2
    assert batcher.name == "fake"
    assert batcher.ready()


def test_those_that_come_meanwhile_are_scored_together_and_get_their_own() -> None:
    held, answers = run([crops(0.0), crops(0.1, 0.2), crops(0.3), crops(0.4, 0.5, 0.6)])
    assert held.batch_sizes == [1, 6]
    for answer, greys in zip(answers, ([0.0], [0.1, 0.2], [0.3], [0.4, 0.5, 0.6]), strict=True):
        np.testing.assert_allclose(np.asarray(answer), greys, atol=1e-6)


def test_a_call_holds_no_more_than_it_may() -> None:
    held, answers = run([crops(0.0), crops(0.1, 0.2), crops(0.3, 0.4), crops(0.5), crops(0.6, 0.7, 0.8, 0.9)], 4)
    assert held.batch_sizes == [1, 4, 1, 4]
    assert all(isinstance(answer, np.ndarray) for answer in answers)


def test_a_fault_of_one_does_not_reach_the_others() -> None:
    held, answers = run([crops(0.0), crops(0.1), crops(-1.0), crops(0.3)])
    assert held.batch_sizes == [1, 3, 1, 1, 1]
    assert isinstance(answers[2], BackendUnavailable)
    assert [float(np.asarray(answers[index])[0]) for index in (0, 1, 3)] == pytest.approx([0.0, 0.1, 0.3])


def test_crops_of_another_shape_are_not_mixed_in() -> None:
    odd = np.zeros((1, 3, 3, 3), np.float32)
    _, answers = run([crops(0.0), crops(0.1), odd, odd, crops(0.3)])
    assert isinstance(answers[2], ValueError)
    assert isinstance(answers[3], ValueError)
    assert float(np.asarray(answers[4])[0]) == pytest.approx(0.3)


def test_many_threads_get_their_own_answers() -> None:
    batcher = MicroBatcher(FakeBackend(logit=lambda crop: float(crop.mean())), 5)

    def score(seed: int) -> None:
        for count in np.random.default_rng(seed).integers(0, 7, 20):
            greys = np.random.default_rng(seed + int(count)).random(int(count))
            np.testing.assert_allclose(batcher.predict(crops(*greys)), greys, atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(score, range(16), timeout=PATIENCE_S))
