"""Asking every service that DFD rests on, with the settings of this process. Nothing is left behind in any of them."""

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dfd.bootstrap.access import issuer_keys
from dfd.bootstrap.jobs import build_queue, build_storage
from dfd.bootstrap.registry import build_registry
from dfd.bootstrap.signing import build_writer
from dfd.bootstrap.tracing import check_exporter
from dfd.errors import ConfigurationError, DfdError, StorageUnavailable, Unauthorized, Unavailable
from dfd.job_store.examining import DatabaseState, examine
from dfd.settings import Settings
from dfd.signing import signed_headers

Finding = dict[str, Any]
"""JSON-ready, with ``ok``; ``code`` and ``message`` where it is not, ``note`` where something is worth knowing."""

_PROBE: Final = "uploads/doctor-"
"""Objects written to see whether that works; one that is left is swept away, as an upload without a job is."""

_CONNECT_S: Final = 3.0

_MIB: Final = 1 << 20


def attempt(part: Callable[[], Finding]) -> Finding:
    """Look at one part; what goes wrong is a finding too."""
    try:
        return {"ok": True, **part()}
    except DfdError as error:
        return {"ok": False, "code": error.code, "message": str(error)}


def examine_services(settings: Settings) -> dict[str, Finding]:
    """Every service by its name: whether it does what DFD needs of it."""
    storage, written_s = _storage(settings)
    database, state = _database(settings)
    return {
        "database": database,
        "queue": attempt(lambda: _queue(settings)),
        "storage": storage,
        "registry": attempt(lambda: _registry(settings)),
        "webhooks": attempt(lambda: _webhooks(settings)),
        "report_signing": attempt(lambda: _report_signing(settings)),
        "identity": attempt(lambda: _identity(settings)),
        "traces": attempt(lambda: _traces(settings)),
        "disk": attempt(lambda: _disk(settings)),
        "clock": attempt(lambda: _clock(settings, state, written_s)),
    }


def _database(settings: Settings) -> tuple[Finding, DatabaseState | None]:
    found: list[DatabaseState] = []

    def ask() -> Finding:
        if settings.database_url is None and not (settings.data_dir / "jobs.sqlite3").exists():
            _check_writable(settings.data_dir)
            return {"kind": "sqlite", "note": f"not there yet; the first start makes it in {settings.data_dir}"}
        state = examine(settings.jobs_url)
        found.append(state)
        if not state.known:
            raise ConfigurationError(f"its tables, at revision {state.revision}, were made by a newer version of DFD")
        told: Finding = {"kind": state.kind, "revision": state.revision, "newest_revision": state.newest}
        if state.revision != state.newest:
            told["note"] = "the next start brings its tables up to date"
        return told

    return attempt(ask), next(iter(found), None)


def _queue(settings: Settings) -> Finding:
    queue = build_queue(settings)
    try:
        queue.check()
    finally:
        queue.close()
    broker = settings.broker_url
    where = urlsplit(broker.get_secret_value()) if broker is not None and settings.job_queue == "celery" else None
    shown = {} if where is None else {"url": f"{where.scheme}://{where.hostname}:{where.port or ''}".rstrip(":")}
    return {"kind": settings.job_queue, **shown}


def _storage(settings: Settings) -> tuple[Finding, float | None]:
    """Write, read and delete an object; also when the storage says that it was written."""
    written: list[float] = []

    def ask() -> Finding:
        if settings.storage_url is None and not settings.data_dir.exists():
            _check_writable(settings.data_dir)
            return {"kind": "folder", "note": f"not there yet; the first start makes it in {settings.data_dir}"}
        storage = build_storage(settings)
        content, key = secrets.token_bytes(64), _PROBE + secrets.token_hex(8)
        storage.put(key, iter([content]))
        try:
            if b"".join(storage.read(key)) != content:
                raise StorageUnavailable("what was written came back as something else")
            written.extend(entry.modified_s for entry in storage.listed("uploads/") if entry.key == key)
        finally:
            storage.delete(key)
        if not written:
            raise StorageUnavailable("what was written is not listed")
        return {"kind": "s3" if (settings.storage_url or "").startswith("s3://") else "folder"}

    return attempt(ask), next(iter(written), None)


def _registry(settings: Settings) -> Finding:
    registry = build_registry(settings)
    versions = registry.versions(settings.model_name)
    return {"where": registry.where, "model": settings.model_name, "versions": list(versions)}


def _webhooks(settings: Settings) -> Finding:
    """Whether events can be signed with every secret."""
    keys = settings.webhook_secrets
    if not keys:
        return {"secrets": 0, "note": "WEBHOOK_SECRET is not set: no job may have a callback_url"}
    signed_headers(keys, b"{}", time.time())
    note = {} if settings.public_url else {"note": "PUBLIC_URL is not set: links in webhooks are paths"}
    return {"secrets": len(keys), **note}


def _report_signing(settings: Settings) -> Finding:
    _, keys = build_writer(settings)
    if not keys:
        return {"keys": [], "note": "REPORT_SIGNING_KEY is not set: reports are not signed"}
    return {"keys": [key.get("kid") for key in keys]}


def _identity(settings: Settings) -> Finding:
    """Whether the keys of the issuer of tokens can be had."""
    if not settings.require_auth:
        return {"note": "REQUIRE_AUTH is off: everybody may ask"}
    told: Finding = {"methods": list(settings.auth_methods)}
    if "jwt" in settings.auth_methods and settings.jwt_jwks is not None:
        with suppress(Unauthorized):  # keys are there, and none has this name
            issuer_keys(settings.jwt_jwks).key(_PROBE)
        told["issuer"] = settings.jwt_issuer
    return told


def _traces(settings: Settings) -> Finding:
    """Whether anybody listens where spans go; the service works without."""
    told: Finding = {"exporter": settings.otel_traces_exporter}
    if settings.otel_traces_exporter != "otlp":
        return told
    check_exporter(settings)
    where = urlsplit(settings.otel_exporter_otlp_endpoint)
    port = where.port or (443 if where.scheme == "https" else 80)
    try:
        socket.create_connection((where.hostname or "", port), timeout=_CONNECT_S).close()
    except OSError as error:
        told["note"] = f"no collector listens at {where.hostname}:{port}, spans are lost: {error.strerror or error}"
    return told


def _disk(settings: Settings) -> Finding:
    """Whether the largest upload has room wherever one may lie."""
    needed = settings.max_upload_mb * _MIB
    folders = {"temporary": Path(tempfile.gettempdir())}
    if settings.database_url is None or settings.storage_url is None:
        folders["data"] = _existing(settings.data_dir)
    free = {name: shutil.disk_usage(folder).free for name, folder in folders.items()}
    for name, folder in folders.items():
        if free[name] < needed:
            raise Unavailable(
                f"{folder} has {free[name] / _MIB:.0f} MiB left, less than one upload may have (MAX_UPLOAD_MB)"
            )
    return {"free_bytes": free, "needed_bytes": needed}


def _clock(settings: Settings, state: DatabaseState | None, written_s: float | None) -> Finding:
    """Whether this machine's clock agrees with those of the database and the storage: leases are compared by it."""
    now_s, most_s = time.time(), settings.job_lease_s / 2
    skews: dict[str, float] = {}
    if state is not None and state.now_s is not None:
        skews["database"] = state.now_s - now_s
    if written_s is not None and (settings.storage_url or "").startswith("s3://"):
        skews["storage"] = written_s - now_s
    for name, skew_s in skews.items():
        if abs(skew_s) > most_s:
            raise ConfigurationError(f"the clock of the {name} differs by {skew_s:+.1f} s from that of this machine")
    if state is not None and state.newest_job_s is not None and state.newest_job_s - now_s > most_s:
        raise ConfigurationError(
            f"the newest job was accepted {state.newest_job_s - now_s:.0f} s after this machine's time: "
            "its clock is slow, or another machine's is fast"
        )
    return {"skews_s": {name: round(skew_s, 1) for name, skew_s in skews.items()}}


def _existing(folder: Path) -> Path:
    """The folder, or the one above it that is there."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())


def _check_writable(folder: Path) -> None:
    there = _existing(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(f"DATA_DIR: nothing can be written in {there}")
