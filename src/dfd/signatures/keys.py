"""Ed25519 keys (RFC 8032): private ones from PEM files, public ones from PEM files or JSON Web Keys.

A key's id is its thumbprint by RFC 7638: whoever has the public key can work it out.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from dfd.errors import ConfigurationError

_HOW: Final = "make one with: openssl genpkey -algorithm ed25519 -out FILE"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures.

    Attributes:
        raw: its 32 bytes.
    """

    raw: bytes

    @property
    def x(self) -> str:
        """The bytes as JSON Web Keys have them: base64url without padding."""
        return to_text(self.raw)

    @property
    def key_id(self) -> str:
        """Thumbprint of the key: base64url of SHA-256 over its required members in canonical form (RFC 7638, 8037)."""
        return to_text(hashlib.sha256(rfc8785.dumps({"crv": "Ed25519", "kty": "OKP", "x": self.x})).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The JSON Web Key (RFC 7517, 8037)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.key_id, "use": "sig", "alg": "EdDSA"}

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether the private half made this signature of this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def from_x(cls, x: object) -> "PublicKey":
        """The reverse of `x`.

        Raises:
            ValueError: this is no such key.
        """
        raw = from_text(x)
        if len(raw) != 32:
            raise ValueError("an Ed25519 key has 32 bytes")
        return cls(raw)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """The half that may be shown."""
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: 64 bytes, the same each time."""
        return self.private.sign(message)


def read_signing_key(path: Path) -> SigningKey:
    """The key in a PEM file (PKCS #8), without a password.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigurationError(f"REPORT_SIGNING_KEY: {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # a TypeError where it has a password
        raise ConfigurationError(
            f"REPORT_SIGNING_KEY: {path} holds no private key in PEM without a password; {_HOW}"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"REPORT_SIGNING_KEY: {path} holds a key of another kind than Ed25519; {_HOW}")
    return SigningKey(key)


def read_public_keys(path: Path) -> list[PublicKey]:
    """The keys in a file: one in PEM, or those of ``GET /v1/signing-keys``.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    try:
        keys = _from_pem(content) if content.lstrip().startswith(b"-----") else _from_json(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"{path} holds no public Ed25519 key, neither in PEM nor as a JSON Web Key; "
            "a service shows its own at /v1/signing-keys"
        ) from error
    if not keys:
        raise ConfigurationError(f"{path} holds no Ed25519 key")
    return keys


def _from_pem(content: bytes) -> list[PublicKey]:
    key = load_pem_public_key(content)
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("another kind of key")
    return [PublicKey(key.public_bytes_raw())]


def _from_json(found: Mapping[str, Any]) -> list[PublicKey]:
    keys = found.get("keys", [found])
    return [PublicKey.from_x(key["x"]) for key in keys if key.get("crv") == "Ed25519"]


def to_text(value: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_text(text: object) -> bytes:
    """The reverse of `to_text`, and nothing but what that writes: one signature has one spelling.

    Raises:
        ValueError: this is none.
    """
    if not isinstance(text, str):
        raise ValueError("base64url is text")  # noqa: TRY004 - whoever reads a file expects one kind of error
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error
    if to_text(value) != text:
        raise ValueError("no base64url without padding")
    return value
