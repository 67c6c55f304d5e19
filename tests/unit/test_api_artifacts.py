"""The files of jobs over HTTP: what is listed, sent whole and in parts, led elsewhere, and refused."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Send
from tests.api_client import TOKEN, assert_problem, client_of, make_services
from tests.fakes import FakeStorage
from tests.unit.test_jobs import House

from dfd.api.app import create_app
from dfd.api.artifact_routes import SentFile
from dfd.api.media_types import UNKNOWN, media_type_of
from dfd.api.ranges import wanted_part
from dfd.api.services import Services
from dfd.errors import RangeNotSatisfiable, StorageUnavailable
from dfd.job import Job

pytestmark = pytest.mark.anyio

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 8


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def made(house: House, content: bytes = MP4, *, work: bool = True, **policy: Any) -> tuple[Services, str]:
    """A service, and a job of it that has ended if it is to."""
    services = make_services(house.analyzer, jobs=house.desk, **policy)
    async with client_of(services) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = await client.post(
            "/v1/jobs", files={"file": ("../../x.html", content, "text/html")}, headers=headers
        )
    if work:
        assert house.worker().run_one(house.stop)
    job_id: str = response.json()["jobs"][0]["id"]
    return services, job_id


async def get(services: Services, path: str, **headers: str) -> Any:
    async with client_of(services) as client:
        return await client.get(path, headers=headers)


async def test_a_job_has_its_upload_and_then_its_reports() -> None:
    house = House()
    services, job_id = await made(house, work=False)
    base = f"/v1/jobs/{job_id}/artifacts"
    upload = {"name": "upload", "media_type": "video/mp4", "size_bytes": len(MP4), "url": f"{base}/upload"}
    assert (await get(services, base)).json() == {"artifacts": [upload]}
    assert_problem(await get(services, f"{base}/report.json"), 409, "report_not_ready")
    house.worker().run_one(house.stop)
    listed = (await get(services, base)).json()["artifacts"]
    assert [one["name"] for one in listed] == ["upload", "report.json"]
    for one in listed:
        answer = await get(services, one["url"])
        assert answer.status_code == 200
        assert len(answer.content) == one["size_bytes"] == int(answer.headers["content-length"])
        assert answer.headers["content-type"] == one["media_type"]
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{job_id}')
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert (await get(services, f"{base}/upload")).content == MP4
    assert (await get(services, f"{base}/report.json")).json() == json.loads(house.desk.report(job_id))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-", (0, None)),
        ("bytes=5-9", (5, 10)),
        ("bytes=2000-999999", (2000, None)),
        ("bytes=-7", (len(MP4) - 7, None)),
        ("bytes=-999999", (0, None)),
    ],
)
async def test_one_range_of_bytes(asked: str, part: tuple[int, int | None]) -> None:
    house = House(storage=FakeStorage(piece_bytes=100))
    services, job_id = await made(house)
    answer = await get(services, f"/v1/jobs/{job_id}/artifacts/upload", Range=asked)
    start, end = part
    assert answer.status_code == 206
    assert answer.content == MP4[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{(end or len(MP4)) - 1}/{len(MP4)}"


async def test_what_is_no_single_range_gives_the_whole() -> None:
    services, job_id = await made(House())
    path = f"/v1/jobs/{job_id}/artifacts/upload"
    for asked in ("bytes=0-1,5-6", "bytes=9-5", "bytes=-", "items=0-1", "bytes=x-y", "bytes=0-1" + "0" * 40):
        answer = await get(services, path, Range=asked)
        assert (answer.status_code, answer.content) == (200, MP4)
    tag = (await get(services, path)).headers["etag"]
    assert (await get(services, path, Range="bytes=1-2", **{"If-Range": tag})).status_code == 206
    assert (await get(services, path, Range="bytes=1-2", **{"If-Range": '"other"'})).content == MP4


@pytest.mark.parametrize("asked", [f"bytes={len(MP4)}-", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused(asked: str) -> None:
    services, job_id = await made(House())
    answer = await get(services, f"/v1/jobs/{job_id}/artifacts/upload", Range=asked)
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(MP4)}"


@given(size=st.integers(0, 50), first=st.none() | st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_a_part_lies_inside_or_is_refused(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    numbers = list(range(size))
    try:
        part = wanted_part(header, size)
    except RangeNotSatisfiable as error:
        assert error.size_bytes == size
        assert (numbers[first:] if first is not None else numbers[size - (last or 0) :] if last else []) == []
        return
    if part is None:
        assert (first is None and last is None) or (first is not None and last is not None and last < first)
    elif first is None:
        assert numbers[slice(*part)] == numbers[-(last or 0) :]
    else:
        assert numbers[slice(*part)] == [n for n in numbers if n >= first and (last is None or n <= last)]


async def test_what_is_not_kept_is_a_404() -> None:
    house = House()
    services, job_id = await made(house)
    house.store.change(job_id, Job.without_input)
    base = f"/v1/jobs/{job_id}/artifacts"
    assert_problem(await get(services, f"{base}/upload"), 404, "artifact_not_found")
    assert [one["name"] for one in (await get(services, base)).json()["artifacts"]] == ["report.json"]
    assert_problem(await get(services, f"{base}/other"), 404, "artifact_not_found")
    assert_problem(await get(services, f"{base}/..%2f..%2fetc%2fpasswd"), 404, "not_found")
    for path in ("/v1/jobs/nobody/artifacts", "/v1/jobs/nobody/artifacts/upload"):
        assert_problem(await get(services, path), 404, "job_not_found")


async def test_the_secret_is_asked_for() -> None:
    services, job_id = await made(House(), bearer_token=TOKEN)
    for path in (f"/v1/jobs/{job_id}/artifacts", f"/v1/jobs/{job_id}/artifacts/upload"):
        assert_problem(await get(services, path), 401, "unauthorized")
        assert (await get(services, path, Authorization=f"Bearer {TOKEN}")).status_code == 200


@pytest.mark.logs_errors
async def test_a_storage_that_is_away_is_said_before_the_first_byte() -> None:
    house = House()
    services, job_id = await made(house)
    house.storage.error = StorageUnavailable("away")
    for path in (f"/v1/jobs/{job_id}/artifacts", f"/v1/jobs/{job_id}/artifacts/upload"):
        answer = await get(services, path)
        assert_problem(answer, 503, "storage_unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_who_loads_an_upload_is_led_to_the_storage_if_that_is_wanted() -> None:
    house = House(storage=FakeStorage(url="https://bucket.example"))
    services, job_id = await made(house, presigned_expiry_s=60.0)
    base = f"/v1/jobs/{job_id}/artifacts"
    answer = await get(services, f"{base}/upload")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"https://bucket.example/uploads/{job_id}?valid_s=60"
    assert answer.headers["cache-control"] == "no-store"
    assert (await get(services, f"{base}/report.json")).status_code == 200
    house.store.change(job_id, Job.without_input)
    assert_problem(await get(services, f"{base}/upload"), 404, "artifact_not_found")
    services, job_id = await made(House(), presigned_expiry_s=60.0)  # a folder has no addresses
    assert (await get(services, f"/v1/jobs/{job_id}/artifacts/upload")).content == MP4


async def load(app: ASGIApp, path: str, receive: Receive, send: Send) -> None:
    """What a server does with a request, with ways of its own to take the answer."""
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("dfd.example", 80)}
    await app(scope | {"asgi": {"version": "3.0"}}, receive, send)


async def test_only_so_many_load_at_the_same_time_and_one_who_leaves_makes_room() -> None:
    house = House(storage=FakeStorage(piece_bytes=10))
    services, job_id = await made(house, max_downloads=1)
    app = create_app(services)
    path, sent, more = f"/v1/jobs/{job_id}/artifacts/upload", asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await more.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            sent.set()
            await more.wait()

    slow = asyncio.create_task(load(app, path, receive, send))
    await sent.wait()
    async with client_of(app) as client:
        refused = await client.get(path)
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) > 0
        more.set()
        await slow
        assert (await client.get(path)).content == MP4


async def test_one_who_takes_nothing_makes_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentFile, "limit_s", 0.05)
    house = House(storage=FakeStorage(piece_bytes=10))
    services, job_id = await made(house, max_downloads=1)
    app, never = create_app(services), asyncio.Event()
    path = f"/v1/jobs/{job_id}/artifacts/upload"
    bodies: list[bytes] = []

    async def receive() -> Message:
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            bodies.append(message["body"])
            await never.wait()

    await load(app, path, receive, send)
    assert bodies == [MP4[:10]]
    async with client_of(app) as client:
        assert (await client.get(path)).content == MP4


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video/quicktime"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        (b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", "video/matroska"),
        (b"G" + bytes(187) + b"G", "video/mp2t"),
        (b"GIF89a", "image/gif"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"<!doctype html><script>", "application/octet-stream"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_first_bytes_tell_the_kind(head: bytes, name: str) -> None:
    assert media_type_of(head).name == name


@given(st.binary(max_size=600))
def test_no_upload_is_a_page_or_a_script(head: bytes) -> None:
    kind = media_type_of(head)
    assert kind == UNKNOWN or kind.name.startswith(("video/", "image/"))
    assert kind.name != "image/svg+xml"
