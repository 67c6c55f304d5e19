"""What settings say that each may say, and that not all can mean together."""

from collections.abc import Mapping
from typing import Any, Final

_NEEDED: Final = (
    ("model_backend", "oip", "oip_url"),
    ("face_detector", "retinaface", "retinaface_weights"),
    ("job_queue", "celery", "broker_url"),
)
"""A setting, one of its values, and the setting which that value cannot do without."""


def contradictions(settings: Mapping[str, Any]) -> list[str]:
    """A sentence for each of them, which names the settings."""
    found = [
        f"{name.upper()} is {value}, but {needed.upper()} is not set"
        for name, value, needed in _NEEDED
        if settings[name] == value and settings[needed] is None
    ]
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
