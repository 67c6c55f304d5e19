"""Who may call, from settings."""

from pathlib import Path

from dfd.access.authenticator import Authenticator
from dfd.access.keys import KeyDesk
from dfd.access.trail import AuditTrail
from dfd.api.limits import RequestLimits
from dfd.bootstrap.jobs import JobParts
from dfd.caller import NO_ALLOWANCE, Allowance
from dfd.ports.access import TokenVerifier
from dfd.settings import Settings
from dfd.tokens.key_sets import KeySet, key_set_at, key_set_of_file
from dfd.tokens.verifying import Expected, JwtVerifier


def build_authenticator(settings: Settings, parts: JobParts) -> Authenticator | None:
    """What knows callers by what they show; None where nothing is asked of them.

    Raises:
        ConfigurationError: the keys of the issuer of tokens cannot be used.
    """
    if not settings.require_auth:
        return None
    return Authenticator(
        parts.clock,
        bearer=settings.bearer_token,
        keys=parts.keys if "keys" in settings.auth_methods else None,
        tokens=_verifier(settings) if "jwt" in settings.auth_methods else None,
    )


def build_trail(parts: JobParts) -> AuditTrail:
    """What writes down who did what."""
    return AuditTrail(parts.audit, parts.clock)


def build_key_desk(parts: JobParts) -> KeyDesk:
    """The operator's desk of API keys."""
    return KeyDesk(parts.keys, build_trail(parts), parts.clock)


def build_limits(settings: Settings, parts: JobParts) -> RequestLimits | None:
    """How often each caller may ask; None where nothing counts."""
    each = Allowance(settings.requests_per_minute, settings.requests_per_day)
    tenant = Allowance(settings.tenant_requests_per_minute, settings.tenant_requests_per_day)
    keys_have_their_own = settings.require_auth and "keys" in settings.auth_methods
    if parts.meter is None or (each == tenant == NO_ALLOWANCE and not keys_have_their_own):
        return None
    return RequestLimits(parts.meter, each, tenant)


def _verifier(settings: Settings) -> TokenVerifier:
    expected = Expected(settings.jwt_issuer or "", settings.jwt_audience or "", settings.jwt_tenant_claim)
    if settings.jwt_jwks is not None:
        return JwtVerifier.of_key_set(expected, issuer_keys(settings.jwt_jwks))
    secret = settings.jwt_secret.get_secret_value().strip() if settings.jwt_secret else ""
    return JwtVerifier.of_secret(expected, secret)


def issuer_keys(place: str) -> KeySet:
    """The public keys of the issuer of tokens, at an address or in a file.

    Raises:
        ConfigurationError: the file holds none.
    """
    return key_set_at(place) if "://" in place else key_set_of_file(Path(place))
