"""The signature of a webhook: HMAC-SHA256 (RFC 2104) over the time and the body.

The time is signed too, so that whoever records a delivery cannot repeat it later: receivers refuse old ones. While a
secret is being replaced, a delivery carries a signature by each, and a receiver who knows either is content.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from dfd.caller import DEFAULT_TENANT

TIMESTAMP: Final = "DFD-Timestamp"
"""Header with the time of sending, in whole seconds since the epoch."""

SIGNATURE: Final = "DFD-Signature"
"""Header with ``v1=`` and the HMAC in lower-case hex, for each secret, with commas between."""

TOLERANCE_S: Final = 300.0
"""Age from which a delivery is to be refused."""

_VERSION: Final = "v1="


def secret_of(secret: str, tenant: str) -> str:
    """The secret that events of a tenant's jobs are signed with.

    Each tenant has its own, made of the service's, so that no receiver can sign for another's; that of the default
    tenant is the service's itself.

    Args:
        secret: the service's; not empty.
        tenant: see `dfd.caller.check_tenant`.
    """
    if tenant == DEFAULT_TENANT:
        return secret
    if not secret:
        raise ValueError("an empty secret signs nothing")
    return hmac.new(secret.encode(), f"dfd webhooks of {tenant}".encode(), hashlib.sha256).hexdigest()


def signed_headers(secrets: Sequence[str], body: bytes, now_s: float) -> dict[str, str]:
    """The two headers of a delivery.

    Args:
        secrets: known to both sides, the newest first; at least one, none empty.
        body: exactly as it is sent.
        now_s: seconds since the epoch.

    Raises:
        ValueError: a secret is missing.
    """
    if not secrets:
        raise ValueError("without a secret there is no signature")
    timestamp = str(int(now_s))
    signature = ",".join(_VERSION + _mac(secret, timestamp, body) for secret in secrets)
    return {TIMESTAMP: timestamp, SIGNATURE: signature}


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """What a receiver checks, in constant time: a signature holds, and the delivery is not old.

    Args:
        secret: known to both sides; not empty.
        headers: as they came, in whatever case their names are spelt.
        body: exactly as it came.
        now_s: seconds since the epoch.
    """
    found = {name.lower(): value for name, value in headers.items()}
    timestamp = found.get(TIMESTAMP.lower(), "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        return False
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    expected = (_VERSION + _mac(secret, timestamp, body)).encode()
    signatures = found.get(SIGNATURE.lower(), "").split(",")
    return any(hmac.compare_digest(signature.strip().encode(), expected) for signature in signatures)


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    if not secret:
        raise ValueError("an empty secret signs nothing")
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
