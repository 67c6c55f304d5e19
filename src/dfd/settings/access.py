"""Settings of who may ask for what, and how often. A part of `dfd.settings.Settings`."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from dfd.settings.types import AuthMethods, KeySetPlace, Origins, weakness_of

LEAST_SIGNING_BYTES = 32
"""A shared secret that signs tokens is at least as long as the hash it is used with (RFC 7518, 3.2)."""


class AccessSettings(BaseModel):
    """The settings of access."""

    cors_origins: Annotated[Origins, NoDecode] = Field(
        ("*",), description="Origins browsers may call from, with commas between; `*` is any"
    )
    require_auth: bool = Field(False, description="Ask for `Authorization: Bearer <credential>`")
    auth_methods: Annotated[AuthMethods, NoDecode] = Field(
        ("bearer", "keys"),
        description="Credentials that are taken, with commas between: `bearer`, `JWT_SECRET` itself; `keys`, API keys; "
        "`jwt`, JSON Web Tokens",
    )
    jwt_secret: SecretStr | None = Field(
        None,
        description="The bearer secret, at least 8 characters; at least 32 where it signs tokens; sample values are "
        "refused while auth is required",
    )
    jwt_issuer: str | None = Field(None, description="Issuer (`iss`) that tokens must name")
    jwt_audience: str | None = Field(None, description="Audience (`aud`) that tokens must name")
    jwt_jwks: KeySetPlace | None = Field(
        None,
        description="Public keys of the issuer, whose tokens are then signed with RS256: address or file of a JSON Web "
        "Key Set; unset: they are signed with `JWT_SECRET` (HS256)",
    )
    jwt_tenant_claim: str = Field("tenant", min_length=1, description="Claim of tokens that names the tenant")
    requests_per_minute: int | None = Field(
        None, ge=1, description="Analyses and job requests of one caller in a minute; unset: any number"
    )
    requests_per_day: int | None = Field(
        None, ge=1, description="Analyses and job requests of one caller in a day (UTC); unset: any number"
    )
    tenant_requests_per_minute: int | None = Field(
        None, ge=1, description="The same of all callers of a tenant together, in a minute"
    )
    tenant_requests_per_day: int | None = Field(
        None, ge=1, description="The same of all callers of a tenant together, in a day (UTC)"
    )
    tenant_queued_jobs: int | None = Field(
        None, ge=1, description="Most jobs of one tenant that may wait; unset: as many as of all"
    )
    session_secret: SecretStr | None = Field(
        None,
        min_length=8,
        description="Seals the cookies of who has signed in on the page, the same on all replicas; unset: `JWT_SECRET`",
    )
    audit_retention_days: float = Field(365.0, gt=0, description="Days that the audit log is kept")

    @model_validator(mode="after")
    def _refuse_weak_auth(self) -> Self:
        if not self.require_auth:
            return self
        secret = self._shared_secret
        if secret is None and ("bearer" in self.auth_methods or self.shares_signing_secret):
            raise ValueError("REQUIRE_AUTH is on, but JWT_SECRET is not set")
        if secret is not None and (weakness := weakness_of(secret)):  # also where it seals sessions and no more
            raise ValueError(f"REQUIRE_AUTH is on, but JWT_SECRET {weakness}")
        if self.shares_signing_secret and len((secret or "").encode()) < LEAST_SIGNING_BYTES:
            raise ValueError(f"JWT_SECRET signs tokens, but has fewer than {LEAST_SIGNING_BYTES} bytes")
        return self

    @model_validator(mode="after")
    def _refuse_tokens_of_anyone(self) -> Self:
        if self.require_auth and "jwt" in self.auth_methods and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("AUTH_METHODS has jwt, but JWT_ISSUER and JWT_AUDIENCE are not both set")
        return self

    @property
    def shares_signing_secret(self) -> bool:
        """Whether tokens are taken that `JWT_SECRET` has signed."""
        return "jwt" in self.auth_methods and self.jwt_jwks is None

    @property
    def bearer_token(self) -> str | None:
        """The secret that callers may present, without surrounding blanks, which no header can carry.

        None when nothing is asked of them, or other credentials alone are taken.
        """
        return self._shared_secret if self.require_auth and "bearer" in self.auth_methods else None

    @property
    def sealing_secret(self) -> str | None:
        """What sessions of the page are sealed with, whatever callers may present.

        None where each process is to draw its own.
        """
        return self.session_secret.get_secret_value() if self.session_secret else self._shared_secret

    @property
    def _shared_secret(self) -> str | None:
        return (self.jwt_secret.get_secret_value().strip() or None) if self.jwt_secret else None
