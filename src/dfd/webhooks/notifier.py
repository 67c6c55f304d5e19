"""`Notifier` over signing and sending."""

from collections.abc import Sequence
from typing import Final

from dfd.caller import DEFAULT_TENANT
from dfd.delivery import Answer
from dfd.errors import CallbackRefused
from dfd.ports.deliveries import Notifier
from dfd.signing import secret_of, signed_headers
from dfd.webhooks.sending import Sender

EVENT: Final = "DFD-Event"
"""Header with the event's id."""


class SignedNotifier(Notifier):
    """Posts events as JSON, signed with every secret that is in use."""

    def __init__(self, sender: Sender, secrets: Sequence[str], software: str) -> None:
        """Set up.

        Args:
            sender: sends.
            secrets: the newest first, at least one.
            software: version of DFD, told to receivers.

        Raises:
            ValueError: there is no secret.
        """
        if not secrets or not all(secrets):
            raise ValueError("events must be signed: name a secret")
        self._sender = sender
        self._secrets = tuple(secrets)
        self._software = software

    def check(self, url: str) -> None:
        objection = self._sender.objection(url)
        if objection is not None:
            raise CallbackRefused(f"callback_url: {objection}")

    def notify(self, url: str, event_id: str, body: bytes, now_s: float, tenant: str = DEFAULT_TENANT) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"dfd/{self._software}",
            EVENT: event_id,
            **signed_headers([secret_of(secret, tenant) for secret in self._secrets], body, now_s),
        }
        return self._sender.send(url, body, headers)
