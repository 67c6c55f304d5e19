"""What ``dfd doctor`` says of every backing service, with real ones: well, away, wrong."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm
from sqlalchemy import text
from tests.fakes import make_job
from tests.s3_server import s3_server
from tests.servers import free_port

from dfd.bootstrap.examining import examine_services
from dfd.job_store.database import Database
from dfd.job_store.sql import SqlJobStore
from dfd.settings import Settings, load_settings

if TYPE_CHECKING:
    from tests.broker_servers import Broker
    from tests.postgres_server import PostgresServer


def settings_of(folder: Path, **given: Any) -> Settings:
    return load_settings(data_dir=folder / "data", **given)


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, bool]:
    return {name: part["ok"] for name, part in found.items()}


def test_a_laptop_before_its_first_start_is_well_and_left_as_it_is(tmp_path: Path) -> None:
    found = examine_services(settings_of(tmp_path))
    assert all(verdicts(found).values()), found
    assert "first start" in found["database"]["note"]
    assert "WEBHOOK_SECRET" in found["webhooks"]["note"]
    assert not list(tmp_path.iterdir())


def test_a_laptop_that_has_worked_leaves_no_probe(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    store = SqlJobStore(settings.jobs_url)
    store.migrate()
    store.close()
    found = examine_services(settings)
    assert all(verdicts(found).values()), found
    assert found["database"]["revision"] == found["database"]["newest_revision"]
    assert not [path for path in (tmp_path / "data" / "files").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_cluster_that_is_well(postgres: "PostgresServer", redis: "Broker", tmp_path: Path) -> None:
    (tmp_path / "buckets").mkdir()
    with s3_server(tmp_path / "buckets") as s3:
        bucket = s3.make_bucket("videos")
        settings = settings_of(
            tmp_path,
            database_url=postgres.new_database(),
            job_queue="celery",
            broker_url=redis.url,
            storage_url="s3://videos/dfd",
            storage_endpoint=s3.access.endpoint,
            storage_access_key_id=s3.access.access_key_id,
            storage_secret_access_key=s3.access.secret_access_key,
            webhook_secret="a-secret-of-this-test",
        )
        found = examine_services(settings)
        assert all(verdicts(found).values()), found
        assert found["database"]["revision"] is None
        assert set(found["clock"]["skews_s"]) == {"database", "storage"}
        assert found["webhooks"]["secrets"] == 1
        assert not [path for path in bucket.rglob("*") if path.is_file()]
        told = repr(found)
    assert redis.url not in told
    assert postgres.password not in told


@pytest.mark.slow
def test_what_is_away_is_named_and_nothing_secret_with_it(tmp_path: Path) -> None:
    port = free_port()
    found = examine_services(
        settings_of(
            tmp_path,
            database_url=f"postgresql://dfd:hidden@127.0.0.1:{port}/dfd",
            job_queue="celery",
            broker_url=f"redis://:hidden@127.0.0.1:{port}/0",
            model_registry_url=f"http://user:hidden@127.0.0.1:{port}",
            report_signing_key=tmp_path / "no-key.pem",
        )
    )
    assert {name for name, ok in verdicts(found).items() if not ok} == {
        "database",
        "queue",
        "registry",
        "report_signing",
    }
    assert found["database"]["code"] == "job_store_unavailable"
    assert "broker does not answer" in found["queue"]["message"]
    assert "REPORT_SIGNING_KEY" in found["report_signing"]["message"]
    assert "hidden" not in repr(found)


def test_tables_of_a_newer_version_and_jobs_of_the_future_are_wrong(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    store = SqlJobStore(settings.jobs_url)
    store.migrate()
    store.add([make_job("later", created_at_s=4e9)])
    store.close()
    assert "its clock is slow" in examine_services(settings)["clock"]["message"]
    database = Database(settings.jobs_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    assert "newer version" in examine_services(settings)["database"]["message"]


def test_an_issuer_whose_keys_cannot_be_had_is_wrong_and_a_collector_that_is_away_is_not(tmp_path: Path) -> None:
    port = free_port()
    settings = settings_of(
        tmp_path,
        require_auth=True,
        auth_methods=("jwt",),
        jwt_issuer="https://id.example/",
        jwt_audience="dfd",
        jwt_jwks=f"http://127.0.0.1:{port}/keys",
        otel_traces_exporter="otlp",
        otel_exporter_otlp_endpoint=f"http://127.0.0.1:{port}",
    )
    found = examine_services(settings)
    assert found["identity"]["code"] == "identity_unavailable"
    assert found["traces"]["ok"] is True
    assert "spans are lost" in found["traces"]["note"]


def test_an_issuer_whose_keys_are_there_is_well(tmp_path: Path) -> None:
    public = generate_private_key(65537, 2048).public_key()
    key = json.loads(RSAAlgorithm.to_jwk(public)) | {"kid": "one", "use": "sig"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key]}))
    given = {"require_auth": True, "auth_methods": ("jwt",), "jwt_issuer": "https://id.example/", "jwt_audience": "dfd"}
    found = examine_services(settings_of(tmp_path, **given, jwt_jwks=str(tmp_path / "keys.json")))
    assert found["identity"] == {"ok": True, "methods": ["jwt"], "issuer": "https://id.example/"}


def test_a_disk_without_room_for_an_upload_is_wrong(tmp_path: Path) -> None:
    found = examine_services(settings_of(tmp_path, max_upload_mb=1 << 40))
    assert "MAX_UPLOAD_MB" in found["disk"]["message"]


def test_a_bucket_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "buckets").mkdir()
    with s3_server(tmp_path / "buckets") as s3:
        found = examine_services(
            settings_of(
                tmp_path,
                storage_url="s3://nowhere",
                storage_endpoint=s3.access.endpoint,
                storage_access_key_id=s3.access.access_key_id,
                storage_secret_access_key=s3.access.secret_access_key,
            )
        )
    assert found["storage"]["ok"] is False
