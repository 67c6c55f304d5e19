"""Spans: how they nest, who decides that they are kept, and that nothing is done where nobody records."""

import asyncio
import json
import logging
import random
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import numpy as np
import pytest
from tests.api_client import FakeAnalyzer, client_of, make_services, upload
from tests.live_service import picture
from tests.otlp_receiver import otlp_receiver
from tests.remote_backends import PROTOCOLS, remote
from tests.scripted_server import Script, scripted_server

from dfd.bootstrap.tracing import traced
from dfd.correlation import TRACE, Trace
from dfd.errors import ConfigurationError
from dfd.settings import load_settings
from dfd.stopwatch import Stopwatch
from dfd.telemetry.logs import EcsFormatter
from dfd.tracing import Span, SpanKind, outgoing, record_beside, record_to, span, this_span, trace_of

KEPT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DROPPED = f"{KEPT[:-1]}0"


@pytest.fixture
def spans() -> Iterator[list[Span]]:
    found: list[Span] = []
    with record_to(found.append):
        yield found


@pytest.fixture
def at_hand() -> Iterator[Trace]:
    trace = trace_of(KEPT)
    token = TRACE.set(trace)
    yield trace
    TRACE.reset(token)


def test_spans_nest_and_end_before_what_they_are_a_part_of(spans: list[Span], at_hand: Trace) -> None:
    with this_span("outer", SpanKind.SERVER), span("inner") as noted:
        noted.attributes["count"] = 2
        inner = TRACE.get()
    assert TRACE.get() == at_hand
    assert [(one.name, one.kind) for one in spans] == [("inner", SpanKind.INTERNAL), ("outer", SpanKind.SERVER)]
    assert inner is not None
    assert (spans[0].span_id, spans[0].parent_id) == (inner.span_id, at_hand.span_id)
    assert (spans[1].span_id, spans[1].parent_id) == (at_hand.span_id, "b7ad6b7169203331")
    assert {one.trace_id for one in spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert spans[1].start_ns <= spans[0].start_ns <= spans[0].end_ns <= spans[1].end_ns
    assert spans[0].attributes == {"count": 2}


def test_a_span_that_fails_says_with_what(spans: list[Span], at_hand: Trace) -> None:
    with pytest.raises(KeyError), span("outer"), span("inner"):
        raise KeyError
    assert [one.error for one in spans] == ["KeyError", "KeyError"]


def test_what_passed_before_lies_beside_the_span_at_hand(spans: list[Span], at_hand: Trace) -> None:
    record_beside("wait", 10.0, 12.5)
    record_beside("clocks differ", 12.0, 11.0)
    assert [(one.start_ns, one.end_ns) for one in spans] == [(10**10, 125 * 10**8), (12 * 10**9, 12 * 10**9)]
    assert {one.parent_id for one in spans} == {at_hand.parent_id}


@pytest.mark.parametrize("header", [None, DROPPED], ids=["nothing began it", "the caller drops it"])
def test_what_is_not_kept_is_not_recorded(header: str | None) -> None:
    found: list[Span] = []
    with record_to(found.append, share=0.0):
        trace = trace_of(header)
        assert not trace.is_kept
        token = TRACE.set(trace)
        with this_span("outer"), span("inner"):
            record_beside("wait", 1.0, 2.0)
            assert TRACE.get() == trace
            assert outgoing() == {"traceparent": trace.header}  # others may want to find our lines of the log
        TRACE.reset(token)
    assert found == []


def test_the_share_of_traces_that_begin_here_is_kept_and_callers_decide_of_theirs() -> None:
    with record_to(lambda _: None, share=0.25, rng=random.Random(7)):
        kept = [trace_of(None).is_kept for _ in range(2000)]
        assert 400 < sum(kept) < 600
        assert trace_of(KEPT).is_kept
        assert not trace_of(DROPPED).is_kept
        assert not any(trace_of(None, worth_it=False).is_kept for _ in range(100))
    assert not trace_of(None).is_kept


def test_stages_that_take_turns_are_one_span_each(spans: list[Span], at_hand: Trace) -> None:
    watch = Stopwatch(iter(range(1000)).__next__)
    with watch.stage("total"):
        for item in watch.each("decode_wait", iter("abc")):
            with watch.stage("score"), span("POST", SpanKind.CLIENT):
                assert item
    by_name = {one.name: one for one in spans if one.name != "POST"}
    assert set(by_name) == {"analysis", "decode", "score"}
    assert by_name["analysis"].parent_id == at_hand.span_id
    assert {by_name[name].parent_id for name in ("decode", "score")} == {by_name["analysis"].span_id}
    assert [one.parent_id for one in spans if one.name == "POST"] == [by_name["score"].span_id] * 3
    assert by_name["decode"].attributes["dfd.turns"] == 4  # the last finds nothing
    assert by_name["score"].attributes["dfd.turns"] == 3
    assert TRACE.get() == at_hand


def test_a_stage_that_fails_is_recorded_too(spans: list[Span], at_hand: Trace) -> None:
    watch = Stopwatch(iter(range(1000)).__next__)
    with pytest.raises(ValueError), watch.stage("total"), watch.stage("open"):
        raise ValueError
    assert {one.name: one.error for one in spans} == {"analysis": "ValueError", "open": "ValueError"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_server_is_told_of_the_trace(protocol: str, spans: list[Span], at_hand: Trace) -> None:
    heard: list[str] = []
    script = Script(heard=heard.append)
    batch = np.zeros((2, *script.manifest.input.tensor_shape), np.float32)
    with scripted_server(script) as place:
        backend = remote(protocol, place, script.manifest)
        backend.predict(batch)
        backend.close()
    clients = [one for one in spans if one.kind is SpanKind.CLIENT]
    assert heard == [f"00-{one.trace_id}-{one.span_id}-01" for one in clients]
    assert {one.parent_id for one in clients} == {at_hand.span_id}
    assert all(one.attributes["server.address"] for one in clients)


def test_every_request_is_a_span_but_those_that_ask_how_it_is(spans: list[Span]) -> None:
    async def ask() -> None:
        async with client_of(make_services(FakeAnalyzer())) as client:
            await client.get("/livez")
            await client.get("/livez", headers={"traceparent": KEPT})
            await client.post("/predict", files=upload(picture()))
            await client.get("/v1/jobs/no-such-job")

    asyncio.run(ask())
    told = [(one.name, one.attributes["http.response.status_code"], one.error) for one in spans]
    assert told == [("GET /livez", 200, None), ("POST /predict", 200, None), ("GET /v1/jobs/{job_id}", 404, None)]
    assert {one.kind for one in spans} == {SpanKind.SERVER}
    assert spans[0].parent_id == "b7ad6b7169203331"
    assert spans[1].parent_id is None
    assert "no-such-job" not in repr(spans)


def test_spans_reach_a_collector_with_what_they_say() -> None:
    with otlp_receiver() as receiver:
        settings = load_settings(
            otel_traces_exporter="otlp",
            otel_exporter_otlp_endpoint=receiver.url,
            otel_exporter_otlp_headers="x-tenant=a%20b",
            otel_service_name="dfd-test",
        )
        with traced(settings):
            token = TRACE.set(trace_of(KEPT))
            with pytest.raises(RuntimeError), this_span("outer", SpanKind.CONSUMER) as noted:
                noted.attributes |= {"text": "x", "count": 2, "share": 0.5, "yes": True}
                raise RuntimeError
            TRACE.reset(token)
    [got] = receiver.spans
    assert (got.name, got.kind, got.failed, got.service) == ("outer", 5, True, "dfd-test")
    assert (got.trace_id, got.parent_id) == (KEPT[3:35], KEPT[36:52])
    assert got.attributes == {"text": "x", "count": 2, "share": 0.5, "yes": True}
    assert 0 < got.start_ns <= got.end_ns
    assert receiver.headers[0]["x-tenant"] == "a b"


@pytest.mark.logs_errors
def test_a_collector_that_refuses_costs_spans_and_nothing_else() -> None:
    with otlp_receiver() as receiver:
        receiver.status = 400
        settings = load_settings(otel_traces_exporter="otlp", otel_exporter_otlp_endpoint=receiver.url)
        with traced(settings):
            token = TRACE.set(trace_of(KEPT))
            with this_span("outer"):
                pass
            TRACE.reset(token)
    assert receiver.spans == []
    assert len(receiver.headers) == 1


def test_without_a_collector_spans_are_lines_of_the_log() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EcsFormatter())
    logger = logging.getLogger("dfd.telemetry.logs")
    logger.addHandler(handler)
    before, logger.level = logger.level, logging.INFO
    try:
        with traced(load_settings(otel_traces_exporter="console")):
            token = TRACE.set(trace_of(KEPT))
            with this_span("outer") as noted:
                noted.attributes["count"] = 2
                here = TRACE.get()
            TRACE.reset(token)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    line: dict[str, Any] = json.loads(stream.getvalue())
    assert here is not None
    assert (line["trace.id"], line["span.id"], line["parent.id"]) == (KEPT[3:35], here.span_id, KEPT[36:52])
    assert (line["span.name"], line["dfd.span_attributes"]) == ("outer", {"count": 2})


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dfd.telemetry.spans", None)
    with pytest.raises(ConfigurationError, match=r"dfd\[otel\]"):
        traced(load_settings(otel_traces_exporter="otlp"))
    with traced(load_settings()):
        pass
