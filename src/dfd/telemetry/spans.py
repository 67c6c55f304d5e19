"""Spans to OpenTelemetry: its batches, its OTLP. Needs ``dfd[otel]``; the only module that knows its packages."""

import os
import socket
from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as OtelKind

from dfd.tracing import Span, SpanKind

_KINDS: Final[Mapping[SpanKind, OtelKind]] = {
    SpanKind.INTERNAL: OtelKind.INTERNAL,
    SpanKind.SERVER: OtelKind.SERVER,
    SpanKind.CLIENT: OtelKind.CLIENT,
    SpanKind.PRODUCER: OtelKind.PRODUCER,
    SpanKind.CONSUMER: OtelKind.CONSUMER,
}


def otlp_exporter(endpoint: str, headers: Mapping[str, str], timeout_s: float) -> OTLPSpanExporter:
    """What posts spans to a collector, as protobuf over HTTP.

    Args:
        endpoint: its address, without a path of its own.
        headers: by name.
        timeout_s: longest wait for it.
    """
    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", headers=dict(headers), timeout=timeout_s)


class SpanExport:
    """Hands spans on in batches, in a thread of its own. A collector that is away costs spans and nothing else."""

    def __init__(self, exporter: SpanExporter, service: str, version: str) -> None:
        """Begin.

        Args:
            exporter: where spans go.
            service: what they call this service.
            version: of DFD.
        """
        self._processor = BatchSpanProcessor(exporter)
        self._scope = InstrumentationScope("dfd", version)
        self._resource = Resource(
            {
                "service.name": service,
                "service.version": version,
                "service.instance.id": f"{socket.gethostname()[:64]}-{os.getpid()}",
                "process.pid": os.getpid(),
                "telemetry.sdk.language": "python",
            }
        )

    def __call__(self, span: Span) -> None:
        """Take one span, to be sent soon."""
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(span.trace_id, span.span_id, is_remote=False),
                parent=None if span.parent_id is None else _context(span.trace_id, span.parent_id, is_remote=True),
                resource=self._resource,
                attributes=dict(span.attributes),
                kind=_KINDS[span.kind],
                status=Status(StatusCode.UNSET if span.error is None else StatusCode.ERROR, span.error),
                start_time=span.start_ns,
                end_time=span.end_ns,
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, TraceFlags(TraceFlags.SAMPLED))
