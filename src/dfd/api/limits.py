"""How often a caller may ask: requests of a minute and of a day, counted over all replicas.

Windows begin with the minute and with the day (UTC), so a caller may ask twice as often around the turn of one; that is
the price of counting in one statement. A caller is an API key, the subject of a token, or the bearer of the service's
secret; an address where no credential is needed. A tenant's callers are counted together too.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from dfd.api.auth import PresentCaller
from dfd.caller import NO_ALLOWANCE, Allowance, Caller
from dfd.errors import QuotaExceeded, RateLimited
from dfd.ports.usage import UsageMeter

_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_FORGET_EVERY: Final = 256
"""Requests after which windows that are over are forgotten."""


@dataclass(slots=True)
class RequestLimits:
    """Limits for every caller.

    Attributes:
        meter: counts.
        each: of a caller whose key has none of its own; None of either counts none.
        tenant: of all callers of a tenant together; likewise.
        clock: seconds since the epoch.
    """

    meter: UsageMeter
    each: Allowance = NO_ALLOWANCE
    tenant: Allowance = NO_ALLOWANCE
    clock: Callable[[], float] = time.time
    _counted: int = 0

    def check(self, caller: Caller, address: str = "") -> None:
        """Count a request; waits for the database.

        Args:
            caller: who asks.
            address: whence, which tells apart those who need no credential.

        Raises:
            RateLimited, QuotaExceeded: it is one too many; with the time until the window ends.
            JobStoreUnavailable: it cannot be counted.
        """
        own = caller.allowance
        per_minute = self.each.per_minute if own.per_minute is None else own.per_minute
        per_day = self.each.per_day if own.per_day is None else own.per_day
        self._check(_name_of(caller, address), Allowance(per_minute, per_day), "")
        if not caller.anonymous:
            self._check(f"tenant-{caller.tenant}", self.tenant, " of all your callers")

    def _check(self, who: str, most: Allowance, whose: str) -> None:
        now_s = self.clock()
        if most.per_minute is not None and self._count(who, "minute", _MINUTE_S, now_s) > most.per_minute:
            raise RateLimited(f"at most {most.per_minute} requests{whose} a minute", _rest_s(now_s, _MINUTE_S))
        if most.per_day is not None and self._count(who, "day", _DAY_S, now_s) > most.per_day:
            raise QuotaExceeded(f"at most {most.per_day} requests{whose} a day", _rest_s(now_s, _DAY_S))

    def _count(self, who: str, kind: str, length_s: int, now_s: float) -> int:
        self._counted += 1
        if self._counted % _FORGET_EVERY == 0:
            self.meter.forget(now_s)
        number = int(now_s // length_s)
        return self.meter.count(who, f"{kind}-{number}", float((number + 1) * length_s))


def _name_of(caller: Caller, address: str) -> str:
    """What a caller is counted under: short, and without what a token says of a person."""
    if caller.anonymous:
        return "address-" + address[:100]
    return "caller-" + hashlib.sha256(f"{caller.tenant} {caller.subject}".encode()).hexdigest()


def _rest_s(now_s: float, length_s: int) -> int:
    return max(1, math.ceil(length_s - now_s % length_s))


async def within_limits(request: Request, caller: PresentCaller) -> None:
    """A FastAPI dependency: refuse, before the body is read, whoever asks too often."""
    limits: RequestLimits | None = request.app.state.services.limits
    if limits is not None:
        address = request.client.host if request.client else "unknown"
        await request.app.state.jobs.ask(lambda: limits.check(caller, address))
