"""One trace through processes: the service, its queue, a worker and a model server, as a real collector receives it."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, short_clip
from tests.live_service import START_LIMIT_S, until
from tests.otlp_receiver import ReceivedSpan, Receiver, otlp_receiver
from tests.scripted_server import Script, Scripted, scripted_server

from dfd.registry.directory import DirectoryRegistry

__all__ = ["short_clip"]  # a fixture

OTHER = "0af7651916cd43dd8448eb211c80319c"
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as found:
        yield found


@pytest.fixture
def traced_server(receiver: Receiver, tmp_path: Path) -> Iterator[Scripted]:
    """A model server that traces itself, with OpenTelemetry's own libraries."""
    provider = TracerProvider(resource=Resource({"service.name": "model-server"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")))
    tracer = provider.get_tracer("test")

    def heard(traceparent: str) -> None:
        above = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        tracer.start_span("answer", above, SpanKind.SERVER).end()

    with scripted_server(Script(heard=heard)) as server:
        yield server
    provider.shutdown()


def above(one: ReceivedSpan, spans: dict[str, ReceivedSpan]) -> list[str]:
    """Names of a span and those above it, up to the first of the trace."""
    names = [one.name]
    while (parent := spans.get(one.parent_id)) is not None:
        assert parent.start_ns <= one.start_ns + 1_000_000  # a row keeps microseconds
        one = parent
        names.append(one.name)
    assert one.parent_id == CALLER[1]
    return names


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_one_trace_leads_from_the_request_to_the_model_server(
    scheme: str, receiver: Receiver, traced_server: Scripted, tmp_path: Path, short_clip: Path
) -> None:
    place = Place(
        tmp_path,
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        MODEL_BACKEND="oip",
        OIP_URL=traced_server.http_url if scheme == "http" else traced_server.grpc_url,
    )
    traced_server.script.manifest = DirectoryRegistry(tmp_path / "models").load("deepfake", "2").manifest
    traced_server.script.versions = {"2": "AVAILABLE"}
    with place.service(JOB_WORKERS="0") as (service, client), place.process("worker") as worker:
        headers = {"traceparent": f"00-{CALLER[0]}-{CALLER[1]}-01"}
        answer = client.post("/v1/jobs", files={"file": short_clip.read_bytes()}, headers=headers)
        job_id = answer.json()["jobs"][0]["id"]
        until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
        assert job_of(client, job_id)["state"] == "succeeded"
        headers = {"traceparent": f"00-{OTHER}-{CALLER[1]}-01"}
        assert client.post("/predict", files={"file": short_clip.read_bytes()}, headers=headers).status_code == 200
        for running in (worker, service):
            running.send_signal(signal.SIGTERM)
            running.wait(START_LIMIT_S)
        pids = {"service": service.pid, "worker": worker.pid}
    mine = {one.span_id: one for one in receiver.spans if one.trace_id == CALLER[0]}
    by_name = {one.name: one for one in mine.values()}
    asked = by_name["POST" if scheme == "http" else "inference.GRPCInferenceService/ModelInfer"]
    [answered] = [one for one in mine.values() if one.parent_id == asked.span_id]
    assert answered.service == "model-server"
    path = ["answer", asked.name, "score", "analysis", "job", "job submit", "POST /v1/jobs"]
    assert above(answered, mine) == path
    assert {"open", "decode", "detect", "crop", "aggregate", "fetch", "job wait"} <= set(by_name)
    assert above(by_name["job wait"], mine) == ["job wait", "job submit", "POST /v1/jobs"]
    assert by_name["POST /v1/jobs"].pid == by_name["job submit"].pid == pids["service"]
    assert {by_name[name].pid for name in ("job", "analysis", asked.name)} == {pids["worker"]}
    assert by_name["job"].attributes["dfd.state"] == "succeeded"
    assert [by_name[name].kind for name in ("POST /v1/jobs", "job submit", "job", asked.name)] == [2, 4, 5, 3]
    for line in place.log:
        if line["message"] in ("job begun", "job ended"):
            assert (line["trace.id"], line["span.id"]) == (CALLER[0], by_name["job"].span_id)
    now = {one.span_id: one for one in receiver.spans if one.trace_id == OTHER}
    [scored] = [one for one in now.values() if one.name == asked.name]
    assert above(scored, now) == [asked.name, "score", "analysis", "POST /predict"]
    assert scored.pid == pids["service"]
    assert short_clip.name not in json.dumps([one.attributes for one in mine.values()])


@pytest.mark.slow
def test_nothing_is_sent_unless_it_is_asked_for(receiver: Receiver, tmp_path: Path, short_clip: Path) -> None:
    place = Place(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    with place.service() as (service, client):
        answer = client.post("/predict", files={"file": short_clip.read_bytes()})
        assert answer.status_code == 200
        service.send_signal(signal.SIGTERM)
        service.wait(START_LIMIT_S)
    assert receiver.headers == []
