"""Who may do what, and whose things he sees: every route of the application, walked."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from tests.access_fakes import FakeAuditLog, FakeKeyStore, bearing
from tests.api_client import TOKEN, FakeAnalyzer, assert_problem, client_of, make_services, upload
from tests.fakes import FakeBackend, FakeMeter, make_face_score, make_report
from tests.feedback_fakes import FakeFeedbackStore
from tests.unit.test_explanation_faces import FACE, explainer, manifest_of, opener
from tests.unit.test_jobs import QUICK, House

from dfd.access.trail import AuditTrail
from dfd.api.app import create_app
from dfd.api.auth import from_header
from dfd.api.front import FrontDesk
from dfd.api.limits import RequestLimits
from dfd.api.scopes import OPEN, RULES, Reach
from dfd.api.services import Services
from dfd.audit import Action
from dfd.caller import Allowance, Scope
from dfd.errors import IdentityUnavailable, JobStoreUnavailable, Unauthorized, UnreadableVideo
from dfd.explanation.videos import ExplainedVideos
from dfd.jobs.feedback import FeedbackDesk
from dfd.ports.access import TokenVerifier
from dfd.rollout.live import LiveModel, LoadedModel

pytestmark = pytest.mark.anyio

REPORT = make_report(
    face_scores=tuple(make_face_score(frame_index=n, pts_s=n / 2, box=FACE.box) for n in range(4)),
    input_sha256=hashlib.sha256(b"video").hexdigest(),  # of the file that everyone uploads
)

NOWHERE = "0" * 32
"""Id of a job that there never was."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class World:
    """A service for two tenants, each with a key."""

    house: House = field(default_factory=lambda: House(analyzer=FakeAnalyzer(REPORT)))
    keys: FakeKeyStore = field(default_factory=FakeKeyStore)
    log: FakeAuditLog = field(default_factory=FakeAuditLog)
    tokens: TokenVerifier | None = None

    def __post_init__(self) -> None:
        self.acme, self.umbrella = self.keys.make("acme"), self.keys.make("umbrella")
        feedback = FakeFeedbackStore(self.house.store)
        services = make_services(
            self.house.analyzer,
            jobs=self.house.desk,
            callbacks=self.house.callbacks,
            feedback=FeedbackDesk(feedback, self.house.desk, self.house.clock, keep_sha256=True),
            bearer_token=TOKEN,
            keys=self.keys,
            tokens=self.tokens,
            trail=AuditTrail(self.log, self.house.clock),
        )
        videos = ExplainedVideos(opener(), explainer())
        model = LoadedModel(self.house.analyzer, FakeBackend(), manifest_of(), videos)
        self.services: Services = replace(
            services, model=LiveModel(model), metrics=lambda _accept: (b"", "text/plain"), limits=None
        )

    @property
    def app(self) -> FastAPI:
        return create_app(self.services)

    @asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        async with client_of(self.app) as client:
            if token is not None:
                client.headers.update(bearing(token))
            yield client

    async def submit(self, token: str, content: bytes = b"video", key: str | None = None) -> str:
        """A job of whoever has the token, and its id."""
        async with self.client(token) as client:
            query = {"callback_url": "https://receiver.example/"}
            headers = {} if key is None else {"Idempotency-Key": key}
            answer = await client.post("/v1/jobs", files=upload(content), params=query, headers=headers)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["jobs"][0]["id"]
        return job_id

    async def analysed(self, token: str) -> str:
        """The same, with a report and what is due for it sent."""
        job_id = await self.submit(token)
        assert self.house.worker().run_one(self.house.stop)
        assert self.house.deliverer.deliver_one()
        return job_id


def routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and name of every route."""
    for route in iter_route_contexts(World().app.routes):
        assert route.methods, route  # nothing is mounted that nobody looked at
        for method in sorted(route.methods - {"HEAD"}):
            yield method, str(route.path), str(route.name)


EVERY = list(routes())
GUARDED = [found for found in EVERY if found[2] not in OPEN]
OF_JOBS = [found for found in GUARDED if "{job_id}" in found[1]]

PAGES = {"new_analysis", "one_analysis", "all_analyses", "compare", "overview"}
"""Routes that answer people, also where something is wrong: with a page, or by asking them to sign in."""

NOT_OF_TENANTS = {"list_models", "get_drift", "get_calibration", "new_analysis", "session"}
"""Guarded routes that show nothing of any tenant."""


def called(path: str, job_id: str = NOWHERE) -> dict[str, Any]:
    """What to ask a route with, so that nothing but the job decides on the answer."""
    values = {"job_id": job_id, "name": "upload", "delivery_id": 1, "track": 0, "version": 1}
    more: dict[str, Any] = {"params": {"track": 0}} if path.endswith(("regions", "heatmaps")) else {}
    if path.endswith("/feedback"):
        more["json"] = {"label": "real"}
    return {"url": path.format(**values), **more}


# --- the tables ---------------------------------------------------------------------------------------------------


def test_every_route_is_in_one_of_the_tables_and_nothing_else_is() -> None:
    names = [name for _, _, name in EVERY]
    assert len(names) == len(set(names))
    assert set(names) == OPEN | set(RULES)
    assert not OPEN & set(RULES)


def test_whatever_names_a_job_reaches_no_further_than_the_tenant() -> None:
    assert OF_JOBS
    assert all(RULES[name].reach is Reach.TENANT for _, _, name in OF_JOBS)
    assert {name for _, _, name in GUARDED if RULES[name].reach is Reach.SERVICE} == NOT_OF_TENANTS


async def test_what_is_open_answers_anyone() -> None:
    statuses = {
        "get_asset": 404,
        "swagger_ui_file": 404,
        "sign_in": 403,
        "sign_out": 403,
    }  # no such file; not from a page of ours
    async with World().client() as client:
        for method, path, name in EVERY:
            if name in OPEN:
                assert (await client.request(method, path)).status_code == statuses.get(name, 200), path


@pytest.mark.parametrize(("method", "path", "name"), GUARDED)
async def test_what_is_guarded_needs_a_credential_with_the_scope(method: str, path: str, name: str) -> None:
    world = World()
    asked = called(path)
    async with world.client() as client:
        anyone = await client.request(method, **asked)
        if name in PAGES:
            assert (anyone.status_code, anyone.headers["location"].partition("?")[0]) == (303, "/sign-in")
        else:
            assert_problem(anyone, 401, "unauthorized")
        assert world.log.entries == []  # nobody showed anything
        others = world.keys.make("acme", *(set(Scope) - {RULES[name].scope}))
        refused = await client.request(method, **asked, headers=bearing(others))
        if name in PAGES:
            assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")
        else:
            assert_problem(refused, 403, "forbidden")
            assert f'scope="{RULES[name].scope}"' in refused.headers["www-authenticate"]
        right = world.keys.make("acme", RULES[name].scope)
        assert (await client.request(method, **asked, headers=bearing(right))).status_code not in (401, 403)
    [entry] = world.log.entries
    assert (entry.action, entry.tenant, entry.facts["route"]) == (Action.ACCESS_REFUSED, "acme", name)


async def test_a_route_in_no_table_is_refused_to_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfd.api.scopes.RULES", {})
    async with World().client(TOKEN) as client:
        assert_problem(await client.get("/v1/jobs"), 403, "forbidden")


@pytest.mark.logs_errors
async def test_a_route_that_was_included_without_its_guard_answers_nobody() -> None:
    world = World()
    app, forgotten = world.app, APIRouter()

    @forgotten.get("/forgotten")
    async def forgotten_route(front: FrontDesk) -> str:
        return front.caller.tenant

    app.include_router(forgotten)
    async with client_of(app) as client:
        assert_problem(await client.get("/forgotten", headers=bearing(world.acme)), 500, "internal")


async def test_failed_jobs_are_shown_on_the_page_of_the_service_to_who_may_see_jobs() -> None:
    world = World()
    world.house.analyzer.error = UnreadableVideo("no video")
    job_id = await world.submit(world.acme)
    assert world.house.worker().run_one(world.house.stop)
    shown = {}
    for scopes in ({Scope.MODELS_READ}, {Scope.MODELS_READ, Scope.JOBS_READ}):
        async with world.client(world.keys.make("acme", *scopes)) as client:
            page = await client.get("/admin")
        assert page.status_code == 200
        shown[len(scopes)] = (job_id in page.text, "Failed lately" in page.text)
    assert shown == {1: (False, False), 2: (True, True)}


# --- tenants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "name"), OF_JOBS)
async def test_anothers_job_is_as_if_it_did_not_exist(method: str, path: str, name: str) -> None:
    world = World()
    theirs = await world.analysed(world.acme)
    before = world.house.job(theirs)
    async with world.client(world.umbrella) as client:
        other = await client.request(method, **called(path, theirs))
        nobodys = await client.request(method, **called(path, NOWHERE))
    if name in PAGES:
        assert other.status_code == nobodys.status_code == 404
        requests = (other.headers["x-request-id"], nobodys.headers["x-request-id"])
        assert other.text.replace(theirs, NOWHERE).replace(requests[0], requests[1]) == nobodys.text
    else:
        told = [assert_problem(answer, 404, "job_not_found") for answer in (other, nobodys)]
        for body in told:
            body["detail"] = body["detail"].replace(theirs, "ID").replace(NOWHERE, "ID")
            del body["instance"], body["request_id"]
        assert told[0] == told[1]
    assert world.house.job(theirs) == before
    assert world.log.entries == []
    async with world.client(world.acme) as client:
        own = await client.request(method, **called(path, theirs))
    assert own.status_code in (200, 201, 202, 409), own.text
    assert "job_not_found" not in own.text or own.status_code != 404


async def test_the_service_secret_sees_the_default_tenant_and_no_other() -> None:
    world = World()
    mine, theirs = await world.submit(TOKEN), await world.submit(world.acme)
    async with world.client(TOKEN) as client:
        assert [job["id"] for job in (await client.get("/v1/jobs")).json()["jobs"]] == [mine]
        assert_problem(await client.get(f"/v1/jobs/{theirs}"), 404, "job_not_found")


async def test_lists_show_the_jobs_of_the_tenant_alone() -> None:
    world = World()
    jobs = {token: {await world.submit(token) for _ in range(3)} for token in (world.acme, world.umbrella)}
    for token, own in jobs.items():
        async with world.client(token) as client:
            for query in ({}, {"state": "queued"}, {"state": ["queued", "succeeded"]}):
                assert {job["id"] for job in (await client.get("/v1/jobs", params=query)).json()["jobs"]} == own
            found, cursor = set(), None
            for _ in range(3):
                page = (
                    await client.get("/v1/jobs", params={"limit": 1, **({"cursor": cursor} if cursor else {})})
                ).json()
                found |= {job["id"] for job in page["jobs"]}
                cursor = page["next_cursor"]
            assert found == own
            assert cursor is None


async def test_a_file_that_another_tenant_had_analysed_is_analysed_anew() -> None:
    world = World()
    await world.analysed(world.acme)
    async with world.client(world.umbrella) as client:
        [new] = (await client.post("/v1/jobs", files=upload())).json()["jobs"]
    assert (new["state"], new["answered_from"]) == ("queued", None)
    async with world.client(world.acme) as client:
        [again] = (await client.post("/v1/jobs", files=upload())).json()["jobs"]
    assert again["state"] == "succeeded"
    assert world.house.worker().run_one(world.house.stop)
    async with world.client(world.umbrella) as client:
        [known] = (await client.post("/v1/jobs", files=upload())).json()["jobs"]
    assert known["answered_from"] == new["id"]


async def test_an_idempotency_key_is_the_tenants_own() -> None:
    world = World()
    theirs = await world.submit(world.acme, key="1")
    ours = await world.submit(world.umbrella, key="1")
    assert theirs != ours
    assert await world.submit(world.acme, key="1") == theirs
    async with world.client(world.umbrella) as client:
        conflict = await client.post("/v1/jobs", files=upload(b"other"), headers={"Idempotency-Key": "1"})
    assert_problem(conflict, 409, "idempotency_conflict")
    assert theirs not in conflict.text


async def test_reviews_are_of_the_tenants_jobs() -> None:
    world = World()
    jobs = {token: await world.analysed(token) for token in (world.acme, world.umbrella)}
    for token, job_id in jobs.items():
        async with world.client(token) as client:
            assert (await client.post(f"/v1/jobs/{job_id}/feedback", json={"label": "real"})).status_code == 201
    for token, job_id in jobs.items():
        async with world.client(token) as client:
            found = (await client.get("/v1/reviews")).json()["reviews"]
        assert [review["job"]["id"] for review in found] == [job_id]


async def test_a_stream_of_events_is_of_the_tenants_job() -> None:
    world = World()
    theirs = await world.analysed(world.acme)
    async with world.client(world.acme) as client:
        heard = await client.get(f"/v1/jobs/{theirs}/events")
    assert "event: result" in heard.text


async def test_what_callers_do_is_written_down_with_who_they_are() -> None:
    world = World()
    done, waits = await world.analysed(world.acme), await world.submit(world.acme, b"another")
    async with world.client(world.acme) as client:
        answers = [
            await client.delete(f"/v1/jobs/{waits}"),
            await client.post(f"/v1/jobs/{done}/feedback", json={"label": "real", "note": "my cousin"}),
            await client.post(f"/v1/jobs/{done}/deliveries/1/replay"),
        ]
    assert [answer.status_code for answer in answers] == [202, 201, 202]
    [key_id] = [key.key_id for key in world.keys.keys.values() if key.tenant == "acme"]
    assert [(entry.action, entry.subject) for entry in world.log.entries] == [
        (Action.JOB_CANCELLED, waits),
        (Action.FEEDBACK_GIVEN, done),
        (Action.DELIVERY_REPLAYED, done),
    ]
    for entry, answer in zip(world.log.entries, answers, strict=True):
        assert (entry.actor, entry.tenant) == (f"key-{key_id}", "acme")
        assert entry.request_id == answer.headers["x-request-id"]
    assert "cousin" not in repr(world.log.entries)


# --- credentials --------------------------------------------------------------------------------------------------


async def test_a_failure_to_sign_in_is_written_down_without_what_was_shown() -> None:
    world = World()
    wrong = world.acme[:-1] + ("A" if world.acme[-1] != "A" else "B")
    async with world.client(wrong) as client:
        refused = await client.get("/v1/jobs")
    assert_problem(refused, 401, "unauthorized")
    [entry] = world.log.entries
    assert (entry.action, entry.actor, entry.address) == (Action.SIGN_IN_FAILED, None, "127.0.0.1")
    assert wrong[17:] not in repr(entry) + refused.text


async def test_a_key_that_was_revoked_opens_nothing_from_then_on() -> None:
    world = World()
    async with world.client(world.acme) as client:
        assert (await client.get("/v1/jobs")).status_code == 200
        [key] = world.keys.all_of("acme")
        world.keys.change(key.key_id, lambda found: found.revoked(0.0))
        assert_problem(await client.get("/v1/jobs"), 401, "unauthorized")


@pytest.mark.logs_errors
async def test_a_database_that_is_away_shuts_out_keys_and_not_the_service_secret() -> None:
    world = World()
    world.keys.error = JobStoreUnavailable("away")
    async with world.client() as client:
        refused = await client.post("/predict", files=upload(), headers=bearing(world.acme))
        assert_problem(refused, 503, "job_store_unavailable")
        assert refused.headers["retry-after"]
        assert (await client.post("/predict", files=upload(), headers=bearing(TOKEN))).status_code == 200


@pytest.mark.logs_errors
async def test_an_issuer_that_is_away_is_no_fault_of_the_caller() -> None:
    class Away(TokenVerifier):
        def caller_of(self, token: str) -> Any:
            if token == "a.b.c":
                raise IdentityUnavailable("the keys at https://internal.example/ cannot be loaded")
            raise Unauthorized("no")

    async with World(tokens=Away()).client("a.b.c") as client:
        refused = await client.get("/v1/jobs")
    assert_problem(refused, 503, "identity_unavailable")
    assert "internal" not in refused.text


async def test_a_credential_may_come_from_elsewhere_too() -> None:
    """As a page with a session has it; the header goes before."""
    world = World()
    job_id = await world.submit(world.acme)
    app = world.app
    app.state.credential_sources.append(lambda request: request.cookies.get("session"))
    async with client_of(app) as client:
        client.cookies.set("session", world.acme)
        assert (await client.get(f"/v1/jobs/{job_id}")).status_code == 200
        assert (await client.get(f"/v1/jobs/{job_id}", headers=bearing(world.umbrella))).status_code == 404
        assert (await client.get(f"/v1/jobs/{job_id}", headers=bearing("wrong"))).status_code == 401
    assert app.state.credential_sources[0] is from_header


# --- limits -------------------------------------------------------------------------------------------------------


async def test_each_key_has_its_own_count_and_may_have_its_own_limit() -> None:
    world = World()
    meter = FakeMeter()
    services = replace(world.services, limits=RequestLimits(meter, Allowance(2), clock=lambda: 90.0))
    more = world.keys.make("acme", allowance=Allowance(3))
    async with client_of(services) as client:
        for token, most in ((world.acme, 2), (more, 3), (world.umbrella, 2)):
            answers = [await client.post("/predict", files=upload(), headers=bearing(token)) for _ in range(most + 1)]
            assert [answer.status_code for answer in answers] == [200] * most + [429]
            assert_problem(answers[-1], 429, "rate_limited")
            assert answers[-1].headers["retry-after"] == "30"
    assert not [name for name, _ in meter.counts if "jwt" in name or "acme" in name]


async def test_the_callers_of_a_tenant_have_a_quota_together() -> None:
    world = World()
    limits = RequestLimits(FakeMeter(), tenant=Allowance(None, 2), clock=lambda: 86_390.0)
    other = world.keys.make("acme")
    async with client_of(replace(world.services, limits=limits)) as client:
        for token, status in ((world.acme, 200), (other, 200), (other, 429), (world.acme, 429), (world.umbrella, 200)):
            answer = await client.post("/predict", files=upload(), headers=bearing(token))
            assert answer.status_code == status
            if status == 429:
                assert_problem(answer, 429, "quota_exceeded")
                assert answer.headers["retry-after"] == "10"


async def test_an_event_is_signed_for_the_tenant_of_its_job() -> None:
    world = World()
    for token in (world.acme, world.umbrella, TOKEN):
        await world.analysed(token)
    assert world.house.notifier is not None
    assert world.house.notifier.tenants == ["acme", "umbrella", "default"]


async def test_no_tenant_fills_the_queue_of_all() -> None:
    world = World(House(policy=replace(QUICK, max_queued=4, max_queued_of_tenant=2)))
    for token in (world.acme, world.acme, world.umbrella):
        await world.submit(token)
    async with world.client(world.acme) as client:
        refused = await client.post("/v1/jobs", files=upload(b"another"))
        both = [("file", ("a", b"a", "video/mp4")), ("file", ("b", b"b", "video/mp4"))]
        assert_problem(refused, 503, "queue_full")
        assert refused.headers["retry-after"]
    async with world.client(world.umbrella) as client:
        assert_problem(await client.post("/v1/jobs", files=both), 503, "queue_full")
    await world.submit(world.umbrella)


# --- headers ------------------------------------------------------------------------------------------------------


async def test_every_answer_tells_browsers_to_do_nothing_with_it() -> None:
    world = World()
    job_id = await world.analysed(world.acme)
    async with world.client(world.acme) as client:
        answers = [await client.request(method, **called(path, job_id)) for method, path, _ in EVERY]
        answers.append(await client.get("/nowhere"))
        answers.append(await client.get(f"/v1/jobs/{job_id}/artifacts/report.json"))
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "script-src 'unsafe-inline'" not in policy
        public = answer.request.url.path == "/v1/signing-keys"
        assert headers["cache-control"] == ("public, max-age=300" if public else "no-store")


async def test_the_documentation_runs_the_script_it_brings_and_no_other() -> None:
    async with World().client() as client:
        page = await client.get("/docs")
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        files = [await client.get(address) for address in addresses]
        missing = await client.get("/docs/0/redoc.standalone.js")
    policy = page.headers["content-security-policy"]
    assert policy.count("'sha256-") == 1
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy
    assert "SwaggerUIBundle" in page.text
    assert json.dumps("/openapi.json")[1:-1] in page.text
    assert [answer.status_code for answer in files] == [200, 200, 200]
    assert {answer.headers["content-type"].partition(";")[0] for answer in files} == {
        "text/javascript",
        "text/css",
        "image/svg+xml",
    }
    assert b"SwaggerUIBundle" in next(answer.content for answer in files if "javascript" in str(answer.headers))
    assert missing.status_code == 404
