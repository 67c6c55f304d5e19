"""What an operator may set, read from the environment and ``.env``. The only module that reads either.

Every name is written in capitals in the environment: ``MAX_FRAMES`` sets `Settings.max_frames`. An empty value counts
as unset. ``docs/settings.md`` lists them all.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from dfd.access_settings import AccessSettings
from dfd.device import Device
from dfd.errors import ConfigurationError
from dfd.processors import available_cpus
from dfd.secret_files import BaseWithSecretFiles
from dfd.setting_operations import OperationSettings, contradictions
from dfd.setting_types import BrokerUrl, HttpUrl, LenientBool, LogLevel, ServerUrl, weakness_of

_PACKAGE = Path(__file__).resolve().parent
_PACKAGED_MODELS = _PACKAGE / "models"  # in an installed wheel
_CHECKOUT_MODELS = _PACKAGE.parents[1] / "models"  # in a source tree

_KEEP_TO_ITSELF = frozenset(
    {
        "broker_url",
        "database_url",
        "jwt_jwks",
        "jwt_secret",
        "model_registry_url",
        "oip_url",
        "otel_exporter_otlp_endpoint",
        "otel_exporter_otlp_headers",
        "session_secret",
        "storage_endpoint",
        "storage_secret_access_key",
        "storage_url",
        "tf_serving_url",
        "webhook_secret",
    }
)
"""Settings whose value may hold a credential and so is never part of a message."""


def default_models_dir() -> Path:
    """The models that came with this copy of DFD: inside an installed package, else the source tree's ``models``."""
    return _PACKAGED_MODELS if _PACKAGED_MODELS.is_dir() else _CHECKOUT_MODELS


class _Settings(AccessSettings, BaseWithSecretFiles):
    """Most of the settings."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    model_name: str = Field("deepfake", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Model that answers")
    model_version: str = Field(
        "2",
        pattern=r"^([1-9][0-9]*|champion|challenger)$",
        description="Its version: a number, or an alias, `champion` or `challenger`, which services follow",
    )
    model_poll_s: float = Field(
        5.0, ge=0.1, le=3600, description="Seconds between two looks at where an alias of `MODEL_VERSION` leads"
    )
    models_dir: Path = Field(
        default_factory=default_models_dir,
        description="Folder of models, `<name>/<version>/manifest.json`; unset: the models that came with DFD",
    )
    model_registry_url: HttpUrl | None = Field(
        None, description="MLflow server that keeps the models, `http://HOST:PORT`; unset: `MODELS_DIR` does"
    )
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="CPU threads of one analysis; 0: all there are, shared by `JOB_WORKERS`",
    )
    device: Device = Field(
        Device.AUTO,
        description="What computes the networks of this process: `cpu`, `cuda`, or `auto`, CUDA where it can be used",
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="Probability from which a video is called fake; unset: the model's own"
    )
    operating_point: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Threshold of the model by name, for example `low_false_alarm`; `THRESHOLD` wins over it",
    )
    default_fps: float = Field(2.0, gt=0, le=120, description="Frames sampled for each second of video")
    max_frames: int = Field(256, ge=1, le=100_000, description="Most frames sampled; spread over longer videos")
    min_face_frames: int = Field(3, ge=1, description="Fewer samples of a face than this are too few for a verdict")
    face_detector: Literal["blazeface", "centerface", "haar", "retinaface"] = Field(
        "blazeface",
        description="Face detector: `blazeface`; `centerface`, slower and more thorough; `haar`, OpenCV's, slower and "
        "weaker; `retinaface`, by weights of your own",
    )
    retinaface_weights: Path | None = Field(None, description="ONNX file of `FACE_DETECTOR=retinaface`")
    no_face_fallback: bool = Field(
        False, description="Score the centre square of a video without any face, and say so in the report"
    )
    working_side_px: int = Field(
        1280, ge=256, le=8192, description="Frames are scaled down to this longer side before faces are looked for"
    )
    max_pixels: int = Field(8192 * 4608, ge=1, description="Most pixels a frame may have (8K has 33 million)")
    max_duration_s: float = Field(21_600.0, gt=0, description="Longest video taken, in seconds")
    sandbox: bool = Field(True, description="Decode media in processes that can do nothing else; needs Linux")
    decode_timeout_s: float = Field(900.0, gt=0, description="Longest wait for a file's frames in all, in seconds")
    decode_memory_mb: int | None = Field(
        None, ge=64, description="Most memory that decoding a file takes, in MiB; unset: as `MAX_PIXELS` needs it"
    )
    model_backend: Literal["onnx", "tfserving", "oip"] = Field(
        "onnx",
        description="What scores crops: `onnx`, in this process; `tfserving`, TensorFlow Serving or one that speaks as "
        "it does; `oip`, a server of the Open Inference Protocol",
    )
    tf_serving_url: ServerUrl = Field(
        "http://localhost:8501", description="Where TensorFlow Serving is looked for: `http://`, or `grpc://HOST:PORT`"
    )
    oip_url: ServerUrl | None = Field(
        None, description="Server of `MODEL_BACKEND=oip`: `http://HOST:PORT`, or `grpc://HOST:PORT`"
    )
    request_timeout: float = Field(
        30.0, gt=0, description="Seconds to wait for a model server's scores of one batch, repetitions included"
    )
    backend_fallback: bool = Field(
        False, description="Let the model in this process answer while the model server does not"
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address the service listens on; `0.0.0.0` is all")
    port: int = Field(8000, ge=0, le=65_535, description="Port the service listens on")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port of `/metrics` alone, for `dfd worker` too; unset: on `PORT`, and `dfd worker` shows none",
    )
    max_upload_mb: int = Field(512, ge=1, description="Largest upload, in MiB")
    max_concurrency: int = Field(2, ge=1, le=1024, description="Analyses the service runs at the same time")
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
    webhook_secret: SecretStr | None = Field(
        None,
        description="Secret that signs webhooks, or several with commas between, the newest first; unset: off",
    )
    webhook_allow_http: bool = Field(False, description="Send webhooks without encryption too")
    webhook_allow_private: bool = Field(
        False, description="Send webhooks to private, loopback and link-local addresses too"
    )
    webhook_timeout_s: float = Field(
        10.0, gt=0, le=300, description="Seconds to wait for the receiver of a webhook to connect, and to answer"
    )
    webhook_max_attempts: int = Field(15, ge=1, le=100, description="Attempts before a webhook is given up")
    webhook_first_delay_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Longest wait before its second attempt, in seconds; doubled for each further one",
    )
    report_signing_key: Path | None = Field(
        None, description="PEM file of the Ed25519 key that signs reports; unset: they are not signed"
    )
    c2pa_trust_anchors: Path | None = Field(
        None, description="PEM file of authorities whose content credentials are trusted; unset: nobody's are"
    )
    public_url: HttpUrl | None = Field(
        None, description="Address that callers reach the service at, for links in webhooks; unset: links are paths"
    )
    secrets_dir: Path | None = Field(
        None, description="Folder of files, each named as a setting in small letters and holding its value; unset: none"
    )
    session_secret: SecretStr | None = Field(
        None,
        min_length=8,
        description="Seals the cookies of who has signed in on the page, the same on all replicas; unset: `JWT_SECRET`",
    )
    log_level: LogLevel = Field("INFO", description="Least level that is logged")
    debug: LenientBool = Field(False, description="Show stack traces of internal errors on the command line")

    @model_validator(mode="after")
    def _refuse_weak_signatures(self) -> Self:
        weaknesses = [weakness for secret in self.webhook_secrets if (weakness := weakness_of(secret))]
        if weaknesses:
            raise ValueError(f"WEBHOOK_SECRET {weaknesses[0]}")
        return self

    @model_validator(mode="after")
    def _refuse_a_choice_without_what_it_needs(self) -> Self:
        for chosen, needed in (
            ("model_backend=oip", "oip_url"),
            ("face_detector=retinaface", "retinaface_weights"),
            ("job_queue=celery", "broker_url"),
        ):
            name, _, value = chosen.partition("=")
            if getattr(self, name) == value and getattr(self, needed) is None:
                raise ValueError(f"{name.upper()} is {value}, but {needed.upper()} is not set")
        return self

    @property
    def sealing_secret(self) -> str | None:
        """What sessions of the page are sealed with; None where each process may draw its own."""
        return self.session_secret.get_secret_value() if self.session_secret else self.bearer_token

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What webhooks are signed with, the newest first."""
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return tuple(secret.strip() for secret in given.split(",") if secret.strip())

    @property
    def version_to_ask(self) -> str | None:
        """Version that a model server is asked for by its number; None, where none was set, leaves it to the server."""
        return self.model_version if "model_version" in self.model_fields_set else None

    @property
    def jobs_url(self) -> str:
        """Address of the table of jobs; it may hold a password."""
        given = self.database_url.get_secret_value() if self.database_url else ""
        return given or f"sqlite:///{self.data_dir / 'jobs.sqlite3'}"

    @property
    def followed_alias(self) -> str | None:
        """The alias that `MODEL_VERSION` is; None where it is a number."""
        return None if self.model_version.isdigit() else self.model_version

    def with_version(self, version: str) -> Self:
        """These settings with a number in place of the alias; themselves where there is none."""
        return self if version == self.model_version else self.model_copy(update={"model_version": version})

    @property
    def cpu_threads(self) -> int:
        """Threads of one analysis, resolved: at least 1."""
        return self.threads or available_cpus()

    def shared_by(self, analyses: int) -> Self:
        """These settings for so many analyses at the same time: unless `threads` is set, each has its share."""
        return self.model_copy(update={"threads": self.threads or max(1, available_cpus() // analyses)})


class Settings(OperationSettings, _Settings):
    """The settings; read them with `load_settings`, which words the errors."""

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if found := contradictions(dict(self)):
            raise ValueError("; ".join(found))
        return self


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and ``.env``.

    Args:
        overrides: values by field name that win over both; None leaves a setting alone.

    Raises:
        ConfigurationError: with one clause for each problem and no secret in it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(_sentence(problem) for problem in error.errors(include_url=False))
    except (OSError, UnicodeDecodeError) as error:
        problems = f"the file .env cannot be read: {error}"
    raise ConfigurationError(problems)  # outside the handlers: the cause would carry the values


def _sentence(problem: ErrorDetails) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    shown = "" if name in _KEEP_TO_ITSELF else f"={problem['input']!r}"
    return f"{name.upper()}{shown} is not valid: {message[:1].lower()}{message[1:]}"
