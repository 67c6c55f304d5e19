"""Settings of analyses that wait: table, files, queue, workers, retention. A part of `dfd.settings.Settings`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from dfd.settings.types import BrokerUrl, HttpUrl


class JobSettings(BaseModel):
    """How jobs are kept and worked on."""

    data_dir: Path = Field(
        Path("dfd-data"), description="Folder for jobs and their files, unless the next two say otherwise"
    )
    database_url: SecretStr | None = Field(
        None, description="Table of jobs: `postgresql://USER:PASSWORD@HOST/NAME`; unset: SQLite in `DATA_DIR`"
    )
    storage_url: str | None = Field(
        None, description="Files of jobs: `s3://BUCKET/PREFIX`, or a folder; unset: a folder in `DATA_DIR`"
    )
    storage_endpoint: HttpUrl | None = Field(None, description="Address of the S3 server; unset: Amazon's")
    storage_region: str = Field("us-east-1", min_length=1, description="Region of the bucket")
    storage_access_key_id: str | None = Field(None, description="Key of the S3 storage; unset: the machine's own role")
    storage_secret_access_key: SecretStr | None = Field(None, description="Secret half of that key")
    job_queue: Literal["embedded", "celery"] = Field(
        "embedded", description="What wakes workers: `embedded`, for those of the service, or `celery`, on all machines"
    )
    broker_url: BrokerUrl | None = Field(
        None, description="Broker of `celery`: `redis://:PASSWORD@HOST/0` or `amqp://USER:PASSWORD@HOST//`"
    )
    job_workers: int = Field(
        1, ge=0, le=1024, description="Jobs the service works on at the same time; 0 leaves them to `dfd worker`"
    )
    job_lease_s: float = Field(
        30.0, ge=3, description="A worker silent for so many seconds is taken for dead, and its job begun again"
    )
    job_max_attempts: int = Field(3, ge=1, description="Attempts before a job is given up")
    job_timeout_s: float = Field(
        3600.0, gt=0, description="An analysis that takes longer is ended as failed, in seconds"
    )
    job_expiry_s: float | None = Field(
        None, gt=0, description="A job that waits longer expires, in seconds; unset: it waits for ever"
    )
    max_queued_jobs: int = Field(10_000, ge=1, description="Most jobs that may wait")
    retention_days: float = Field(30.0, gt=0, description="Days that an ended job, its upload and its report are kept")
    feedback_retention_days: float = Field(
        730.0, gt=0, description="Days that labels and the numbers they are of are kept, once their job is gone"
    )
    zero_retention: bool = Field(False, description="Delete an upload as soon as its job has ended")
    presigned_downloads: bool = Field(
        False, description="Send who loads an upload to an address in the S3 storage, which callers must then reach"
    )
    presigned_expiry_s: int = Field(
        300, ge=1, le=604_800, description="Such an address is valid for so many seconds, to whoever has it"
    )

    @property
    def jobs_url(self) -> str:
        """Address of the table of jobs; it may hold a password."""
        given = self.database_url.get_secret_value() if self.database_url else ""
        return given or f"sqlite:///{self.data_dir / 'jobs.sqlite3'}"
