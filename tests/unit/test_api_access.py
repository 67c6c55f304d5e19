"""Who may call from where, and what every answer carries: tokens, origins, ids, headers, probes and the docs."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.api_client import PATIENCE_S, TOKEN, FakeAnalyzer, assert_problem, client_of, make_services, upload
from tests.fakes import SHA256, FakeBackend

import dfd
from dfd import errors
from dfd.access.authenticator import Authenticator
from dfd.api.app import create_app
from dfd.api.health import FRESH_S, LATELY_S, ModelProbe
from dfd.api.problems import KINDS
from dfd.api.services import ServicePolicy
from dfd.errors import ModelCorrupt
from dfd.rollout.follower import AliasFollower
from dfd.rollout.live import LoadedModel
from dfd.scoring import BackendState

pytestmark = pytest.mark.anyio

OPEN_PATHS = ("/health", "/livez", "/readyz", "/docs", "/openapi.json")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def every_error(base: type[errors.DfdError] = errors.DfdError) -> Iterator[type[errors.DfdError]]:
    yield base
    for subclass in base.__subclasses__():
        yield from every_error(subclass)


def test_every_error_code_has_its_status() -> None:
    codes = {error.code for error in every_error() if error.__module__.startswith(errors.__name__)}
    assert codes <= set(KINDS)
    assert all(400 <= kind.status < 600 for kind in KINDS.values())
    assert {code for code, kind in KINDS.items() if kind.status >= 500 and kind.detail is None} == {
        "overloaded",
        "queue_full",
    }


@pytest.mark.parametrize(
    "authorization",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"],
)
async def test_without_the_token_nothing_is_read_or_analysed(authorization: str | None) -> None:
    analyzer = FakeAnalyzer()
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    async with client_of(make_services(analyzer, bearer_token=TOKEN)) as client:
        response = await client.post("/predict?fps=nonsense", files=upload(), headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in response.text
    assert not analyzer.paths


@pytest.mark.parametrize("token", [TOKEN, "geheimnisträger"])
async def test_with_the_token_the_video_is_analysed(token: str) -> None:
    async with client_of(make_services(bearer_token=token)) as client:
        response = await client.post("/predict", files=upload(), headers={b"Authorization": f"bearer {token}".encode()})
    assert response.status_code == 200


@pytest.mark.parametrize("path", OPEN_PATHS)
async def test_probes_and_docs_stay_open(path: str) -> None:
    async with client_of(make_services(bearer_token=TOKEN)) as client:
        assert (await client.get(path)).status_code == 200


def test_an_empty_token_is_refused_and_none_is_ever_printed() -> None:
    with pytest.raises(ValueError, match="empty"):
        Authenticator(lambda: 0.0, bearer="")
    with pytest.raises(ValueError, match="nobody"):
        Authenticator(lambda: 0.0)
    assert TOKEN not in repr(make_services(bearer_token=TOKEN))


@pytest.mark.parametrize(
    "changes", [{"max_upload_bytes": 0}, {"max_concurrency": 0}, {"max_waiting": -1}, {"retry_after_s": 0}]
)
def test_a_policy_without_room_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        ServicePolicy(**changes)  # type: ignore[arg-type]  # every case names an integer


def test_the_bearer_scheme_is_documented_only_where_it_is_asked_for() -> None:
    guarded = create_app(make_services(bearer_token=TOKEN)).openapi()
    assert guarded["paths"]["/predict"]["post"]["security"] == [{"bearer": []}]
    assert guarded["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "401" in guarded["paths"]["/predict"]["post"]["responses"]
    unguarded = create_app(make_services()).openapi()
    assert "security" not in unguarded["paths"]["/predict"]["post"]
    assert "401" not in unguarded["paths"]["/predict"]["post"]["responses"]


@pytest.mark.parametrize(
    ("origins", "allowed", "credentials"),
    [
        (("*",), "*", None),
        (("https://a.example",), "https://a.example", "true"),
        (("https://b.example",), None, "true"),
        ((), None, None),
    ],
)
async def test_origins_are_allowed_as_set_and_credentials_only_for_named_ones(
    origins: tuple[str, ...], allowed: str | None, credentials: str | None
) -> None:
    async with client_of(make_services(cors_origins=origins)) as client:
        response = await client.get("/livez", headers={"Origin": "https://a.example"})
    assert response.headers.get("access-control-allow-origin") == allowed
    assert response.headers.get("access-control-allow-credentials") == credentials


async def test_browsers_may_send_the_token_and_read_the_request_id() -> None:
    asking = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    async with client_of(make_services(bearer_token=TOKEN)) as client:
        preflight = await client.options("/predict", headers=asking)
        refused = await client.post("/predict", headers={"Origin": "https://a.example"})
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "X-Request-ID" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("offered", ["a", "Trace-01_b.c", "x" * 64])
async def test_a_sound_request_id_is_taken_over(offered: str) -> None:
    async with client_of(make_services()) as client:
        response = await client.get("/livez", headers={"X-Request-ID": offered})
    assert response.headers["x-request-id"] == offered


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, 'quote"', "{}", "a;b"])
async def test_any_other_request_id_is_replaced(offered: str) -> None:
    async with client_of(make_services()) as client:
        answers = [await client.get("/livez", headers={"X-Request-ID": offered}) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert offered not in ids
    assert ids[0] != ids[1]
    assert all(len(name) == 32 for name in ids)


async def test_every_answer_is_logged_once_with_its_status(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "dfd.api.middleware")
    async with client_of(make_services()) as client:
        await client.get("/nowhere?secret=1")
    (record,) = caplog.records
    assert (record.__dict__["method"], record.__dict__["route"], record.__dict__["status"]) == ("GET", None, 404)
    assert record.__dict__["duration_s"] >= 0


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/predict/", 404, "not_found"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
    ],
)
async def test_wrong_addresses_are_problems_too(method: str, path: str, status: int, code: str) -> None:
    async with client_of(make_services()) as client:
        response = await client.request(method, path)
    assert_problem(response, status, code)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert ("allow" in response.headers) == (status == 405)


async def test_health_names_the_model_and_what_tensorflow_serving_says() -> None:
    state = {"model_version_status": [{"state": "AVAILABLE"}]}
    async with client_of(make_services(tf_serving=lambda: state)) as client:
        response = await client.get("/health")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["ok"] is True
    assert body["tfserving"] == state
    assert body["backend"]["name"] == "fake"
    assert body["backend"]["ready"] is True
    assert body["version"] == "1"
    assert body["model"] == {"name": "deepfake", "version": "1", "weights_sha256": SHA256}
    assert body["service_version"] == dfd.__version__


@pytest.mark.logs_errors
async def test_a_model_that_does_not_answer_is_alive_and_not_ready() -> None:
    async with client_of(make_services(backend=FakeBackend(is_ready=False))) as client:
        health, alive, ready = [await client.get(path) for path in ("/health", "/livez", "/readyz")]
    assert (health.status_code, health.json()["ok"], health.json()["tfserving"]) == (200, False, None)
    assert (alive.status_code, alive.json()) == (200, {"ok": True})
    assert_problem(ready, 503, "backend_unavailable")


async def test_a_backend_that_says_nothing_is_told_apart_from_one_that_is_away() -> None:
    silence = threading.Event()

    class Silent(FakeBackend):
        def state(self) -> BackendState:
            silence.wait(PATIENCE_S)
            return super().state()

    try:
        state = await ModelProbe(make_services(backend=Silent()), limit_s=0.01).state()
    finally:
        silence.set()
    assert (state.name, state.ready, state.reason) == ("fake", False, "no answer within 0.01 s")


async def test_a_probe_takes_silence_for_a_no() -> None:
    silence = threading.Event()
    try:
        probe = ModelProbe(make_services(tf_serving=lambda: silence.wait(PATIENCE_S)), limit_s=0.01)
        assert await probe.tf_serving() is None
    finally:
        silence.set()


async def test_probes_share_an_answer_and_remember_it_for_a_while() -> None:
    now_s = 100.0
    answers = iter(range(100))
    probe = ModelProbe(make_services(tf_serving=lambda: next(answers)), clock=lambda: now_s)
    assert await asyncio.gather(*(probe.tf_serving() for _ in range(5))) == [0] * 5
    assert await probe.tf_serving() == 0
    now_s += 2.0
    assert await probe.tf_serving() == 1
    now_s += LATELY_S - 1.0
    assert await probe.tf_serving(LATELY_S) == 1  # at once, and asked again meanwhile
    assert await probe.tf_serving() == 2
    now_s += LATELY_S + 1.0
    assert await probe.tf_serving(LATELY_S) == 3


async def test_a_caller_who_leaves_does_not_end_a_probe_that_others_wait_for() -> None:
    answer = threading.Event()
    probe = ModelProbe(make_services(tf_serving=lambda: answer.wait(PATIENCE_S)))
    leaving, staying = (asyncio.create_task(probe.tf_serving()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    answer.set()
    assert await staying is True


async def test_a_model_that_comes_back_is_heard_of() -> None:
    backend, now_s = FakeBackend(is_ready=False), 100.0
    probe = ModelProbe(make_services(backend=backend), clock=lambda: now_s)
    assert not await probe.ready()
    backend.is_ready = True
    now_s += FRESH_S + 0.1
    assert await probe.ready()


@pytest.mark.logs_errors
async def test_health_names_the_alias_that_is_followed_and_what_keeps_its_version_away() -> None:
    services = make_services()

    def load(version: str) -> LoadedModel:
        raise ModelCorrupt(f"version {version} in a private folder does not hold")

    follower = AliasFollower(services.model, "champion", lambda: "7", load, poll_s=60.0)
    async with client_of(replace(services, follower=follower)) as client:
        before = (await client.get("/health")).json()
        follower.look()
        after = (await client.get("/health")).json()
    assert before["following"] == {"alias": "champion", "wanted": "1", "error": None}
    assert after["following"] == {"alias": "champion", "wanted": "7", "error": "model_corrupt"}
    assert (after["ok"], after["version"]) == (True, "1")
    assert "private" not in json.dumps(after)


async def test_health_of_a_fixed_version_follows_nothing() -> None:
    async with client_of(make_services()) as client:
        assert (await client.get("/health")).json()["following"] is None
