"""``GET /v1/models``: versions, aliases and how a rollout goes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.api_client import TOKEN, assert_problem, client_of, make_services
from tests.fakes import FakeBackend, FakeRolloutStore, make_manifest
from tests.onnx_models import write_registry
from tests.rollout_traffic import STARTED, files, inverted, observed, sound

from dfd.aliases import Alias
from dfd.api.services import Services
from dfd.challenge.policy import RolloutPolicy
from dfd.challenge.rollout import Mode, RolloutState
from dfd.errors import JobStoreUnavailable
from dfd.registry.directory import DirectoryRegistry
from dfd.rollout.catalogue import ModelCatalogue
from dfd.rollout.desk import RolloutDesk, RolloutRequest
from dfd.rollout.keeper import KeeperState

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """A registry with a champion, rollouts in memory, and services that tell of both."""

    def __init__(self, root: Path) -> None:
        for version in ("1", "2"):
            write_registry(root, version=version)
        self.registry = DirectoryRegistry(root)
        aliases = self.registry.aliases("deepfake")
        self.registry.store_aliases("deepfake", aliases.promoted("1", Alias.CHAMPION, STARTED))
        self.store = FakeRolloutStore()
        self.now_s = 0.0
        self.desk = RolloutDesk(self.store, self.registry, lambda: STARTED.at_s + 60)
        self.part: KeeperState | None = None

    def services(self, **policy: Any) -> Services:
        services = make_services(backend=FakeBackend(), manifest=make_manifest(version="1"), **policy)
        catalogue = ModelCatalogue(services.model, self.registry, self.desk, lambda: self.part, lambda: self.now_s)
        return replace(services, catalogue=catalogue)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_model_without_rollouts_shows_its_versions_and_aliases(world: World) -> None:
    async with client_of(world.services()) as client:
        response = await client.get("/v1/models")
        drift = (await client.get("/v1/models/deepfake/1/drift")).json()
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert drift["measures"]
    assert response.json() == {
        "models": [
            {
                "name": "deepfake",
                "answering": "1",
                "versions": [{"version": "1", "aliases": ["champion"]}, {"version": "2", "aliases": []}],
                "alias_revision": 1,
                "rollout": None,
                "rollouts": [],
                "taking_part": None,
                "drift": drift,
            }
        ]
    }


async def test_a_rollout_shows_both_arms_its_rails_and_its_end_with_figures(world: World) -> None:
    rollout = world.desk.start(RolloutRequest("deepfake", "2", Mode.CANARY, 0.5, RolloutPolicy()), STARTED)
    rng = np.random.default_rng(1)
    for _, file in zip(range(100), files(rng), strict=False):
        world.store.observe(observed(rollout, file, sound, inverted, rng))
    world.part = KeeperState(rollout.rollout_id, 3, 1, None)
    async with client_of(world.services()) as client:
        [told] = (await client.get("/v1/models")).json()["models"]
        note = replace(STARTED, reason="enough", figures=world.desk.weighed(rollout).figures)
        world.desk.end(rollout, RolloutState.STOPPED, note)
        assert (await client.get("/v1/models")).json()["models"] == [told]  # a second old at most
        world.now_s += 1
        [after] = (await client.get("/v1/models")).json()["models"]
    running = told["rollout"]
    assert (running["state"], running["mode"], running["share"], running["ended"]) == ("running", "canary", 0.5, None)
    assert running["policy"]["ks"] == 0.3
    assert [running["arms"][arm]["version"] for arm in ("champion", "challenger")] == ["1", "2"]
    assert sum(arm["observations"] for arm in running["arms"].values()) == 100
    rails = {rail["name"]: rail for rail in running["rails"]}
    assert rails["disagreement"]["standing"] == "alarm"
    assert rails["disagreement"]["alarm"] >= 1
    assert rails["psi"]["within"] is None
    assert told["taking_part"] == {
        "rollout_id": rollout.rollout_id, "dropped_aside": 3, "dropped_observations": 1, "error": None,
    }  # fmt: skip
    assert after["rollout"]["ended"]["reason"] == "enough"
    assert after["rollout"]["ended"]["figures"]["champion_observations"] > 0
    assert [past["state"] for past in after["rollouts"]] == ["stopped"]


async def test_who_may_not_ask_is_not_told(world: World) -> None:
    async with client_of(world.services(bearer_token=TOKEN)) as client:
        assert_problem(await client.get("/v1/models"), 401, "unauthorized")
        allowed = await client.get("/v1/models", headers={"Authorization": f"Bearer {TOKEN}"})
    assert allowed.status_code == 200


@pytest.mark.logs_errors
async def test_a_database_that_is_away_is_told(world: World) -> None:
    world.store.error = JobStoreUnavailable("away")
    async with client_of(world.services()) as client:
        assert_problem(await client.get("/v1/models"), 503, "job_store_unavailable")


async def test_services_without_a_catalogue_tell_of_nothing() -> None:
    async with client_of(make_services()) as client:
        assert (await client.get("/v1/models")).json() == {"models": []}
