"""Settings of stopping, memory and tracing. A part of `dfd.settings.Settings`."""

from typing import Literal
from urllib.parse import unquote

from pydantic import BaseModel, Field, SecretStr

from dfd.settings.types import HttpUrl


class OperationSettings(BaseModel):
    """Names that begin with ``OTEL_`` are those of OpenTelemetry, ``MALLOC_`` glibc's: both mean the same there."""

    stop_delay_s: float = Field(
        0.0,
        ge=0,
        le=600,
        description="Seconds that a service which is told to stop goes on taking requests while `/readyz` says no, for "
        "the proxy before it to notice",
    )
    stop_limit_s: float = Field(30.0, gt=0, le=3600, description="Longest wait for answers under way, after that")
    job_stop_grace_s: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="A job that will be done within so many seconds is finished by a worker that is told to stop; any "
        "other is handed back at once",
    )
    malloc_arena_max: int = Field(
        2,
        ge=0,
        le=1024,
        description="Pools that the C library takes memory from, as glibc's own variable of this name; more cost "
        "memory and save waiting between many threads; 0: its choice, eight for each processor",
    )
    otel_traces_exporter: Literal["none", "otlp", "console"] = Field(
        "none", description="Where spans go: nowhere, to a collector (`pip install 'dfd[otel]'`), or to stderr as JSON"
    )
    otel_exporter_otlp_endpoint: HttpUrl = Field(
        "http://localhost:4318", description="Collector of `otlp`, by HTTP; spans are posted to its `/v1/traces`"
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, `name=value` with commas between; values may be secret"
    )
    otel_exporter_otlp_timeout: float = Field(
        10_000.0, gt=0, le=600_000, description="Longest wait for the collector, in milliseconds"
    )
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="Share of traces that are kept, of those that begin here; callers decide of theirs"
    )
    otel_service_name: str = Field("dfd", min_length=1, max_length=256, description="What spans call this service")

    @property
    def trace_headers(self) -> dict[str, str]:
        """The collector's headers by name."""
        given = self.otel_exporter_otlp_headers.get_secret_value() if self.otel_exporter_otlp_headers else ""
        pairs = (one.partition("=") for one in given.split(",") if one.strip())
        return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
