"""From what a caller shows to who he is; the same for a header, a cookie or a command line."""

import hmac
import logging
from collections.abc import Callable
from typing import Final

from dfd.caller import DEFAULT_TENANT, EVERY_SCOPE, LONGEST_TOKEN, Caller, key_id_of
from dfd.errors import JobStoreUnavailable, Unauthorized
from dfd.ports.access import KeyStore, TokenVerifier

_LOG = logging.getLogger(__name__)

_OWNER: Final = Caller(DEFAULT_TENANT, "bearer", EVERY_SCOPE)
"""Who shows the service's own bearer secret."""


class Authenticator:
    """Checks credentials. Safe to use from several threads."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        bearer: str | None = None,
        keys: KeyStore | None = None,
        tokens: TokenVerifier | None = None,
    ) -> None:
        """Take the kinds of credentials that are given, at least one.

        Args:
            clock: seconds since the epoch.
            bearer: the service's own secret; whoever shows it is of the default tenant and may do everything there.
            keys: the table of API keys.
            tokens: checks tokens of another issuer.
        """
        if bearer is not None and not bearer:
            raise ValueError("an empty bearer token protects nothing")
        if bearer is None and keys is None and tokens is None:
            raise ValueError("who lets nobody in needs no authenticator")
        self._clock = clock
        self._bearer = None if bearer is None else bearer.encode()
        self._keys = keys
        self._tokens = tokens

    def owner(self, token: str) -> Caller | None:
        """Who shows the bearer secret, None for any other credential; waits for nothing."""
        if self._bearer is None or not hmac.compare_digest(token.encode(errors="replace"), self._bearer):
            return None
        return _OWNER

    def caller_of(self, token: str) -> Caller:
        """Who shows this credential; may wait for the database, or for the keys of an issuer.

        Args:
            token: the bearer secret, an API key or a JWT, without any word such as ``Bearer`` before it.

        Raises:
            Unauthorized: it is none of them, or no longer good. The message says nothing that its bearer does not know.
            JobStoreUnavailable, IdentityUnavailable: it cannot be checked now.
        """
        if not token or len(token) > LONGEST_TOKEN:
            raise Unauthorized("show an API key or a token")
        owner = self.owner(token)
        if owner is not None:
            return owner
        key_id = key_id_of(token)
        if self._keys is not None and key_id is not None:
            return self._bearer_of_key(self._keys, key_id, token)
        if self._tokens is not None and token.count(".") == 2:  # as a JWT has them
            return self._tokens.caller_of(token)
        raise Unauthorized("the credential is not valid")

    def _bearer_of_key(self, keys: KeyStore, key_id: str, token: str) -> Caller:
        now_s = self._clock()
        key = keys.get(key_id)
        if key is None or not key.is_of(token):
            raise Unauthorized("the credential is not valid")
        if not key.good(now_s):
            raise Unauthorized("the API key has expired or was revoked")
        if key.used_lately(now_s):
            return key.caller
        try:
            keys.used(key_id, now_s)
        except JobStoreUnavailable as error:  # nobody is turned away for the sake of a note
            _LOG.warning("the use of a key could not be noted: %s", error)
        return key.caller
