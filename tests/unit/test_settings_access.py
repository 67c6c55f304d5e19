"""Settings of access: what is refused, what is taken, and what is made of them."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.access_fakes import FakeAuditLog, FakeKeyStore
from tests.fakes import FakeJobStore, FakeMeter, FakeRolloutStore, FakeStorage
from tests.feedback_fakes import FakeFeedbackStore, FakeTallyStore

from dfd.bootstrap.access import build_authenticator, build_key_desk, build_limits
from dfd.bootstrap.jobs import JobParts
from dfd.caller import EVERY_SCOPE, Allowance
from dfd.errors import ConfigurationError, Unauthorized
from dfd.jobs.policy import DeliveryPolicy, JobPolicy
from dfd.queues.embedded import EmbeddedQueue
from dfd.settings import load_settings

SECRET = "c5d1f0a2-correct-horse-battery-staple"
ISSUER = {"jwt_issuer": "https://id.example/", "jwt_audience": "dfd"}


@pytest.fixture
def parts() -> JobParts:
    store = FakeJobStore()
    return JobParts(
        store=store,
        deliveries=store.deliveries(),
        feedback=FakeFeedbackStore(store),
        tallies=FakeTallyStore(),
        rollouts=FakeRolloutStore(),
        keys=FakeKeyStore(),
        audit=FakeAuditLog(),
        storage=FakeStorage(),
        queue=EmbeddedQueue(),
        policy=JobPolicy(),
        delivery_policy=DeliveryPolicy(),
        clock=lambda: 100.0,
        meter=FakeMeter(),
    )


def token(key: Any = SECRET, algorithm: str = "HS256") -> str:
    said = {"iss": "https://id.example/", "aud": "dfd", "sub": "a", "exp": 4e9, "tenant": "acme", "scope": "analyse"}
    return jwt.encode(said, key, algorithm, headers={"kid": "k1"})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"auth_methods": "bearer,passwords"}, "AUTH_METHODS"),
        ({"auth_methods": " , "}, "name at least one"),
        ({"auth_methods": "bearer"}, "JWT_SECRET is not set"),
        ({"auth_methods": "keys", "jwt_secret": "change-me"}, "JWT_SECRET is a sample value"),  # it seals sessions
        ({"auth_methods": "jwt", **ISSUER}, "JWT_SECRET is not set"),
        ({"auth_methods": "jwt", "jwt_secret": "x8-letters-and-more", **ISSUER}, "fewer than 32 bytes"),
        ({"auth_methods": "jwt", "jwt_secret": SECRET}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"auth_methods": "keys,jwt", "jwt_jwks": "keys.json", "jwt_issuer": "a"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"jwt_secret": SECRET, "jwt_jwks": "http://id.example/keys"}, "JWT_JWKS is not valid: it must be"),
        ({"jwt_secret": SECRET, "jwt_jwks": "ftp://user:secret@id.example/keys"}, "JWT_JWKS is not valid: it must be"),
        ({"jwt_secret": SECRET, "jwt_tenant_claim": ""}, "JWT_TENANT_CLAIM"),
        ({"jwt_secret": SECRET, "tenant_requests_per_day": 0}, "TENANT_REQUESTS_PER_DAY"),
    ],
)
def test_what_would_let_in_the_wrong_ones_stops_the_start(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        load_settings(require_auth=True, **settings)
    assert SECRET not in str(caught.value)
    assert "user:secret" not in str(caught.value)


@pytest.mark.parametrize(
    "place", ["https://id.example/keys", "http://localhost:8080/keys", "/etc/dfd/keys.json", "keys"]
)
def test_keys_of_an_issuer_come_by_tls_from_this_machine_or_from_a_file(place: str) -> None:
    assert load_settings(jwt_jwks=place).jwt_jwks == place


def test_who_asks_for_nothing_needs_no_authenticator(parts: JobParts) -> None:
    assert build_authenticator(load_settings(), parts) is None
    assert build_limits(load_settings(), parts) is None


def test_keys_alone_need_no_secret(parts: JobParts) -> None:
    _, key = build_key_desk(parts).create("web", "acme", EVERY_SCOPE, None)
    settings = load_settings(require_auth=True, auth_methods="keys")
    assert settings.bearer_token is None
    door = build_authenticator(settings, parts)
    assert door is not None and door.caller_of(key).tenant == "acme"


@pytest.mark.parametrize(
    ("settings", "sealing"),
    [
        ({"auth_methods": "keys", "jwt_secret": f"{SECRET}\n"}, SECRET),
        ({"auth_methods": "jwt", "jwt_secret": SECRET, **ISSUER}, SECRET),
        ({"auth_methods": "keys,jwt", "jwt_secret": SECRET, "jwt_jwks": "keys.json", **ISSUER}, SECRET),
        ({"jwt_secret": SECRET}, SECRET),
        ({"jwt_secret": SECRET, "session_secret": "another one"}, "another one"),
        ({"auth_methods": "keys", "jwt_secret": " \n"}, None),
        ({"auth_methods": "keys"}, None),
    ],
)
def test_the_secret_seals_sessions_whatever_callers_may_show(settings: dict[str, Any], sealing: str | None) -> None:
    assert load_settings(require_auth=True, **settings).sealing_secret == sealing


def test_the_secret_and_keys_are_taken_unless_told(parts: JobParts) -> None:
    _, key = build_key_desk(parts).create("web", "acme", EVERY_SCOPE, None)
    door = build_authenticator(load_settings(require_auth=True, jwt_secret=SECRET), parts)
    assert door is not None
    assert [door.caller_of(shown).tenant for shown in (SECRET, key)] == ["default", "acme"]
    with pytest.raises(Unauthorized):
        door.caller_of(token())


def test_tokens_of_the_shared_secret_are_taken_where_that_is_set(parts: JobParts) -> None:
    settings = load_settings(require_auth=True, auth_methods="jwt", jwt_secret=SECRET, **ISSUER)
    door = build_authenticator(settings, parts)
    assert door is not None and door.caller_of(token()).tenant == "acme"
    for shown in (SECRET, token("y" * 40)):
        with pytest.raises(Unauthorized):
            door.caller_of(shown)


def test_with_keys_of_the_issuer_the_secret_signs_nothing(parts: JobParts, tmp_path: Path) -> None:
    private = generate_private_key(65537, 2048)
    path = tmp_path / "keys.json"
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    path.write_text(json.dumps({"keys": [{**public, "kid": "k1"}]}))
    chosen = {"auth_methods": "bearer,jwt", "jwt_secret": SECRET, "jwt_jwks": str(path), **ISSUER}
    door = build_authenticator(load_settings(require_auth=True, **chosen), parts)
    assert door is not None
    assert [door.caller_of(shown).tenant for shown in (SECRET, token(private, "RS256"))] == ["default", "acme"]
    with pytest.raises(Unauthorized):
        door.caller_of(token())


def test_a_missing_file_of_keys_stops_the_start(parts: JobParts) -> None:
    settings = load_settings(require_auth=True, auth_methods="jwt", jwt_jwks="nowhere.json", **ISSUER)
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        build_authenticator(settings, parts)


def test_limits_are_counted_where_any_may_be_set(parts: JobParts) -> None:
    chosen = {"requests_per_minute": 2, "tenant_requests_per_day": 5}
    limits = build_limits(load_settings(**chosen), parts)
    assert limits is not None
    assert (limits.each, limits.tenant) == (Allowance(2), Allowance(None, 5))
    with_keys = build_limits(load_settings(require_auth=True, jwt_secret=SECRET), parts)
    assert with_keys is not None  # a key may have limits of its own
    assert build_limits(load_settings(require_auth=True, jwt_secret=SECRET, auth_methods="bearer"), parts) is None
