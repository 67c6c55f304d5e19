"""The Python client over sockets, as its documentation shows it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api_client import make_services
from tests.live_service import Live, live
from tests.unit.test_jobs import House

from dfd.client import AsyncClient, Client, Retries, Unreachable
from dfd.job import JobState
from dfd.jobs.crew import Crew

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Live]:
    house = House()
    crew = Crew([house.worker()], house.sweeper, house.queue, house.policy)
    with live(make_services(house.analyzer, jobs=house.desk, crew=crew), tmp_path) as running:
        yield running


def test_the_documented_example_works(
    service: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs/client.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert "http://localhost:8000" in example
    monkeypatch.chdir(ROOT)
    exec(compile(example.replace("http://localhost:8000", service.url), "client.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "fake"
    assert printed[-1] == "succeeded fake 0.9"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_awaited_client_hears_a_job_to_its_end(service: Live) -> None:
    async with AsyncClient(service.url) as client:
        [job] = await client.submit(b"video")
        heard = [event.job.state async for event in client.events(job.id)]
        assert heard[-1] is JobState.SUCCEEDED
        assert [found.id async for found in client.jobs()] == [job.id]


def test_a_service_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with live(make_services(), tmp_path) as gone:
        url = gone.url
    with Client(url, retries=Retries(attempts=2, first_delay_s=0.0)) as client, pytest.raises(Unreachable):
        client.job("j")
