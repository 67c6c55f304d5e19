"""How often a caller may ask."""

from dataclasses import replace

import pytest
from tests.api_client import TOKEN, assert_problem, client_of, make_services, upload
from tests.fakes import FakeMeter

from dfd.api.limits import RequestLimits
from dfd.caller import EVERY_SCOPE, Allowance, Caller
from dfd.errors import QuotaExceeded, RateLimited

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_windows_end_and_are_forgotten() -> None:
    now_s = 86_400.0 * 3 + 45.2
    meter = FakeMeter()
    limits = RequestLimits(meter, Allowance(2, 3), clock=lambda: now_s)
    a, b = (Caller("default", name, EVERY_SCOPE) for name in "ab")
    limits.check(a)
    limits.check(a)
    limits.check(b)
    with pytest.raises(RateLimited) as refused:
        limits.check(a)
    assert refused.value.retry_after_s == 15
    now_s += 15
    limits.check(a)
    with pytest.raises(QuotaExceeded) as used_up:
        limits.check(a)
    assert used_up.value.retry_after_s == 86_400 - 60
    meter.forget(now_s)
    assert {window.partition("-")[0] for _, window in meter.counts} == {"minute", "day"}
    meter.forget(now_s + 86_400)
    assert meter.counts == {}


async def test_callers_are_told_when_to_come_back() -> None:
    limits = RequestLimits(FakeMeter(), Allowance(1), clock=lambda: 90.0)
    services = replace(make_services(), limits=limits)
    async with client_of(services) as client:
        assert (await client.post("/predict", files=upload())).status_code == 200
        refused = await client.post("/v1/jobs", files=upload())
        assert (await client.get("/v1/jobs")).status_code == 200
    assert_problem(refused, 429, "rate_limited")
    assert refused.headers["retry-after"] == "30"


async def test_who_is_not_let_in_does_not_count_and_no_token_is_kept() -> None:
    meter = FakeMeter()
    services = replace(make_services(bearer_token=TOKEN), limits=RequestLimits(meter, Allowance(1), clock=lambda: 90.0))
    async with client_of(services) as client:
        assert (await client.post("/predict", files=upload())).status_code == 401
        assert meter.counts == {}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.post("/predict", files=upload(), headers=headers)).status_code == 200
        headers = {"Authorization": f"bearer  {TOKEN}"}
        assert (await client.post("/predict", files=upload(), headers=headers)).status_code in (401, 429)
    [(caller, _)] = meter.counts
    assert caller.startswith("caller-")
    assert TOKEN not in caller
