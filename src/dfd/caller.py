"""Who asks: the tenant a caller belongs to, what he may do, and the API keys that prove it.

A tenant is a party whose jobs nobody else sees. Its name comes from the key or the token, never from the request.
Times are seconds since the epoch. ``docs/access.md`` tells operators of it.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dfd.errors import InvalidParameter

DEFAULT_TENANT: Final = "default"
"""Whoever needs no credential, or shows the service's own bearer secret, belongs to this one."""

KEY_PREFIX: Final = "dfd_"
"""What API keys begin with, so that people and scanners of secrets know one when they see it."""

USE_NOTED_EVERY_S: Final = 60.0
"""A key's use is written down this often at most, so that a busy caller costs no write each time."""

LONGEST_TOKEN: Final = 8192
"""Characters of a credential at most; a longer one is none."""

MOST_DAYS: Final = 36_500
"""Days that a key with an end is good for at most, so that its end is a date that calendars know."""

_DAY_S: Final = 86_400.0
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN: Final = re.compile(KEY_PREFIX + r"(?P<key_id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_LONGEST_NAME: Final = 128


class Scope(StrEnum):
    """What a caller may do."""

    ANALYSE = "analyse"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    FEEDBACK = "feedback"
    MODELS_READ = "models:read"


EVERY_SCOPE: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often a caller may ask; None leaves it to the service's settings.

    Attributes:
        per_minute: requests of a minute.
        per_day: requests of a day.
    """

    per_minute: int | None = None
    per_day: int | None = None

    def __post_init__(self) -> None:
        if any(most is not None and most < 1 for most in (self.per_minute, self.per_day)):
            raise InvalidParameter("a limit of requests must be at least 1")


NO_ALLOWANCE: Final = Allowance()


@dataclass(frozen=True, slots=True)
class Caller:
    """One who was let in.

    Attributes:
        tenant: whose jobs he sees.
        subject: names him in the audit log and where requests are counted, at most 128 characters; no secret.
        scopes: what he may do.
        allowance: of his own.
        anonymous: whether he showed no credential because none is needed.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]
    allowance: Allowance = NO_ALLOWANCE
    anonymous: bool = False


ANONYMOUS: Final = Caller(DEFAULT_TENANT, "anonymous", EVERY_SCOPE, anonymous=True)
"""Everyone, where no credential is needed."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of an API key: not the key.

    Attributes:
        key_id: names it, and is part of it; no secret.
        name: the operator's own name for it.
        tenant: whose it is.
        scopes: what its bearer may do.
        token_sha256: hash of the whole key, lower-case hex. The key holds 256 random bits, so that no slow hash is
            needed: nobody guesses it, hash or no hash.
        created_at_s: when it was made.
        expires_at_s: from then on it is good for nothing; None is never.
        revoked_at_s: likewise, set by the operator.
        last_used_at_s: when it last let somebody in, to the minute or so.
        allowance: how often its bearer may ask.
    """

    key_id: str
    name: str
    tenant: str
    scopes: frozenset[Scope]
    token_sha256: str
    created_at_s: float
    expires_at_s: float | None = None
    revoked_at_s: float | None = None
    last_used_at_s: float | None = None
    allowance: Allowance = NO_ALLOWANCE

    def __post_init__(self) -> None:
        check_tenant(self.tenant)
        if not 0 < len(self.name.strip()) <= _LONGEST_NAME or not self.name.isprintable():
            raise InvalidParameter(f"a key's name has 1 to {_LONGEST_NAME} printable characters")
        if not self.scopes:
            raise InvalidParameter("a key without a scope is good for nothing")

    def is_of(self, token: str) -> bool:
        """Whether this is kept of that key; compared in constant time."""
        return hmac.compare_digest(_hashed(token), self.token_sha256)

    def good(self, now_s: float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at_s is None and (self.expires_at_s is None or now_s < self.expires_at_s)

    def used_lately(self, now_s: float) -> bool:
        """Whether its use was noted so short a time ago that it need not be noted again."""
        return self.last_used_at_s is not None and now_s < self.last_used_at_s + USE_NOTED_EVERY_S

    def revoked(self, now_s: float) -> "ApiKey":
        """Good for nothing any more; the first time it was revoked counts."""
        return self if self.revoked_at_s is not None else replace(self, revoked_at_s=now_s)

    @property
    def caller(self) -> Caller:
        """Whoever shows it."""
        return Caller(self.tenant, f"key-{self.key_id}", self.scopes, self.allowance)


def new_key(
    name: str,
    tenant: str,
    scopes: frozenset[Scope],
    now_s: float,
    valid_s: float | None,
    allowance: Allowance = NO_ALLOWANCE,
) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        name: the operator's own name for it.
        tenant: whose it is.
        scopes: what its bearer may do, at least one.
        now_s: the time.
        valid_s: for how long, at most `MOST_DAYS`; None is for ever.
        allowance: how often its bearer may ask.

    Returns:
        what is kept, and the key itself, which is shown once.

    Raises:
        InvalidParameter: one of them is not as it must be.
    """
    if valid_s is not None and not 0 < valid_s <= MOST_DAYS * _DAY_S:  # turned round, so that NaN is refused too
        raise InvalidParameter(f"a key must be valid for a while, and for {MOST_DAYS} days at most")
    key_id = secrets.token_hex(6)
    token = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    expires_at_s = None if valid_s is None else now_s + valid_s
    kept = ApiKey(key_id, name, tenant, scopes, _hashed(token), now_s, expires_at_s, allowance=allowance)
    return kept, token


def key_id_of(token: str) -> str | None:
    """The id in an API key; None where this has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return found["key_id"] if found else None


def check_tenant(tenant: str) -> str:
    """A tenant's name, as it is.

    Raises:
        InvalidParameter: it is none.
    """
    if _TENANT.fullmatch(tenant) is None:
        raise InvalidParameter("a tenant is named by up to 64 of a-z, 0-9, ., _ and -, first a letter or a digit")
    return tenant


def scopes_of(text: str) -> frozenset[Scope]:
    """The scopes named in a text with blanks between; names that are none of ours grant nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in text.split() if name in known)


def scopes_to_text(scopes: frozenset[Scope]) -> str:
    """The reverse of `scopes_of`, in a fixed order."""
    return " ".join(sorted(scopes))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
