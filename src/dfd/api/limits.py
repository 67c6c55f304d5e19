"""How often a caller may ask: requests of a minute and of a day, counted over all replicas.

Windows begin with the minute and with the day (UTC), so a caller may ask twice as often around the turn of one; that is
the price of counting in one statement. A caller is a bearer token where the service asks for one, else an address.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request

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
        per_minute: requests of a minute; None counts none.
        per_day: requests of a day; None counts none.
        clock: seconds since the epoch.
    """

    meter: UsageMeter
    per_minute: int | None = None
    per_day: int | None = None
    clock: Callable[[], float] = time.time
    _counted: int = 0

    def check(self, caller: str) -> None:
        """Count a request; waits for the database.

        Raises:
            RateLimited, QuotaExceeded: it is one too many; with the time until the window ends.
            JobStoreUnavailable: it cannot be counted.
        """
        now_s = self.clock()
        if self.per_minute is not None and self._count(caller, "minute", _MINUTE_S, now_s) > self.per_minute:
            raise RateLimited(f"at most {self.per_minute} requests a minute", _rest_s(now_s, _MINUTE_S))
        if self.per_day is not None and self._count(caller, "day", _DAY_S, now_s) > self.per_day:
            raise QuotaExceeded(f"at most {self.per_day} requests a day", _rest_s(now_s, _DAY_S))

    def _count(self, caller: str, kind: str, length_s: int, now_s: float) -> int:
        self._counted += 1
        if self._counted % _FORGET_EVERY == 0:
            self.meter.forget(now_s)
        number = int(now_s // length_s)
        return self.meter.count(caller, f"{kind}-{number}", float((number + 1) * length_s))


def caller_of(request: Request) -> str:
    """Who asks; a token only as its hash."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()  # however "Bearer" is spelt
    token = token or request.app.state.sessions.credential_of(request)
    if token and request.app.state.services.policy.bearer_token is not None:
        return "token-" + hashlib.sha256(token.encode()).hexdigest()
    return "address-" + (request.client.host if request.client else "unknown")[:100]


def _rest_s(now_s: float, length_s: int) -> int:
    return max(1, math.ceil(length_s - now_s % length_s))


async def within_limits(request: Request) -> None:
    """A FastAPI dependency: refuse, before the body is read, whoever asks too often."""
    limits: RequestLimits | None = request.app.state.services.limits
    if limits is not None:
        await request.app.state.jobs.ask(lambda: limits.check(caller_of(request)))
