"""Files of jobs through real processes, out of a folder and out of a bucket, sent by the service and by the storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from benchmarks.health_under_jobs import resident_mb
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, submit
from tests.live_service import until
from tests.s3_server import s3_server

from dfd.client import Client

pytestmark = pytest.mark.slow

LARGE_BYTES = 128 * 1024 * 1024


@contextmanager
def a_place(folder: Path, kind: str, **environment: str) -> Iterator[Place]:
    """Where files lie in a folder, or in a bucket."""
    if kind == "folder":
        yield Place(folder, **environment)
        return
    (folder / "buckets" / "videos").mkdir(parents=True)
    with s3_server(folder / "buckets") as s3:
        settings = {
            "STORAGE_URL": "s3://videos/dfd",
            "STORAGE_ENDPOINT": str(s3.access.endpoint),
            "STORAGE_ACCESS_KEY_ID": str(s3.access.access_key_id),
            "STORAGE_SECRET_ACCESS_KEY": str(s3.access.secret_access_key),
        }
        yield Place(folder, **settings, **environment)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_files_come_back_as_they_are_until_they_are_no_longer_kept(tmp_path: Path, kind: str) -> None:
    paint(tmp_path / "clip.avi", 150, 255)
    content = (tmp_path / "clip.avi").read_bytes()
    with (
        a_place(tmp_path, kind, ZERO_RETENTION="true") as place,
        place.service(JOB_WORKERS="0") as (_running, http),
        Client(str(http.base_url)) as client,
    ):
        job_id = submit(http, tmp_path / "clip.avi")
        [upload] = client.artifacts(job_id)
        assert (upload.name, upload.media_type, upload.size_bytes) == ("upload", "video/x-msvideo", len(content))
        assert client.download(job_id, "upload", tmp_path / "back.avi").read_bytes() == content
        part = http.get(upload.url, headers={"Range": "bytes=100-1099"})
        assert (part.status_code, part.content) == (206, content[100:1100])
        assert part.headers["content-disposition"] == f'attachment; filename="{job_id}.avi"'
        with place.process("worker"):
            until(lambda: job_of(http, job_id)["state"] == "succeeded", SOON_S)
            until(lambda: http.get(upload.url).status_code == 404, SOON_S)
        assert http.get(upload.url).json()["code"] == "artifact_not_found"
        assert [one.name for one in client.artifacts(job_id)] == ["report.json"]
        assert client.download(job_id, "report.html", tmp_path / "report.html").read_text().startswith("<!doctype")


def test_the_storage_sends_an_upload_for_a_while_if_that_is_wanted(tmp_path: Path) -> None:
    paint(tmp_path / "clip.avi", 150, 255)
    content = (tmp_path / "clip.avi").read_bytes()
    wanted = {"PRESIGNED_DOWNLOADS": "true", "PRESIGNED_EXPIRY_S": "2", "REQUIRE_AUTH": "true"}
    secret = "a-bearer-of-this-test"
    with (
        a_place(tmp_path, "s3", JWT_SECRET=secret, **wanted) as place,
        place.service(JOB_WORKERS="0") as (_running, http),
        Client(str(http.base_url), secret) as client,
    ):
        [job] = client.submit(content)
        path = f"/v1/jobs/{job.id}/artifacts/upload"
        assert http.get(path).status_code == 401
        led = http.get(path, headers={"Authorization": f"Bearer {secret}"})
        assert led.status_code == 307
        address = led.headers["location"]
        assert address.startswith(place.environment["STORAGE_ENDPOINT"])
        assert place.environment["STORAGE_SECRET_ACCESS_KEY"] not in address
        there = httpx.get(address)
        assert there.content == content
        assert there.headers["content-disposition"] == "attachment"
        assert client.download(job.id, "upload", tmp_path / "back.avi").read_bytes() == content
        until(lambda: httpx.get(address).status_code in (400, 403))


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_large_file_goes_through_the_service_in_pieces(tmp_path: Path, kind: str) -> None:
    piece = bytes(range(256)) * 4096
    (tmp_path / "large").write_bytes(piece * (LARGE_BYTES // len(piece)))
    with a_place(tmp_path, kind) as place, place.service(JOB_WORKERS="0") as (running, http):
        with (tmp_path / "large").open("rb") as file:
            [job] = http.post("/v1/jobs", files={"file": file}).json()["jobs"]
        before_mb = resident_mb(running.pid)
        most_mb, hashed = 0.0, sha256()
        with http.stream("GET", f"/v1/jobs/{job['id']}/artifacts/upload") as response:
            assert int(response.headers["content-length"]) == LARGE_BYTES
            for chunk in response.iter_bytes(1024 * 1024):
                hashed.update(chunk)
                most_mb = max(most_mb, resident_mb(running.pid))
        assert hashed.hexdigest() == job["input_sha256"]
        assert most_mb - before_mb < LARGE_BYTES / 1e6 / 2
