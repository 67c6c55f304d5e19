"""``dfd backup`` as an operator uses it: from a laptop's SQLite and folder to PostgreSQL and S3, and back."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, submit
from tests.live_service import until
from tests.s3_server import s3_server

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer


@pytest.fixture
def cluster(postgres: "PostgresServer", tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of an empty PostgreSQL database and an empty bucket."""
    (tmp_path / "buckets" / "videos").mkdir(parents=True)
    with s3_server(tmp_path / "buckets") as s3:
        yield {
            "DATABASE_URL": postgres.new_database(),
            "STORAGE_URL": "s3://videos/dfd",
            "STORAGE_ENDPOINT": str(s3.access.endpoint),
            "STORAGE_ACCESS_KEY_ID": str(s3.access.access_key_id),
            "STORAGE_SECRET_ACCESS_KEY": str(s3.access.secret_access_key),
        }


def backup(
    place: Place, *arguments: str, code: int = 0, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "dfd.cli", "backup", *arguments, "--json"],
        cwd=place.folder,
        env={**place.environment, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    told: dict[str, Any] = json.loads(done.stdout) if code == 0 else {"message": done.stderr}
    return told


def contents(folder: Path) -> Mapping[str, bytes]:
    """Every file of a backup but ``backup.json``, which has the time."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "backup.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.slow
def test_jobs_move_to_a_cluster_and_back_and_what_was_accepted_is_finished_there_once(
    tmp_path: Path, cluster: dict[str, str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    place = Place(here)
    for number in range(3):
        paint(tmp_path / f"{number}.avi", 100 + number, 255)
    with place.service() as (_running, client):
        done = submit(client, tmp_path / "0.avi")
        until(lambda: job_of(client, done)["finished_at"] is not None, SOON_S)
    with place.service(JOB_WORKERS="0") as (_running, client):
        waiting = [submit(client, tmp_path / f"{number}.avi") for number in (1, 2)]
        told = backup(place, "create", "first")  # while the service runs
    assert (told["tables"]["jobs"]["lines"], told["objects"]["lines"], told["missing"]) == (3, 3, [])
    assert backup(place, "verify", "first") == told

    assert backup(place, "restore", "first", environment=cluster)["objects"] == told["objects"]
    refused = backup(place, "restore", "first", code=2, environment=cluster)
    assert "--force" in refused["message"]
    backup(place, "create", "second", environment=cluster)
    assert contents(here / "second") == contents(here / "first")

    with place.service(**cluster) as (_running, client):
        until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in waiting), SOON_S)
        assert {job_of(client, job_id)["state"] for job_id in (done, *waiting)} == {"succeeded"}
        report = job_of(client, waiting[0])["result"]
        assert client.get(f"/v1/jobs/{done}/artifacts/upload").content == (tmp_path / "0.avi").read_bytes()
    ends = [line["dfd.job_id"] for line in place.log if line["message"] == "job ended"]
    assert sorted(ends) == sorted((done, *waiting))

    backup(place, "create", "third", environment=cluster)
    backup(place, "restore", "third", "--force")
    with place.service(JOB_WORKERS="0") as (_running, client):
        assert job_of(client, waiting[0])["result"] == report


@pytest.mark.slow
def test_an_operator_is_told_what_is_wrong_in_a_sentence(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "no tables" in backup(place, "create", "first", code=4)["message"]
    assert "holds no backup" in backup(place, "verify", "nowhere", code=3)["message"]
    assert "holds no backup" in backup(place, "restore", "nowhere", code=3)["message"]
