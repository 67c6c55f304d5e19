"""Settings of webhooks. A part of `dfd.settings.Settings`."""

from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from dfd.settings.types import weakness_of


class WebhookSettings(BaseModel):
    """How receivers are told of jobs that have ended."""

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

    @model_validator(mode="after")
    def _refuse_weak_signatures(self) -> Self:
        weaknesses = [weakness for secret in self.webhook_secrets if (weakness := weakness_of(secret))]
        if weaknesses:
            raise ValueError(f"WEBHOOK_SECRET {weaknesses[0]}")
        return self

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What webhooks are signed with, the newest first."""
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return tuple(secret.strip() for secret in given.split(",") if secret.strip())
