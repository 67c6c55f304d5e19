"""API keys, who is let in by them, and what is written down."""

import logging
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.access_fakes import FakeAuditLog, FakeKeyStore
from tests.architecture.tree import ROOT

from dfd.access.authenticator import Authenticator
from dfd.access.keys import KeyDesk
from dfd.access.trail import AuditTrail
from dfd.audit import Action
from dfd.caller import (
    ANONYMOUS,
    EVERY_SCOPE,
    KEY_PREFIX,
    LONGEST_TOKEN,
    MOST_DAYS,
    Allowance,
    Caller,
    Scope,
    check_tenant,
    key_id_of,
    new_key,
    scopes_of,
    scopes_to_text,
)
from dfd.cli import keys_commands
from dfd.cli.keys_commands import ActionName, ScopeName
from dfd.errors import InvalidParameter, JobStoreUnavailable, KeyNotFound, Unauthorized
from dfd.ports.access import TokenVerifier

NOW_S = 1000.0
SECRET = "correct-horse-battery"


class Tokens(TokenVerifier):
    """Takes one token."""

    def caller_of(self, token: str) -> Caller:
        if token != "a.b.c":
            raise Unauthorized("no")
        return Caller("acme", "jwt-someone", frozenset({Scope.ANALYSE}))


class House:
    """A door with every kind of credential."""

    def __init__(self) -> None:
        self.now_s = NOW_S
        self.keys = FakeKeyStore()
        self.log = FakeAuditLog()
        self.trail = AuditTrail(self.log, lambda: self.now_s)
        self.desk = KeyDesk(self.keys, self.trail, lambda: self.now_s)
        self.door = Authenticator(lambda: self.now_s, bearer=SECRET, keys=self.keys, tokens=Tokens())


@pytest.fixture
def house() -> House:
    return House()


def test_each_kind_of_credential_is_known(house: House) -> None:
    kept, token = house.desk.create("web", "acme", frozenset({Scope.JOBS_READ}), 50.0, Allowance(3))
    assert house.door.caller_of(SECRET) == Caller("default", "bearer", EVERY_SCOPE)
    assert house.door.caller_of(token) == Caller("acme", f"key-{kept.key_id}", kept.scopes, Allowance(3))
    assert house.door.caller_of("a.b.c").subject == "jwt-someone"
    assert house.door.owner(token) is None


def test_only_the_kinds_that_are_set_up_are_taken(house: House) -> None:
    _, token = house.desk.create("web", "acme", EVERY_SCOPE, None)
    for taken, door in (
        (SECRET, Authenticator(lambda: NOW_S, bearer=SECRET)),
        (token, Authenticator(lambda: NOW_S, keys=house.keys)),
        ("a.b.c", Authenticator(lambda: NOW_S, tokens=Tokens())),
    ):
        for credential in (SECRET, token, "a.b.c"):
            if credential == taken:
                assert door.caller_of(credential)
            else:
                with pytest.raises(Unauthorized):
                    door.caller_of(credential)


def test_a_key_is_kept_as_its_hash_alone(house: House, caplog: pytest.LogCaptureFixture) -> None:
    kept, token = house.desk.create("web", "acme", EVERY_SCOPE, 50.0)
    secret = token.removeprefix(f"{KEY_PREFIX}{kept.key_id}_")
    assert len(secret) == 43
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%r %r %r", kept, house.log.entries, house.door)
    assert secret not in caplog.text
    _, other = house.desk.create("web", "acme", EVERY_SCOPE, 50.0)
    assert token != other


@pytest.mark.parametrize("change", ["upper", "cut", "longer", "id", "last"])
def test_a_key_that_is_nearly_right_is_wrong(house: House, change: str) -> None:
    kept, token = house.desk.create("web", "acme", EVERY_SCOPE, 50.0)
    _, other = house.desk.create("web", "acme", EVERY_SCOPE, 50.0)
    nearly = {
        "upper": token.upper(),
        "cut": token[:-1],
        "longer": token + "A",
        "id": other[:16] + token[16:],
        "last": token[:-1] + ("A" if token[-1] != "A" else "B"),
    }[change]
    with pytest.raises(Unauthorized, match="not valid"):
        house.door.caller_of(nearly)
    assert house.keys.keys[kept.key_id].last_used_at_s is None


def test_a_key_ends_when_it_expires(house: House) -> None:
    kept, token = house.desk.create("web", "acme", EVERY_SCOPE, 50.0)
    house.now_s = NOW_S + 49.9
    assert house.door.caller_of(token)
    assert house.keys.keys[kept.key_id].last_used_at_s == NOW_S + 49.9
    house.now_s = NOW_S + 50.0
    with pytest.raises(Unauthorized, match="expired"):
        house.door.caller_of(token)


def test_a_key_ends_when_it_is_revoked_and_that_is_written_down(house: House) -> None:
    kept, token = house.desk.create("web", "acme", EVERY_SCOPE, None)
    assert house.desk.revoke(kept.key_id).revoked_at_s == NOW_S
    with pytest.raises(Unauthorized, match="revoked"):
        house.door.caller_of(token)
    assert [(entry.action, entry.actor, entry.tenant, entry.subject) for entry in house.log.entries] == [
        (Action.KEY_CREATED, "operator", "acme", kept.key_id),
        (Action.KEY_REVOKED, "operator", "acme", kept.key_id),
    ]
    with pytest.raises(KeyNotFound):
        house.desk.revoke("another")


def test_a_busy_key_is_noted_once_a_minute(house: House) -> None:
    noted = []

    class Counting(FakeKeyStore):
        def used(self, key_id: str, now_s: float) -> None:
            noted.append(now_s)
            super().used(key_id, now_s)

    keys = Counting()
    token = keys.make("acme")
    door = Authenticator(lambda: house.now_s, keys=keys)
    for _ in range(13):
        door.caller_of(token)
        house.now_s += 10.0
    assert noted == [NOW_S, NOW_S + 60.0, NOW_S + 120.0]


def test_nobody_is_turned_away_because_the_use_of_a_key_cannot_be_noted(house: House) -> None:
    class ReadOnly(FakeKeyStore):
        def used(self, key_id: str, now_s: float) -> None:
            raise JobStoreUnavailable("locked")

    keys = ReadOnly()
    token = keys.make("acme")
    assert Authenticator(lambda: NOW_S, keys=keys).caller_of(token).tenant == "acme"
    keys.error = JobStoreUnavailable("away")
    with pytest.raises(JobStoreUnavailable):
        Authenticator(lambda: NOW_S, keys=keys).caller_of(token)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_other_text_lets_anyone_in(token: str) -> None:
    house = House()
    house.keys.make("acme")
    with pytest.raises(Unauthorized):
        house.door.caller_of(token)


def test_a_credential_that_is_far_too_long_is_not_looked_at(house: House) -> None:
    with pytest.raises(Unauthorized):
        house.door.caller_of("a.b." + "c" * LONGEST_TOKEN)


@pytest.mark.parametrize("tenant", ["", "Acme", "-a", "a b", "a/b", "a" * 65, "é", "a\n"])
def test_a_tenant_has_a_plain_name(tenant: str) -> None:
    with pytest.raises(InvalidParameter):
        new_key("web", tenant, EVERY_SCOPE, NOW_S, None)
    assert check_tenant("a" * 64) == "a" * 64


@pytest.mark.parametrize("name", ["", "  ", "a" * 129, "a\nb", "a\x1b[31m"])
def test_a_key_has_a_name_of_one_line(name: str) -> None:
    with pytest.raises(InvalidParameter):
        new_key(name, "acme", EVERY_SCOPE, NOW_S, None)


def test_a_key_that_would_be_of_no_use_is_not_made() -> None:
    with pytest.raises(InvalidParameter):
        new_key("web", "acme", frozenset(), NOW_S, None)
    longest_s = MOST_DAYS * 86_400.0
    assert new_key("web", "acme", EVERY_SCOPE, NOW_S, longest_s)[0].expires_at_s == NOW_S + longest_s
    for valid_s in (0.0, -1.0, longest_s + 1, math.inf, math.nan):
        with pytest.raises(InvalidParameter):
            new_key("web", "acme", EVERY_SCOPE, NOW_S, valid_s)
    with pytest.raises(InvalidParameter):
        Allowance(0)


def test_scopes_are_written_and_read_and_unknown_ones_grant_nothing() -> None:
    assert scopes_of(scopes_to_text(EVERY_SCOPE)) == EVERY_SCOPE
    assert scopes_of("jobs:read  admin * jobs:readx") == {Scope.JOBS_READ}
    assert scopes_of("") == frozenset()
    assert key_id_of("dfd_0123456789ab_" + "x" * 43) == "0123456789ab"
    assert key_id_of("dfd_0123456789ab_" + "x" * 43 + "\n") is None


def test_the_command_line_knows_every_scope_and_action() -> None:
    assert {one.value for one in ScopeName} == {one.value for one in Scope}
    assert {one.value for one in ActionName} == {one.value for one in Action}
    assert keys_commands.MOST_DAYS == MOST_DAYS


# --- the audit log ------------------------------------------------------------------------------------------------


def test_what_a_caller_did_is_written_with_who_he_is(house: House) -> None:
    house.trail.did(Action.FEEDBACK_GIVEN, replace(ANONYMOUS, tenant="acme"), "job-1", "r1", label="fake")
    [entry] = house.log.entries
    assert (entry.actor, entry.tenant, entry.subject, entry.request_id) == ("anonymous", "acme", "job-1", "r1")
    assert entry.facts == {"label": "fake"}
    house.log.error = JobStoreUnavailable("away")
    with pytest.raises(JobStoreUnavailable):
        house.trail.did(Action.FEEDBACK_GIVEN, ANONYMOUS, "job-1")


def test_a_flood_of_refusals_is_counted_and_not_written(house: House) -> None:
    for _ in range(200):
        house.trail.refused(Action.SIGN_IN_FAILED, "192.0.2.7", "r1", reason="no")
    assert len(house.log.entries) == 60
    house.now_s += 60.0
    house.trail.refused(Action.SIGN_IN_FAILED, "192.0.2.7", "r1", reason="no")
    assert house.log.entries[-1].facts == {"reason": "no", "left_out_before": "140"}
    assert len(house.log.entries) == 61


def test_who_is_refused_hears_so_though_it_cannot_be_written(house: House) -> None:
    house.log.error = JobStoreUnavailable("away")
    house.trail.refused(Action.SIGN_IN_FAILED, None, None)
    assert house.log.entries == []


def test_the_scopes_are_told_to_operators() -> None:
    document = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    for name in (*Scope, *Action):
        assert f"`{name.value}`" in document
