"""Where spans go, from settings."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING

import dfd
from dfd.errors import ConfigurationError
from dfd.settings import Settings
from dfd.telemetry.logs import log_span
from dfd.tracing import record_to

if TYPE_CHECKING:
    from dfd.telemetry.spans import SpanExport


def check_exporter(settings: Settings) -> None:
    """See whether the packages are there that the exporter of the settings needs.

    Raises:
        ConfigurationError: they are not.
    """
    if settings.otel_traces_exporter == "otlp":
        try:
            import_module("dfd.telemetry.spans")
        except ImportError as error:
            raise ConfigurationError("OTEL_TRACES_EXPORTER=otlp needs pip install 'dfd[otel]'") from error


def traced(settings: Settings) -> AbstractContextManager[None]:
    """Record the spans of this process for as long as a block lasts, as the settings say; then send what is left.

    Raises:
        ConfigurationError: the packages that it needs are not installed.
    """
    if settings.otel_traces_exporter == "none":
        return nullcontext()
    if settings.otel_traces_exporter == "console":
        return record_to(log_span, settings.otel_traces_sampler_arg)
    check_exporter(settings)
    from dfd.telemetry.spans import SpanExport, otlp_exporter  # noqa: PLC0415 - an extra that most do without

    timeout_s = settings.otel_exporter_otlp_timeout / 1000
    exporter = otlp_exporter(settings.otel_exporter_otlp_endpoint, settings.trace_headers, timeout_s)
    export = SpanExport(exporter, settings.otel_service_name, dfd.__version__)
    return _exported(export, settings.otel_traces_sampler_arg)


@contextmanager
def _exported(export: "SpanExport", share: float) -> Iterator[None]:
    try:
        with record_to(export, share):
            yield
    finally:
        export.close()
