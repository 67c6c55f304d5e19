"""Settings of the process: where it listens, how much it takes, what it says. A part of `dfd.settings.Settings`."""

from pathlib import Path

from pydantic import BaseModel, Field

from dfd.settings.types import HttpUrl, LenientBool, LogLevel


class ServiceSettings(BaseModel):
    """How the service is reached and what it tells."""

    host: str = Field("127.0.0.1", min_length=1, description="Address the service listens on; `0.0.0.0` is all")
    port: int = Field(8000, ge=0, le=65_535, description="Port the service listens on")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port of `/metrics` alone, for `dfd worker` too; unset: on `PORT`, and `dfd worker` shows none",
    )
    public_url: HttpUrl | None = Field(
        None, description="Address that callers reach the service at, for links in webhooks; unset: links are paths"
    )
    max_upload_mb: int = Field(512, ge=1, description="Largest upload, in MiB")
    max_concurrency: int = Field(2, ge=1, le=1024, description="Analyses the service runs at the same time")
    secrets_dir: Path | None = Field(
        None, description="Folder of files, each named as a setting in small letters and holding its value; unset: none"
    )
    log_level: LogLevel = Field("INFO", description="Least level that is logged")
    debug: LenientBool = Field(False, description="Show stack traces of internal errors on the command line")
