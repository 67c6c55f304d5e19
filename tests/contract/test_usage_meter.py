"""What every adapter of `UsageMeter` must do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes import FakeMeter
from tests.job_databases import new_store

from dfd.ports.usage import UsageMeter


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def meter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UsageMeter]:
    if request.param == "fake":
        yield FakeMeter()
        return
    with new_store(request, tmp_path) as sql:
        yield sql.meter()


def test_callers_and_windows_are_counted_apart(meter: UsageMeter) -> None:
    assert [meter.count("a", "w", 10.0), meter.count("a", "w", 10.0), meter.count("b", "w", 10.0)] == [1, 2, 1]
    assert meter.count("a", "later", 20.0) == 1
    meter.forget(10.0)
    assert [meter.count("a", "w", 10.0), meter.count("a", "later", 20.0)] == [1, 2]


def test_no_request_is_lost(meter: UsageMeter) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: meter.count("a", "w", 10.0), range(40)))
    assert sorted(counts) == list(range(1, 41))
