"""Settings: their names, their limits, the words for what is wrong, and the documents that list them."""

import logging
import os
import re
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic_core import PydanticUndefined

from dfd.bootstrap.jobs import build_job_parts
from dfd.errors import ConfigurationError
from dfd.processors import available_cpus
from dfd.settings import Settings, analysis, default_models_dir, load_settings, models

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the machine that runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_of_the_first_version() -> None:
    settings = load_settings()
    assert (settings.model_name, settings.model_version) == ("deepfake", "2")
    assert settings.tf_serving_url == "http://localhost:8501"
    assert (settings.default_fps, settings.max_frames, settings.request_timeout) == (2.0, 256, 30.0)
    assert (settings.threshold, settings.require_auth, settings.jwt_secret) == (None, False, None)
    assert settings.operating_point is None


def test_the_environment_wins_over_the_file_and_overrides_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MAX_FRAMES=1\nDEFAULT_FPS=1\nPORT=1\nUNKNOWN=1\n")
    monkeypatch.setenv("DEFAULT_FPS", "2.5")
    monkeypatch.setenv("PORT", "2")
    settings = load_settings(port=3, host=None)
    assert (settings.max_frames, settings.default_fps, settings.port) == (1, 2.5, 3)
    assert settings.host == "127.0.0.1"


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THRESHOLD", "")
    monkeypatch.setenv("MODELS_DIR", "")
    assert load_settings().threshold is None
    assert load_settings().models_dir == default_models_dir()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MAX_FRAMES", "many", r"MAX_FRAMES='many' is not valid: input should be a valid integer"),
        ("MAX_FRAMES", "0", r"MAX_FRAMES='0' is not valid: input should be greater than or equal to 1"),
        ("DEFAULT_FPS", "nan", r"DEFAULT_FPS='nan' is not valid"),
        ("DEFAULT_FPS", "0", r"DEFAULT_FPS='0' is not valid: input should be greater than 0"),
        ("THRESHOLD", "1", r"THRESHOLD='1' is not valid: input should be less than 1"),
        ("OPERATING_POINT", "Low false alarm", r"OPERATING_POINT='Low false alarm' is not valid"),
        ("PORT", "65536", r"PORT='65536' is not valid"),
        ("FACE_DETECTOR", "mtcnn", r"FACE_DETECTOR='mtcnn' is not valid: input should be 'blazeface', 'centerface'"),
        ("MODEL_VERSION", "../1", r"MODEL_VERSION='../1' is not valid"),
        ("MODEL_NAME", "../etc", r"MODEL_NAME='../etc' is not valid"),
        ("NO_FACE_FALLBACK", "perhaps", r"NO_FACE_FALLBACK='perhaps' is not valid: input should be a valid boolean"),
        (
            "TF_SERVING_URL",
            "file:///etc/passwd",
            r"TF_SERVING_URL is not valid: it must be an http, https, grpc or grpcs",
        ),
        ("TF_SERVING_URL", "grpc://host", r"TF_SERVING_URL is not valid: an address for gRPC is host and port alone"),
        ("OIP_URL", "grpc://host:1/model", r"OIP_URL is not valid: an address for gRPC is host and port alone"),
        ("MODEL_BACKEND", "torch", r"MODEL_BACKEND='torch' is not valid: input should be 'onnx', 'tfserving' or 'oip'"),
        ("MODEL_BACKEND", "oip", r"MODEL_BACKEND is oip, but OIP_URL is not set"),
        ("CORS_ORIGINS", "example.org", r"CORS_ORIGINS='example.org' is not valid: an origin is scheme and host"),
        ("CORS_ORIGINS", "*,https://a.example", r"either \* or a list of origins"),
        ("LOG_LEVEL", "loud", r"LOG_LEVEL='LOUD' is not valid"),
    ],
)
def test_a_bad_value_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value).lower()
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_every_problem_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "-1")
    monkeypatch.setenv("MAX_FRAMES", "x")
    with pytest.raises(ConfigurationError, match=r"MAX_FRAMES.*; PORT"):
        load_settings()


def test_an_unreadable_file_is_told() -> None:
    Path(".env").write_bytes(b"MODEL_NAME=\xff\n")
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    "secret",
    [
        *("change-me", "changeme", "CHANGE_ME!", "please-change-this", "secret", "Secret123", "super-secret"),
        *("your-secret-here", "your_jwt_secret", "jwt-secret-key", "password", "example", "placeholder", "replace-me"),
        *("", "   ", "short1"),
    ],
)
def test_auth_without_a_real_secret_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("REQUIRE_AUTH", "true")
    monkeypatch.setenv("JWT_SECRET", secret)
    with pytest.raises(ConfigurationError, match="REQUIRE_AUTH is on, but JWT_SECRET") as caught:
        load_settings()
    assert not secret.strip() or secret not in str(caught.value).replace("JWT_SECRET", "")


def test_the_secret_of_the_example_file_is_refused() -> None:
    Path(".env").write_text((ROOT / ".env.example").read_text(encoding="utf-8"))
    with pytest.raises(ConfigurationError, match="JWT_SECRET is a sample value"):
        load_settings(require_auth=True)


def test_auth_without_any_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="JWT_SECRET is not set"):
        load_settings(require_auth=True)


@pytest.mark.parametrize("secret", [SECRET, "d1c5e0f09fa34b1f8f2f", "exchange-of-letters", "12345678901234567890"])
def test_a_real_secret_is_taken_and_kept_out_of_sight(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(require_auth=True, jwt_secret=f"{secret}\n")
    assert settings.bearer_token == secret
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%r %s %s", settings, settings, settings.model_dump_json())
    assert secret not in caplog.text


def test_no_token_is_asked_for_while_auth_is_off() -> None:
    assert load_settings(jwt_secret=SECRET).bearer_token is None


def test_a_sample_secret_is_no_matter_while_auth_is_off() -> None:
    assert load_settings(jwt_secret="change-me").require_auth is False


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().cors_origins == ("*",)
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert load_settings().cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(("value", "meant"), [("1", True), ("True", True), ("on", True), ("0", False), ("*", False)])
def test_other_programs_words_in_debug_do_no_harm(monkeypatch: pytest.MonkeyPatch, value: str, meant: bool) -> None:
    monkeypatch.setenv("DEBUG", value)
    assert load_settings().debug is meant


@pytest.mark.parametrize("secret", ["secret", "short1", f"{SECRET},changeme", f"short1,{SECRET}"])
def test_a_weak_secret_for_webhooks_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError, match=r"WEBHOOK_SECRET (is a sample value|has fewer)") as caught:
        load_settings(webhook_secret=secret)
    assert SECRET not in str(caught.value)


def test_secrets_for_webhooks_are_separated_by_commas() -> None:
    assert load_settings().webhook_secrets == load_settings(webhook_secret=" , ").webhook_secrets == ()
    settings = load_settings(webhook_secret=f"{SECRET}, {SECRET}-2 ")
    assert settings.webhook_secrets == (SECRET, f"{SECRET}-2")
    assert SECRET not in repr(settings)


# --- processors and places ----------------------------------------------------------------------------------------


def test_threads_are_all_that_may_be_used_unless_told() -> None:
    assert load_settings().cpu_threads == available_cpus() >= 1
    assert load_settings(threads=3).cpu_threads == 3


def test_analyses_at_the_same_time_share_the_processors_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "available_cpus", lambda: 8)
    assert [load_settings().shared_by(count).cpu_threads for count in (1, 3, 8, 20)] == [8, 2, 1, 1]
    assert load_settings(threads=3).shared_by(8).cpu_threads == 3


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_containers_quota_limits_the_processors(tmp_path: Path, files: dict[str, str], most: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    scheduled = len(os.sched_getaffinity(0))
    assert available_cpus(tmp_path) == (scheduled if most is None else min(scheduled, most))


def test_affinity_limits_the_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert available_cpus(tmp_path) == 1


def test_models_are_looked_for_in_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_PACKAGED_MODELS", tmp_path / "packaged")
    monkeypatch.setattr(models, "_CHECKOUT_MODELS", tmp_path / "checkout")
    assert default_models_dir() == tmp_path / "checkout"
    (tmp_path / "packaged").mkdir()
    assert load_settings().models_dir == tmp_path / "packaged"


# --- documents ----------------------------------------------------------------------------------------------------


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default is PydanticUndefined or field.default is None:
        return ""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, tuple):
        return ",".join(field.default)
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def test_the_table_of_settings_is_complete_and_true() -> None:
    expected = [
        (name.upper(), f"`{_default(name)}`" if _default(name) else "unset", field.description)
        for name, field in Settings.model_fields.items()
    ]
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+?) \|$", document, re.MULTILINE)
    assert sorted(rows) == sorted(expected)


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    assert shown.pop("JWT_SECRET") == "change-me"
    assert shown == {name.upper(): _default(name) for name in Settings.model_fields if name != "jwt_secret"}


def test_addresses_in_the_storage_need_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESIGNED_DOWNLOADS", "true")
    for url in ("", "/some/folder"):
        monkeypatch.setenv("STORAGE_URL", url)
        with pytest.raises(ConfigurationError, match="STORAGE_URL names no bucket"):
            load_settings()
    monkeypatch.setenv("STORAGE_URL", "s3://bucket")
    assert load_settings().presigned_expiry_s == 300


@pytest.mark.parametrize("version", ["champion", "challenger"])
def test_an_alias_is_taken_for_a_version_and_a_number_stays_one(version: str) -> None:
    settings = load_settings(model_version=version)
    assert settings.followed_alias == version
    assert settings.with_version("7").model_version == settings.with_version("7").version_to_ask == "7"
    fixed = load_settings()
    assert fixed.followed_alias is None
    assert fixed.with_version("2") is fixed


@pytest.mark.parametrize("version", ["newest", "0", "Champion", "1 ", "champion2"])
def test_what_is_neither_a_number_nor_an_alias_is_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match="MODEL_VERSION"):
        load_settings(model_version=version)


def _secrets(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("place", ["environment", "file"])
def test_secrets_are_read_from_files(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _secrets(tmp_path, database_url="postgresql://dfd:word@db/dfd\n", JWT_SECRET=f"{SECRET}\n", other="x")
    if place == "environment":
        monkeypatch.setenv("SECRETS_DIR", str(folder))
    else:
        Path(".env").write_text(f"SECRETS_DIR={folder}\n", encoding="utf-8")
    settings = load_settings(require_auth=True)
    assert settings.jobs_url == "postgresql://dfd:word@db/dfd"
    assert settings.bearer_token == SECRET


def test_the_environment_and_the_file_win_over_secret_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    its = {"storage_access_key_id": "a", "storage_secret_access_key": "word"}
    folder = _secrets(tmp_path, database_url="postgresql://a/a", webhook_secret="", **its)
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    monkeypatch.setenv("DATABASE_URL", "postgresql://b/b")
    Path(".env").write_text("STORAGE_ACCESS_KEY_ID=b\n", encoding="utf-8")
    settings = load_settings()
    assert (settings.jobs_url, settings.storage_access_key_id) == ("postgresql://b/b", "b")
    assert settings.webhook_secrets == ()


def test_secret_files_that_cannot_be_read_are_told_without_what_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"SECRETS_DIR=.*nowhere is no folder"):
        load_settings()
    folder = _secrets(tmp_path)
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    (folder / "jwt_secret").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"secrets cannot be read: it is not text in UTF-8"):
        load_settings()


def test_files_from_kubernetes_are_links_and_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _secrets(tmp_path)
    (folder / "..2026").mkdir()
    (folder / "..2026" / "database_url").write_text("postgresql://c/c", encoding="utf-8")
    (folder / "..data").symlink_to("..2026")
    (folder / "database_url").symlink_to("..data/database_url")
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    assert load_settings().jobs_url == "postgresql://c/c"


REFUSED: Final = {
    "MODEL_NAME": "a b",
    "MODEL_VERSION": "newest",
    "MODEL_REGISTRY_URL": "mlflow",
    "OPERATING_POINT": "Low",
    "FACE_DETECTOR": "eyes",
    "MODEL_BACKEND": "torch",
    "TF_SERVING_URL": "ftp://x",
    "OIP_URL": "grpc://host",
    "STORAGE_ENDPOINT": "host",
    "JOB_QUEUE": "kafka",
    "BROKER_URL": "http://broker",
    "PUBLIC_URL": "example.org",
    "CORS_ORIGINS": "https://example.org/path",
    "LOG_LEVEL": "LOUD",
    "OTEL_TRACES_EXPORTER": "zipkin",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318",
    "OTEL_SERVICE_NAME": "x" * 257,
}
"""A value that each setting refuses, of those that have words for values; numbers are given some that are none."""

ANYTHING: Final = frozenset(
    {
        *("MODELS_DIR", "DATA_DIR", "STORAGE_REGION", "HOST", "REPORT_SIGNING_KEY"),  # found wrong when they are used
        *("DATABASE_URL", "STORAGE_URL", "STORAGE_ACCESS_KEY_ID", "STORAGE_SECRET_ACCESS_KEY"),
        *("RETINAFACE_WEIGHTS", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS", "JWT_TENANT_CLAIM"),
        *("C2PA_TRUST_ANCHORS", "TUNING_FILE", "XDG_CACHE_HOME"),
        *("WEBHOOK_SECRET", "JWT_SECRET", "OTEL_EXPORTER_OTLP_HEADERS"),  # tested with what they go together with
        "DEBUG",  # so many programs share it that any word is taken
    }
)


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields if name.upper() not in ANYTHING])
def test_every_setting_refuses_what_it_cannot_mean_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [REFUSED[name]] if name in REFUSED else ["many", "-1"]
    if Settings.model_fields[name.lower()].annotation is bool:
        wrong = ["perhaps"]
    for value in wrong:
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError, match=f"{name}\\b"):
            load_settings()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"METRICS_PORT": "8000"}, ["METRICS_PORT", "PORT"]),
        ({"STORAGE_ACCESS_KEY_ID": "key"}, ["STORAGE_ACCESS_KEY_ID", "STORAGE_SECRET_ACCESS_KEY"]),
        ({"STORAGE_SECRET_ACCESS_KEY": "hidden"}, ["STORAGE_ACCESS_KEY_ID", "STORAGE_SECRET_ACCESS_KEY"]),
        ({"STORAGE_URL": "gs://bucket"}, ["STORAGE_URL"]),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "hidden"}, ["OTEL_EXPORTER_OTLP_HEADERS"]),
        ({"JOB_QUEUE": "celery"}, ["JOB_QUEUE", "BROKER_URL"]),
        ({"MODEL_BACKEND": "oip"}, ["MODEL_BACKEND", "OIP_URL"]),
        ({"PRESIGNED_DOWNLOADS": "true"}, ["PRESIGNED_DOWNLOADS", "STORAGE_URL"]),
        ({"REQUIRE_AUTH": "true"}, ["REQUIRE_AUTH", "JWT_SECRET"]),
        ({"WEBHOOK_SECRET": "hidden"}, ["WEBHOOK_SECRET"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_contradict_each_other_are_named(
    given: dict[str, str], named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert all(name in str(raised.value) for name in named)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [{"database_url": "mysql://x"}, {"storage_url": "s3://"}, {"data_dir": Path("/dev/null/x")}],
    ids=["DATABASE_URL", "STORAGE_URL", "DATA_DIR"],
)
def test_what_is_found_wrong_only_when_it_is_used_is_named_too(
    given: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = load_settings(**{"data_dir": tmp_path} | given)
    with pytest.raises(ConfigurationError, match=request.node.callspec.id):
        build_job_parts(settings)


def test_headers_of_the_collector_are_read_as_opentelemetry_says() -> None:
    settings = load_settings(otel_exporter_otlp_headers="Authorization=Basic%20YQ==, x-tenant = a ")
    assert settings.trace_headers == {"authorization": "Basic YQ==", "x-tenant": "a"}
    assert "YQ" not in repr(settings)
