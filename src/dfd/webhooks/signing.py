"""The signature of a delivery: HMAC-SHA256 (RFC 2104) over the time and the body.

The time is signed too, so that whoever records a delivery cannot repeat it later: receivers refuse old ones.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

TIMESTAMP: Final = "DFD-Timestamp"
"""Header with the time of sending, in whole seconds since the epoch."""

SIGNATURE: Final = "DFD-Signature"
"""Header with ``v1=`` and the HMAC in lower-case hex."""

TOLERANCE_S: Final = 300.0
"""Age from which a delivery is to be refused."""

_VERSION: Final = "v1="


def signed_headers(secret: str, body: bytes, now_s: float) -> dict[str, str]:
    """The two headers of a delivery.

    Args:
        secret: known to both sides; not empty.
        body: exactly as it is sent.
        now_s: seconds since the epoch.
    """
    timestamp = str(int(now_s))
    return {TIMESTAMP: timestamp, SIGNATURE: _VERSION + _mac(secret, timestamp, body)}


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """What a receiver checks, in constant time: the signature holds, and the delivery is not old."""
    timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not (timestamp.isascii() and timestamp.isdecimal()) or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(signature.encode(), (_VERSION + _mac(secret, timestamp, body)).encode())


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    if not secret:
        raise ValueError("an empty secret signs nothing")
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
