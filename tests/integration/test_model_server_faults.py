"""What goes wrong with a model server, by each protocol: a clear error, a cause for counters, and a clean fall-back."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.contract.test_model_backend import CLASSIC, crops, expected
from tests.fakes import FakeBackend
from tests.remote_backends import PROTOCOLS, remote
from tests.scripted_server import FAILED, UNAVAILABLE, Refusal, Script, Scripted, scripted_server
from tests.servers import free_port

from dfd.backends.fallback import FallbackBackend
from dfd.backends.model_server import Fault
from dfd.backends.open_inference_http import OpenInferenceHttp
from dfd.errors import BackendUnavailable
from dfd.scoring import BackendEvent, BackendEventKind

pytestmark = pytest.mark.faults

BATCH = crops(CLASSIC, 3)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted_server(Script(CLASSIC)) as running:
        yield running


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@contextlib.contextmanager
def fails(words: str, cause: Fault, events: list[BackendEvent]) -> Iterator[None]:
    """The block raises an error of these words, and one event says the cause."""
    with pytest.raises(BackendUnavailable, match=words):
        yield
    assert [event.cause for event in events if event.kind is BackendEventKind.FAILED] == [cause.value]


@pytest.mark.parametrize(
    ("change", "words", "cause"),
    [
        ({"garbage": True}, "answered", Fault.GARBAGE),
        ({"score": lambda batch: np.full((len(batch), 1), np.nan)}, "not finite", Fault.GARBAGE),
        ({"score": lambda batch: batch.mean(axis=(1, 2, 3))[1:, None]}, r"\(2, 1\) for 3 crops", Fault.GARBAGE),
        ({"versions": {"7": "AVAILABLE"}}, r"version 7 .*manifest here is that of version 1.*MODEL_VERSION", None),
        ({"versions": {}}, "deepfake", Fault.UNKNOWN_MODEL),
        ({"input_shape": [-1, 64, 64, 3]}, r"takes crops of \[64, 64, 3\].*says \[16, 16, 3\]", Fault.MISMATCH),
        ({"input_shape": [8, 16, 16, 3]}, "batches of 8 only", Fault.MISMATCH),
        ({"inputs": ("image", "mask")}, "must have one input; it has: image, mask", Fault.MISMATCH),
    ],
    ids=[
        "garbage",
        "NaN",
        "too few rows",
        "other version",
        "no version",
        "other crops",
        "fixed",
        "two inputs",
    ],
)
def test_a_fault_is_told_in_words_and_as_a_cause(
    server: Scripted, protocol: str, change: dict[str, object], words: str, cause: Fault | None
) -> None:
    for name, value in change.items():
        setattr(server.script, name, value)
    events: list[BackendEvent] = []
    with fails(words, cause or Fault.MISMATCH, events):
        remote(protocol, server, CLASSIC, events=events).predict(BATCH)


def test_the_server_fails(server: Scripted, protocol: str) -> None:
    events: list[BackendEvent] = []
    backend = remote(protocol, server, CLASSIC, events=events)
    backend.predict(BATCH)
    server.script.refuse = [FAILED]
    with fails(r"model server \S+ answered (500|INTERNAL)\b.*told to", Fault.FAILED, events):
        backend.predict(BATCH)
    assert len(server.script.requests) == 2


def test_nobody_there(protocol: str) -> None:
    class Nowhere:
        http_url = f"http://127.0.0.1:{free_port()}"
        grpc_url = f"grpc://127.0.0.1:{free_port()}"

    events: list[BackendEvent] = []
    backend = remote(protocol, Nowhere(), CLASSIC, events=events, timeout_s=20)
    with fails(r"127.0.0.1:\d+ does not answer", Fault.AWAY, events):
        backend.predict(BATCH)
    assert [event.kind for event in events].count(BackendEventKind.RETRIED) == 3
    state = backend.state()
    assert (state.ready, state.server) == (False, None)
    assert state.reason is not None and "does not answer" in state.reason


def test_too_slow(server: Scripted, protocol: str) -> None:
    remote(protocol, server, CLASSIC).predict(BATCH)
    server.script.delay_s = 1.5
    events: list[BackendEvent] = []
    with fails(r"did not answer within 0\.\d+ s \(REQUEST_TIMEOUT\)", Fault.SLOW, events):
        remote(protocol, server, CLASSIC, events=events, timeout_s=0.5).predict(BATCH)


def test_unavailable_for_a_moment(server: Scripted, protocol: str) -> None:
    server.script.refuse = [UNAVAILABLE, UNAVAILABLE]
    events: list[BackendEvent] = []
    logits = remote(protocol, server, CLASSIC, events=events).predict(BATCH)
    np.testing.assert_allclose(logits, expected(BATCH), atol=1e-4)
    assert [event.kind.value for event in events] == ["retried", "retried", "answered"]


def test_another_name(server: Scripted, protocol: str) -> None:
    backend = remote(protocol, server, CLASSIC, name="nobody")
    with pytest.raises(BackendUnavailable, match=r"no model of the name nobody \(MODEL_NAME\)"):
        backend.predict(BATCH)


def test_another_version_is_asked_for(server: Scripted, protocol: str) -> None:
    server.script.versions = {"3": "AVAILABLE", "7": "END"}
    backend = remote(protocol, server, replace(CLASSIC, version="2"), version="2")
    with pytest.raises(BackendUnavailable, match=r"version 2 .*it has 3"):
        backend.predict(BATCH)


def test_the_version_is_deleted_while_in_use(server: Scripted, protocol: str) -> None:
    backend = remote(protocol, server, CLASSIC, version="1")
    backend.predict(BATCH)
    server.script.versions = {"2": "AVAILABLE"}
    with pytest.raises(BackendUnavailable, match=r"version 1 .*it has 2"):
        backend.predict(BATCH)
    server.script.versions = {"1": "AVAILABLE", "2": "AVAILABLE"}
    np.testing.assert_allclose(backend.predict(BATCH), expected(BATCH), atol=1e-4)


def test_an_unnamed_version_is_replaced_while_in_use(server: Scripted, protocol: str) -> None:
    backend = remote(protocol, server, CLASSIC)
    backend.predict(BATCH)
    server.script.versions = {"2": "AVAILABLE"}
    if protocol == "tfserving-rest":  # its answers do not say which version they are of: only asking by number is safe
        backend.predict(BATCH)
        assert not backend.ready()
        return
    with pytest.raises(BackendUnavailable, match=r"answers with version 2 .*that of version 1"):
        backend.predict(BATCH)


def test_batches_are_cut_to_what_the_server_takes(server: Scripted, protocol: str) -> None:
    server.script.takes = 1
    backend = remote(protocol, server, CLASSIC)
    for _ in range(2):
        np.testing.assert_allclose(backend.predict(BATCH), expected(BATCH), atol=1e-4)
    assert [count for _, count in server.script.requests] == [3, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("protocol", ["oip-http", "oip-grpc"])
def test_batches_are_cut_to_what_the_server_says(server: Scripted, protocol: str) -> None:
    server.script.max_batch = 2
    remote(protocol, server, CLASSIC).predict(BATCH)
    assert [count for _, count in server.script.requests] == [2, 1]


def test_a_server_that_cannot_read_raw_bytes_gets_json_from_then_on(server: Scripted) -> None:
    server.script.binary = False
    backend = remote("oip-http", server, CLASSIC)
    for _ in range(2):
        np.testing.assert_allclose(backend.predict(BATCH), expected(BATCH), atol=1e-4)
    assert isinstance(backend._server, OpenInferenceHttp)
    assert backend._server._binary is False


@pytest.mark.parametrize("status", [404, 413, 502, 503])
def test_a_server_that_is_away_at_first_gets_raw_bytes_later(server: Scripted, status: int) -> None:
    server.script.refuse = [Refusal(status, UNAVAILABLE.code)]
    backend = remote("oip-http", server, CLASSIC)
    with contextlib.suppress(BackendUnavailable):
        backend.predict(BATCH)
    np.testing.assert_allclose(backend.predict(BATCH), expected(BATCH), atol=1e-4)
    assert isinstance(backend._server, OpenInferenceHttp)
    assert backend._server._binary is True


@pytest.mark.parametrize("protocol", ["tfserving-rest", "oip-http"])
def test_connections_are_used_again(server: Scripted, protocol: str) -> None:
    backend = remote(protocol, server, CLASSIC)
    for _ in range(5):
        backend.predict(BATCH)
    assert len(server.script.requests) == 5
    assert server.script.connections == 1
    backend.close()
    backend.predict(BATCH)
    assert server.script.connections == 2


@pytest.mark.parametrize("protocol", ["tfserving-rest", "oip-http"])
def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(protocol: str) -> None:
    port = free_port()
    with scripted_server(Script(CLASSIC), port) as server:
        backend = remote(protocol, server, CLASSIC)
        backend.predict(BATCH)
    with scripted_server(Script(CLASSIC), port):
        np.testing.assert_allclose(backend.predict(BATCH), expected(BATCH), atol=1e-4)


def test_the_paths_of_tensorflow_serving_are_the_promised_ones(server: Scripted) -> None:
    remote("tfserving-rest", server, CLASSIC).predict(BATCH)
    remote("tfserving-rest", server, CLASSIC, version="1").predict(BATCH)
    assert [path for path, _ in server.script.requests] == [
        "/v1/models/deepfake:predict",
        "/v1/models/deepfake/versions/1:predict",
    ]


def test_a_model_that_is_being_loaded_is_waited_for_a_little(server: Scripted) -> None:
    server.script.versions = {"1": "LOADING"}
    events: list[BackendEvent] = []
    with fails(r"does not have any version of it available; it has 1 \(LOADING\)", Fault.AWAY, events):
        remote("tfserving-rest", server, CLASSIC, events=events).predict(BATCH)
    assert BackendEventKind.RETRIED in [event.kind for event in events]


def test_a_password_in_the_address_is_sent_and_not_shown(server: Scripted) -> None:
    class Guarded:
        http_url = server.http_url.replace("//", "//user:hidden@")
        grpc_url = server.grpc_url

    backend = remote("oip-http", Guarded(), CLASSIC)
    backend.predict(BATCH)
    server.script.refuse = [FAILED]
    with pytest.raises(BackendUnavailable) as caught:
        backend.predict(BATCH)
    assert not re.search("hidden|user", str(caught.value))


def test_the_embedded_model_stands_in_where_that_is_allowed(server: Scripted, protocol: str) -> None:
    events: list[BackendEvent] = []
    first = remote(protocol, server, CLASSIC, events=events)
    backend = FallbackBackend(first, FakeBackend(logit=0.25, name="onnx"), events.append)
    assert backend.answer(BATCH).backend == first.name
    server.script.refuse = [FAILED] * 3
    answers = [backend.answer(BATCH) for _ in range(4)]
    assert [answer.backend for answer in answers] == ["onnx"] * 4
    kinds = [event.kind for event in events]
    assert kinds.count(BackendEventKind.FELL_BACK) == 4
    assert kinds.count(BackendEventKind.BREAKER_OPENED) == 1
    assert len(server.script.requests) == 4  # the fourth batch did not wait for the server
    state = backend.state()
    assert (state.ready, state.breaker, state.fallback, state.answers) == (False, "open", "onnx", True)
