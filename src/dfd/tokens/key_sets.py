"""The public keys of an issuer: a JSON Web Key Set (RFC 7517) in a file or at an address."""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import jwt

from dfd.errors import ConfigurationError, IdentityUnavailable, Unauthorized

_LOG = logging.getLogger(__name__)

_FRESH_S: Final = 300.0
"""Keys are loaded again after so long: a key that the issuer has withdrawn is good for no longer."""

_LEAST_S: Final = 10.0
"""Between two loads at least, so that tokens that name keys nobody knows cost the issuer nothing."""

_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024


class KeySet:
    """The RSA keys of an issuer, by their ids. Safe to use from several threads."""

    def __init__(self, load: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        """Load nothing yet.

        Args:
            load: reads the set as JSON; raises OSError, `http.client.HTTPException` or ValueError.
            clock: seconds, from any beginning.
        """
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._loaded_s = self._tried_s = float("-inf")

    def key(self, key_id: str | None) -> jwt.PyJWK:
        """The key of an id; a set with one key needs none.

        Raises:
            Unauthorized: the issuer has no such key.
            IdentityUnavailable: there are no keys, and they cannot be loaded.
        """
        now_s = self._clock()
        if (key_id not in self._keys or now_s - self._loaded_s > _FRESH_S) and now_s - self._tried_s > _LEAST_S:
            with self._lock:
                if now_s - self._tried_s > _LEAST_S:  # nobody else has done so meanwhile
                    self._refresh()
        keys = self._keys
        if (
            self._clock() - self._loaded_s > 2 * _FRESH_S
        ):  # trusted a while longer while the issuer is away, not for ever
            raise IdentityUnavailable("the keys of the issuer of tokens cannot be loaded")
        if key_id not in keys:
            raise Unauthorized("the token is not valid here")
        return keys[key_id]

    def _refresh(self) -> None:
        try:
            self._keys = _parsed(self._load())
        except (OSError, HTTPException, ValueError) as error:
            _LOG.warning("the keys of the issuer of tokens cannot be loaded: %s", error)
        else:
            self._loaded_s = self._clock()
        self._tried_s = self._clock()


def _parsed(document: bytes) -> dict[str | None, jwt.PyJWK]:
    """The RSA keys for signatures in a set.

    Raises:
        ValueError: it is no set.
    """
    found = json.loads(document)
    keys: dict[str | None, jwt.PyJWK] = {}
    try:
        for one in found["keys"]:
            if _signs(one):
                keys[one.get("kid")] = jwt.PyJWK.from_dict(one, algorithm="RS256")
    except (jwt.PyJWTError, KeyError, TypeError) as error:
        raise ValueError("this is no JSON Web Key Set, or a key in it is damaged") from error
    if len(keys) == 1:
        keys[None] = next(iter(keys.values()))
    return keys


def _signs(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.get("kty") == "RSA"
        and one.get("use", "sig") == "sig"
        and one.get("alg", "RS256") == "RS256"
        and isinstance(one.get("kid"), str | None)
    )


def key_set_of_file(path: Path) -> KeySet:
    """The keys in a file, which may change.

    Raises:
        ConfigurationError: it cannot be read, or holds no key set.
    """
    try:
        usable = _parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"JWT_JWKS: {path} cannot be read as a JSON Web Key Set: {error}") from error
    if not usable:
        raise ConfigurationError(f"JWT_JWKS: {path} holds no RSA key for signatures")
    return KeySet(path.read_bytes)


def key_set_at(url: str) -> KeySet:
    """The keys at an address of ``https``, or of this machine (`dfd.settings.types.KeySetPlace` sees to that)."""
    opener = urllib.request.build_opener(_NoRedirects)

    def load() -> bytes:
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - see above
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            document: bytes = answer.read(_MOST_BYTES + 1)
        if len(document) > _MOST_BYTES:
            raise ValueError("the answer is too long for a JSON Web Key Set")
        return document

    return KeySet(load)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from the address that the operator gave, or not at all."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Have the answer taken as the error that it then is."""
