"""What every adapter of `KeyStore` and of `AuditLog` must do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.access_fakes import FakeAuditLog, FakeKeyStore
from tests.job_databases import new_store

from dfd.audit import Action, AuditEntry
from dfd.caller import Allowance, ApiKey, Scope, new_key
from dfd.ports.access import AuditFilter, AuditLog, KeyStore


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[KeyStore, AuditLog]]:
    if request.param == "fake":
        yield FakeKeyStore(), FakeAuditLog()
        return
    with new_store(request, tmp_path) as sql:
        yield sql.keys(), sql.audit()


@pytest.fixture
def keys(stores: tuple[KeyStore, AuditLog]) -> KeyStore:
    return stores[0]


@pytest.fixture
def log(stores: tuple[KeyStore, AuditLog]) -> AuditLog:
    return stores[1]


def made(name: str = "web", tenant: str = "acme", now_s: float = 100.0) -> ApiKey:
    kept, _ = new_key(name, tenant, frozenset({Scope.ANALYSE, Scope.JOBS_READ}), now_s, 50.0, Allowance(3, None))
    return kept


def test_a_key_comes_back_as_it_was(keys: KeyStore) -> None:
    key = made()
    keys.add(key)
    assert keys.get(key.key_id) == key
    assert keys.get("another") is None


def test_keys_are_listed_by_age_and_by_tenant(keys: KeyStore) -> None:
    old, new, other = made("old"), made("new", now_s=200.0), made("other", "umbrella", 150.0)
    for key in (new, other, old):
        keys.add(key)
    assert keys.all_of() == [old, other, new]
    assert keys.all_of("acme") == [old, new]
    assert keys.all_of("nobody") == []


def test_a_key_is_revoked_once_and_stays_so(keys: KeyStore) -> None:
    key = made()
    keys.add(key)
    revoked = keys.change(key.key_id, lambda found: found.revoked(120.0))
    assert revoked == replace(key, revoked_at_s=120.0)
    assert keys.change(key.key_id, lambda found: found.revoked(130.0)) == revoked == keys.get(key.key_id)
    assert keys.change("another", lambda found: found.revoked(130.0)) is None


def test_use_is_noted_to_the_minute(keys: KeyStore) -> None:
    key = made()
    keys.add(key)
    for now_s, noted_s in ((110.0, 110.0), (169.0, 110.0), (170.0, 170.0)):
        keys.used(key.key_id, now_s)
        found = keys.get(key.key_id)
        assert found is not None and found.last_used_at_s == noted_s


def test_one_key_used_by_many_at_once_stays_one(keys: KeyStore) -> None:
    key = made()
    keys.add(key)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: keys.used(key.key_id, 110.0 + number), range(20)))
    found = keys.get(key.key_id)
    assert found is not None and 110.0 <= (found.last_used_at_s or 0) < 130.0


def test_entries_come_back_newest_first_and_narrowed(log: AuditLog) -> None:
    entries = [
        AuditEntry(100.0, Action.KEY_CREATED, "operator", "acme", "k1", facts={"name": "wéb"}),
        AuditEntry(101.0, Action.SIGN_IN_FAILED, address="192.0.2.7", request_id="r1"),
        AuditEntry(102.0, Action.JOB_CANCELLED, "key-k1", "acme", "job-1", "r2"),
    ]
    for entry in entries:
        log.write(entry)
    found = log.latest(AuditFilter(), 9)
    assert [replace(entry, number=0) for entry in found] == entries[::-1]
    assert [entry.number for entry in found] == sorted((entry.number for entry in found), reverse=True)
    assert log.latest(AuditFilter(), 1) == found[:1]
    assert log.latest(AuditFilter(tenant="acme"), 9) == [found[0], found[2]]
    assert log.latest(AuditFilter(Action.SIGN_IN_FAILED), 9) == [found[1]]
    assert log.latest(AuditFilter(Action.SIGN_IN_FAILED, "acme"), 9) == []


def test_old_entries_are_forgotten_a_few_at_a_time(log: AuditLog) -> None:
    for number in range(5):
        log.write(AuditEntry(100.0 + number, Action.FEEDBACK_GIVEN))
    assert log.forget(103.0, 2) == 2
    assert log.forget(103.0, 2) == 1
    assert log.forget(103.0, 2) == 0
    assert [entry.at_s for entry in log.latest(AuditFilter(), 9)] == [104.0, 103.0]
