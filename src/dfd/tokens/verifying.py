"""`TokenVerifier` on PyJWT.

What a token may be signed with is fixed here and never taken from the token: one verifier knows one algorithm and keys
of its kind, so that no public key can be passed off as a shared secret, nor ``none`` as a signature (RFC 8725, 2.1).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from dfd.caller import Caller, check_tenant, scopes_of
from dfd.errors import ConfigurationError, InvalidParameter, Unauthorized
from dfd.ports.access import TokenVerifier
from dfd.tokens.key_sets import KeySet

LEEWAY_S: Final = 30
"""How far the clocks of the issuer and of this machine may be apart."""

LEAST_SECRET_BYTES: Final = 32
"""A key of HS256 is at least as long as its hash (RFC 7518, 3.2)."""

_LONGEST_SUBJECT: Final = 100


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say.

    Attributes:
        issuer: its ``iss``.
        audience: one of its ``aud``.
        tenant_claim: name of the claim with the tenant.
    """

    issuer: str
    audience: str
    tenant_claim: str = "tenant"


class JwtVerifier(TokenVerifier):
    """Checks JSON Web Tokens; `of_secret` and `of_key_set` make one."""

    def __init__(self, expected: Expected, algorithm: str, key_of: Callable[[str], Any]) -> None:
        """Check against `expected`; `key_of` finds the key of a token, of the kind that `algorithm` takes."""
        self._expected = expected
        self._algorithm = algorithm
        self._key_of = key_of
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    @classmethod
    def of_secret(cls, expected: Expected, secret: str) -> "JwtVerifier":
        """For tokens signed with a shared secret (HS256).

        Raises:
            ConfigurationError: the secret is too short.
        """
        key = secret.encode()
        if len(key) < LEAST_SECRET_BYTES:
            raise ConfigurationError(f"JWT_SECRET must have {LEAST_SECRET_BYTES} bytes or more to sign tokens with")
        return cls(expected, "HS256", lambda _token: key)

    @classmethod
    def of_key_set(cls, expected: Expected, keys: KeySet) -> "JwtVerifier":
        """For tokens signed with one of an issuer's private keys (RS256).

        Raises:
            ConfigurationError: what checks such signatures is not installed.
        """
        if not jwt.algorithms.has_crypto:
            raise ConfigurationError("JWT_JWKS needs pip install 'dfd[jwks]'")
        return cls(expected, "RS256", lambda token: keys.key(_key_id_of(token)))

    def caller_of(self, token: str) -> Caller:
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                self._key_of(token),
                algorithms=[self._algorithm],
                audience=self._expected.audience,
                issuer=self._expected.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("the token has expired") from error
        except (jwt.PyJWTError, ValueError) as error:  # what exactly is wrong with it is for the log alone
            raise Unauthorized("the token is not valid here") from error
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        tenant = claims.get(self._expected.tenant_claim)
        try:
            checked = check_tenant(tenant if isinstance(tenant, str) else "")
        except InvalidParameter as error:
            raise Unauthorized("the token names no tenant") from error
        return Caller(checked, _subject(str(claims["sub"])), scopes_of(_granted(claims)))


def _granted(claims: dict[str, Any]) -> str:
    """The scopes as text: ``scope`` with blanks between (RFC 8693), or a list in ``scope``, ``scopes`` or ``scp``."""
    for name in ("scope", "scopes", "scp"):
        given = claims.get(name)
        if isinstance(given, str):
            return given
        if isinstance(given, list):
            return " ".join(one for one in given if isinstance(one, str))
    return ""


def _subject(sub: str) -> str:
    """A name for the log that is short and of one line; a long one is told by its hash."""
    if sub.isprintable() and len(sub) <= _LONGEST_SUBJECT:
        return f"jwt-{sub}"
    return f"jwt-sha256-{hashlib.sha256(sub.encode(errors='replace')).hexdigest()}"


def _key_id_of(token: str) -> str | None:
    found = jwt.get_unverified_header(token).get("kid")
    return found if isinstance(found, str) else None
