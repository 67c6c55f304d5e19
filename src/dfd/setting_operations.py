"""What an operator may set of stopping and tracing; a part of `dfd.settings.Settings`."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, Field, SecretStr

from dfd.setting_types import HttpUrl


class OperationSettings(BaseModel):
    """Names that begin with ``OTEL_`` are those of OpenTelemetry, and mean what they mean there."""

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


def contradictions(settings: Mapping[str, Any]) -> list[str]:
    """What settings say that each may say, and that not both can mean; a sentence that names them for each."""
    found = []
    if settings["metrics_port"] and settings["metrics_port"] == settings["port"]:
        found.append("METRICS_PORT and PORT must differ; without METRICS_PORT, PORT shows the metrics too")
    if (settings["storage_access_key_id"] is None) != (settings["storage_secret_access_key"] is None):
        found.append("STORAGE_ACCESS_KEY_ID and STORAGE_SECRET_ACCESS_KEY go together, and one of them is not set")
    scheme, is_address, _ = (settings["storage_url"] or "").partition("://")
    if is_address and scheme != "s3":
        found.append("STORAGE_URL must be s3://BUCKET/PREFIX, or the path of a folder")
    if settings["presigned_downloads"] and scheme != "s3":
        found.append("PRESIGNED_DOWNLOADS is on, but STORAGE_URL names no bucket: a folder has no addresses")
    headers = settings["otel_exporter_otlp_headers"]
    if headers and any("=" not in one for one in headers.get_secret_value().split(",") if one.strip()):
        found.append("OTEL_EXPORTER_OTLP_HEADERS must be name=value, with commas between")
    return found
