"""What remote backends do whatever the protocol: pieces, repetitions, time-outs, the breaker, checks, fall-back."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeBackend, make_manifest

from dfd.backends.breaker import CircuitBreaker
from dfd.backends.fallback import FallbackBackend
from dfd.backends.model_server import Fault, ModelServer, ServedModel, ServerFault
from dfd.backends.remote import RemoteBackend, Retry, Timing
from dfd.errors import BackendUnavailable
from dfd.manifest import Output
from dfd.scoring import BackendEvent, BackendEventKind
from dfd.types import FloatArray

MANIFEST = make_manifest(max_batch=4, input=replace(make_manifest().input, size_px=16))
AWAY = ServerFault(Fault.AWAY, "nobody there", again=True)
FAILED = ServerFault(Fault.FAILED, "it failed")


@dataclass
class FakeServer(ModelServer):
    """Answers the mean of each crop, after the faults in line; time passes only where it is told to."""

    model: ServedModel = field(default_factory=ServedModel)
    faults: list[ServerFault] = field(default_factory=list)
    takes: int = 100
    costs_s: float = 0.0
    answer: Callable[[FloatArray], FloatArray] = lambda batch: batch.mean(axis=(1, 2, 3))
    sizes: list[int] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    described: int = 0
    now_s: float = 0.0

    @property
    def where(self) -> str:
        return "model server fake"

    def describe(self, timeout_s: float) -> ServedModel:
        self.described += 1
        return self.model

    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        assert batch.flags.c_contiguous
        self.sizes.append(len(batch))
        self.timeouts_s.append(timeout_s)
        self.now_s += self.costs_s
        if self.faults:
            raise self.faults.pop(0)
        if len(batch) > self.takes:
            raise ServerFault(Fault.TOO_LARGE, "too many")
        return self.answer(batch)

    def status(self, timeout_s: float) -> object:
        if self.faults:
            raise self.faults[0]
        return {"name": "deepfake", "ready": True}

    def close(self) -> None:
        """It holds nothing."""

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Made:
    server: FakeServer
    backend: RemoteBackend
    events: list[BackendEvent]

    @property
    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]


def make(
    server: FakeServer, *, timeout_s: float = 30.0, retry: Retry | None = None, output: Output | None = None
) -> Made:
    events: list[BackendEvent] = []
    manifest = replace(MANIFEST, output=output or MANIFEST.output)
    timing = Timing(timeout_s, retry or Retry(), lambda: server.now_s, server.sleep, random.Random(0))
    return Made(server, RemoteBackend("oip", server, manifest, timing, events.append), events)


def crops(count: int) -> FloatArray:
    greys = np.linspace(0.1, 0.9, count, dtype=np.float32).reshape(-1, 1, 1, 1)
    return np.broadcast_to(greys, (count, 16, 16, 3)).astype(np.float32)


def test_batches_are_cut_to_what_manifest_and_server_say() -> None:
    made = make(FakeServer(ServedModel(max_batch=3)))
    np.testing.assert_allclose(made.backend.predict(crops(8)), np.linspace(0.1, 0.9, 8), atol=1e-6)
    assert made.server.sizes == [3, 3, 2]
    made = make(FakeServer(ServedModel(max_batch=64)))
    made.backend.predict(crops(8))
    assert made.server.sizes == [4, 4]


@given(takes=st.integers(1, 6), count=st.integers(0, 11))
def test_a_limit_that_the_server_does_not_tell_is_found_out(takes: int, count: int) -> None:
    made = make(FakeServer(takes=takes))
    np.testing.assert_allclose(made.backend.predict(crops(count)), np.linspace(0.1, 0.9, count), atol=1e-6)
    refused = len([size for size in made.server.sizes if size > takes])
    assert refused <= 2  # 4, 2: then it is known
    assert "failed" not in made.kinds


def test_one_crop_that_is_too_large_is_a_failure() -> None:
    made = make(FakeServer(takes=0))
    with pytest.raises(BackendUnavailable, match="too many"):
        made.backend.predict(crops(2))
    assert made.kinds == ["failed"]
    assert made.server.sizes == [2, 1]


def test_a_server_of_single_crops_gets_them() -> None:
    made = make(FakeServer(ServedModel(input_shape=(1, 16, 16, 3))))
    made.backend.predict(crops(3))
    assert made.server.sizes == [1, 1, 1]


def test_what_may_pass_is_tried_again() -> None:
    made = make(FakeServer(faults=[AWAY, AWAY]))
    made.backend.predict(crops(1))
    assert made.kinds == ["retried", "retried", "answered"]
    assert [event.cause for event in made.events] == ["away", "away", None]
    assert made.server.described == 3  # it may have come back with another model


@given(attempt=st.integers(1, 6), seed=st.integers(0, 99))
def test_waits_double_and_vary(attempt: int, seed: int) -> None:
    retry = Retry(first_wait_s=0.5)
    wait_s = retry.wait_s(attempt, random.Random(seed))
    assert 0.25 * 2 ** (attempt - 1) <= wait_s <= 0.5 * 2 ** (attempt - 1)


def test_attempts_are_bounded() -> None:
    made = make(FakeServer(faults=[AWAY] * 9))
    with pytest.raises(BackendUnavailable, match="nobody there"):
        made.backend.predict(crops(1))
    assert made.kinds == ["retried"] * 3 + ["failed"]


def test_what_will_not_pass_is_not_tried_again() -> None:
    made = make(FakeServer(faults=[FAILED]))
    with pytest.raises(BackendUnavailable, match="it failed"):
        made.backend.predict(crops(1))
    assert made.kinds == ["failed"]


def test_attempts_and_waits_share_the_time_out() -> None:
    made = make(FakeServer(faults=[AWAY] * 9, costs_s=4.0), timeout_s=10.0)
    with pytest.raises(BackendUnavailable):
        made.backend.predict(crops(1))
    assert made.server.timeouts_s[0] == 10.0
    assert all(later < earlier - 4.0 for earlier, later in pairwise(made.server.timeouts_s))
    assert made.server.now_s <= 10.0 + 4.0


def test_a_server_that_keeps_failing_is_left_alone_and_then_tried() -> None:
    made = make(FakeServer(faults=[FAILED] * 3))
    for _ in range(3):
        with pytest.raises(BackendUnavailable, match="it failed"):
            made.backend.predict(crops(1))
    assert made.kinds == ["failed"] * 3 + ["breaker_opened"]
    with pytest.raises(BackendUnavailable, match=r"left alone for another 10 s after 3 failures; the last: it failed"):
        made.backend.predict(crops(1))
    assert len(made.server.sizes) == 3
    assert made.backend.left_alone
    state = made.backend.state()
    assert (state.ready, state.breaker, state.server) == (False, "open", {"name": "deepfake", "ready": True})
    assert state.reason is not None and "it failed" in state.reason
    made.server.now_s = 10.0
    assert made.backend.left_alone  # it may be asked, and has not answered yet
    made.backend.predict(crops(1))
    assert made.kinds[-2:] == ["breaker_closed", "answered"]
    assert not made.backend.left_alone
    assert made.backend.state().breaker == "closed"
    assert made.backend.ready()


def test_a_batch_that_the_caller_got_wrong_does_not_count_against_the_server() -> None:
    made = make(FakeServer())
    for _ in range(4):
        with pytest.raises(ValueError, match="takes"):
            made.backend.predict(crops(1)[:, 1:])
    assert made.events == []
    made.backend.predict(crops(1))


def test_a_bug_leaves_the_breaker_as_it_was() -> None:
    server = FakeServer()
    breaker = CircuitBreaker(lambda: server.now_s, 1, 5)
    events: list[BackendEvent] = []
    timing = Timing(1.0, clock=lambda: server.now_s)
    backend = RemoteBackend("oip", server, MANIFEST, timing, events.append, breaker)
    breaker.failed("before")
    server.now_s = 5.0
    server.answer = lambda batch: batch[len(batch) :][0]  # a bug
    with pytest.raises(IndexError):
        backend.predict(crops(1))
    server.answer = lambda batch: batch.mean(axis=(1, 2, 3))
    assert backend.predict(crops(1)).shape == (1,)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda batch: batch.mean(axis=(1, 2, 3))[1:], r"shape \(1,\) for 2 crops"),
        (lambda batch: np.full(len(batch), np.nan), "not finite"),
        (lambda batch: np.zeros((len(batch), 2)), r"shape \(2, 2\)"),
    ],
    ids=["too few rows", "not a number", "two scores"],
)
def test_nonsense_is_an_error_with_a_cause(answer: Callable[[FloatArray], FloatArray], words: str) -> None:
    made = make(FakeServer(answer=answer))
    with pytest.raises(BackendUnavailable, match=words):
        made.backend.predict(crops(2))
    assert [(event.kind, event.cause) for event in made.events] == [(BackendEventKind.FAILED, "garbage")]


def test_probabilities_become_logits_and_must_be_probabilities() -> None:
    made = make(FakeServer(), output=Output.FAKE_PROBABILITY)
    greys = np.linspace(0.1, 0.9, 5)
    np.testing.assert_allclose(made.backend.predict(crops(5)), np.log(greys / (1 - greys)), atol=1e-5)
    made.server.answer = lambda batch: batch.mean(axis=(1, 2, 3)) + 1
    with pytest.raises(BackendUnavailable, match=r"outside \[0, 1\]"):
        made.backend.predict(crops(1))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((-1, 64, 64, 3), r"takes crops of \[64, 64, 3\], but the manifest of model deepfake/1 says \[16, 16, 3\]"),
        ((-1, 768), r"takes crops of \[768\]"),
        ((8, 16, 16, 3), "batches of 8 only"),
        ((), r"takes crops of \[\]"),
    ],
)
def test_a_model_of_other_crops_is_refused(shape: tuple[int, ...], words: str) -> None:
    made = make(FakeServer(ServedModel(input_shape=shape)))
    with pytest.raises(BackendUnavailable, match=words):
        made.backend.predict(crops(1))
    assert made.events[0].cause == "mismatch"
    assert not made.backend.ready()
    assert made.server.sizes == []


def test_free_axes_take_any_crop() -> None:
    assert make(FakeServer(ServedModel(input_shape=(-1, -1, -1, 3)))).backend.ready()


# --- fall-back ----------------------------------------------------------------------------------------------------


def test_another_backend_stands_in_and_is_named() -> None:
    events: list[BackendEvent] = []
    first = make(FakeServer(faults=[FAILED]))
    backend = FallbackBackend(first.backend, FakeBackend(logit=0.5), events.append)
    answers = [backend.answer(crops(1)), backend.answer(crops(1))]
    assert [answer.backend for answer in answers] == ["fake", "oip"]
    assert [(event.kind, event.cause) for event in events] == [(BackendEventKind.FELL_BACK, "failed")]


def test_health_says_who_stands_in_and_why() -> None:
    first = make(FakeServer(faults=[AWAY]))
    stand_in = FakeBackend()
    backend = FallbackBackend(first.backend, stand_in, lambda _: None)
    state = backend.state()
    assert (state.name, state.ready, state.reason, state.fallback) == ("oip", False, "nobody there", "fake")
    assert state.answers
    stand_in.is_ready = False
    assert not backend.state().answers


def test_when_neither_answers_it_is_an_error() -> None:
    away = FakeBackend(error=BackendUnavailable("neither"))
    backend = FallbackBackend(make(FakeServer(faults=[FAILED])).backend, away, lambda _: None)
    with pytest.raises(BackendUnavailable, match="neither"):
        backend.predict(crops(1))
