"""Writing down who did what."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from dfd.audit import OPERATOR, Action, AuditEntry
from dfd.caller import Caller
from dfd.errors import JobStoreUnavailable
from dfd.ports.access import AuditLog

_LOG = logging.getLogger(__name__)

_MINUTE_S: Final = 60.0
_MOST_REFUSALS: Final = 60
"""Refusals of a minute that are written; a flood of them must not fill the table. The rest is counted."""


class AuditTrail:
    """Writes entries. Safe to use from several threads."""

    def __init__(self, log: AuditLog, clock: Callable[[], float]) -> None:
        """Write to `log`; `clock` tells seconds since the epoch."""
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = self._refusals = self._left_out = 0

    def did(
        self, action: Action, caller: Caller, subject: str | None = None, request_id: str | None = None, **facts: str
    ) -> None:
        """Write down what a caller did.

        Raises:
            JobStoreUnavailable: it could not be written.
        """
        entry = AuditEntry(self._clock(), action, caller.subject, caller.tenant, subject, request_id, facts=facts)
        self._log.write(entry)

    def operator_did(self, action: Action, subject: str, tenant: str | None = None, **facts: str) -> None:
        """Write down what the operator did at the command line; raises as `did`."""
        self._log.write(AuditEntry(self._clock(), action, OPERATOR, tenant, subject, facts=facts))

    def refused(
        self, action: Action, address: str | None, request_id: str | None, caller: Caller | None = None, **facts: str
    ) -> None:
        """Write down that somebody was turned away; never raises, for he must be told so all the same."""
        now_s = self._clock()
        with self._lock:
            minute = int(now_s // _MINUTE_S)
            if minute != self._minute:
                self._minute, self._refusals = minute, 0
            self._refusals += 1
            if self._refusals > _MOST_REFUSALS:
                self._left_out += 1
                return
            left_out, self._left_out = self._left_out, 0
        if left_out:
            facts["left_out_before"] = str(left_out)
        actor, tenant = (None, None) if caller is None else (caller.subject, caller.tenant)
        try:
            self._log.write(
                AuditEntry(now_s, action, actor, tenant, request_id=request_id, address=address, facts=facts)
            )
        except JobStoreUnavailable as error:
            _LOG.warning("a refusal could not be written to the audit log: %s", error)
