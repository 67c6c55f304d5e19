"""All settings together, read from the environment, ``.env`` and secret files."""

from typing import Any, Final, Self

from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from dfd.errors import ConfigurationError
from dfd.settings.access import AccessSettings
from dfd.settings.analysis import AnalysisSettings
from dfd.settings.contradictions import contradictions
from dfd.settings.jobs import JobSettings
from dfd.settings.models import ModelSettings
from dfd.settings.operations import OperationSettings
from dfd.settings.secret_files import BaseWithSecretFiles
from dfd.settings.service import ServiceSettings
from dfd.settings.webhooks import WebhookSettings

_KEEP_TO_ITSELF: Final = frozenset(
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


class Settings(
    OperationSettings,
    WebhookSettings,
    JobSettings,
    AccessSettings,
    ServiceSettings,
    AnalysisSettings,
    ModelSettings,
    BaseWithSecretFiles,
):
    """The settings; read them with `load_settings`, which words the errors."""

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
