"""Files of jobs through the Python clients: whole or not at all, wherever they are led."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from tests.api_client import make_services
from tests.unit.test_client import both, problem
from tests.unit.test_jobs import House

from dfd.api.app import create_app
from dfd.client import Artifact, AsyncClient, Client, Conflict, NotFound, Retries, TryLater, Unreachable

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class BreaksOff(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The beginning of a body."""

    closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1

    def __iter__(self) -> Iterator[bytes]:
        yield b"the-beg"
        raise httpx.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"the-beg"
        raise httpx.ReadError("cut")


async def test_the_real_application_is_understood(tmp_path: Path) -> None:
    house = House()
    transport = httpx.ASGITransport(create_app(make_services(house.analyzer, jobs=house.desk)))
    async with httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as http:
        client = AsyncClient(http=http)
        [job] = await client.submit(b"GIF89a-and-more")
        [upload] = await client.artifacts(job.id)
        assert upload == Artifact("upload", "image/gif", 15, f"/v1/jobs/{job.id}/artifacts/upload")
        with pytest.raises(Conflict):
            await client.download(job.id, "report.json", tmp_path / "report.json")
        house.worker().run_one(house.stop)
        assert [one.name for one in await client.artifacts(job.id)] == ["upload", "report.json"]
        assert await client.download(job.id, "upload", tmp_path / "upload.gif") == tmp_path / "upload.gif"
        with pytest.raises(NotFound):
            await client.download(job.id, "../secret", tmp_path / "secret")
    assert (tmp_path / "upload.gif").read_bytes() == b"GIF89a-and-more"
    assert [path.name for path in tmp_path.iterdir()] == ["upload.gif"]


async def test_what_breaks_off_is_loaded_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from before")
    answers: list[httpx.Response | httpx.TransportError] = [
        problem(503, **{"Retry-After": "2"}),
        httpx.ReadError("cut"),
        httpx.Response(200, content=b"the-file"),
    ]
    found, script = await both(*answers, act=lambda client: client.download("a/b", "upload", tmp_path / "file"))
    assert found == tmp_path / "file"
    assert found.read_bytes() == b"the-file"
    assert script.slept == [2.0, 1.0]
    assert script.requests[0].url.raw_path == b"/v1/jobs/a%2Fb/artifacts/upload"


async def test_what_never_comes_whole_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from before")
    once = Retries(1)
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=BreaksOff()))
    with httpx.Client(transport=transport, base_url="http://dfd.example") as http, pytest.raises(Unreachable):
        Client(http=http, retries=once).download("j", "upload", tmp_path / "file")
    async with httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as awaited:
        with pytest.raises(Unreachable):
            await AsyncClient(http=awaited, retries=once).download("j", "upload", str(tmp_path / "file"))
    error, _ = await both(problem(503), act=lambda client: client.download("j", "u", tmp_path / "file"), retries=once)
    assert type(error) is TryLater
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"from before"}


async def test_a_file_that_cannot_be_written_ends_the_answer(tmp_path: Path) -> None:
    body = BreaksOff()
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=body))
    with httpx.Client(transport=transport, base_url="http://dfd.example") as http, pytest.raises(FileNotFoundError):
        Client(http=http).download("j", "upload", tmp_path / "missing" / "file")
    assert body.closed == 1
    async with httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as awaited:
        with pytest.raises(FileNotFoundError):
            await AsyncClient(http=awaited).download("j", "upload", tmp_path / "missing" / "file")
    assert body.closed == 2


async def test_the_secret_does_not_follow_to_the_storage(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "dfd.example":
            return httpx.Response(307, headers={"Location": "https://bucket.example/uploads/j?signed"})
        return httpx.Response(200, content=b"the-file")

    secret = {"Authorization": "Bearer secret"}
    transport = httpx.MockTransport(answer)
    with httpx.Client(transport=transport, base_url="https://dfd.example", headers=secret) as http:
        Client(http=http).download("j", "upload", tmp_path / "one")
    async with httpx.AsyncClient(transport=transport, base_url="https://dfd.example", headers=secret) as awaited:
        await AsyncClient(http=awaited).download("j", "upload", tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == b"the-file"
    assert [request.headers.get("authorization") for request in asked] == ["Bearer secret", None] * 2
